/** The rates of a tap, where tc is missing or fails. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { findProgram } from "../../lib/host/network.ts";
import { present } from "../support/facts.ts";

const TUNING = new URL("../../lib/host/tap_tuning.ts", import.meta.url).href;

/**
 * What a call of the module comes to in network and mount namespaces of its
 * own.
 *
 * @param call an expression on its exports
 * @param tc the file in place of the program
 */
async function called(
  call: string,
  tc: string,
): Promise<{ value?: unknown; error?: string }> {
  const script = `
    const it = await import(${JSON.stringify(TUNING)});
    const answer = await (async () => ${call})()
      .then((value) => ({ value }), ({ message }) => ({ error: message }));
    console.log(JSON.stringify(answer));
  `;
  const place = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';
  const { stdout, stderr } = await new Deno.Command("unshare", {
    args: [
      ...["--mount", "--net", "sh", "-c", place, "sh"],
      ...[tc, present(findProgram("tc")), Deno.execPath(), "eval", script],
    ],
    env: { NO_COLOR: "1" },
  }).output();
  const [text, faults] = [stdout, stderr]
    .map((bytes) => new TextDecoder().decode(bytes));
  if (text === "") throw new Error(faults);
  return JSON.parse(text ?? "");
}

/** A tc that says this and ends, until it is disposed. */
function failingTc(says: string, status = 2) {
  const path = Deno.makeTempFileSync();
  const script = `#!/bin/sh\necho '${says}' >&2\nexit ${status}\n`;
  Deno.writeTextFileSync(path, script);
  Deno.chmodSync(path, 0o755);
  return { path, [Symbol.dispose]: () => Deno.removeSync(path) };
}

const UNKNOWN = { in: "unknown", out: "unknown" };

Deno.test("ratesOf() knows nothing where tc is missing or fails", async () => {
  const call = 'it.ratesOf("lo")';
  assertEquals(await called(call, present(findProgram("tc"))), {
    value: { in: null, out: null },
  });
  using tc = failingTc("Cannot open netlink socket");
  assertEquals(await called(call, tc.path), { value: UNKNOWN });
  assertEquals(await called(call, "/dev/null"), { value: UNKNOWN });
  using odd = failingTc("no JSON", 0);
  assertEquals(await called(call, odd.path), { value: UNKNOWN });
});

Deno.test("ratesOf() does not guess a policer of which tc tells nothing", async () => {
  const path = Deno.makeTempFileSync();
  Deno.writeTextFileSync(
    path,
    `#!/bin/sh
[ "$2" = qdisc ] || exit 2
echo '[{"kind":"tbf","options":{"rate":5000}},{"kind":"ingress"}]'
`,
  );
  Deno.chmodSync(path, 0o755);
  try {
    assertEquals(await called('it.ratesOf("lo")', path), {
      value: { in: 5000, out: "unknown" },
    });
  } finally {
    Deno.removeSync(path);
  }
});

Deno.test("tuneTap() asks tc only about other rates", async () => {
  using tc = failingTc("Cannot open netlink socket");
  const tune = (to: unknown, from: unknown) =>
    called(
      `it.tuneTap("lo", ${JSON.stringify(to)}, ${JSON.stringify(from)})`,
      tc.path,
    );
  const mtu = 65_536;
  const none = { in: null, out: null };
  const some = { in: 5000, out: null };
  assertEquals(await tune({ mtu, ...none }, none), {});
  assertEquals(await tune({ mtu, ...some }, some), {});
  for (const [to, from] of [[some, none], [none, some]]) {
    const { error = "" } = await tune({ mtu, ...to }, from);
    assertStringIncludes(error, "Cannot open netlink socket");
  }
});

Deno.test("ratesFault() tells a lacking module from another fault", async () => {
  const call = "it.ratesFault({ in: 65536, out: null })";
  using lacking = failingTc("Error: Specified qdisc kind is unknown.");
  assertEquals(await called(call, lacking.path), {
    value: "this node's kernel lacks the tbf qdisc (module sch_tbf)",
  });
  using other = failingTc("Cannot open netlink socket");
  const { value } = await called(call, other.path);
  assertMatch(
    String(value),
    / failed \(exit code 2\): Cannot open netlink socket$/,
  );
  assertEquals(await called(call, "/dev/null"), {
    value: "iproute2 is missing: no program tc",
  });
});
