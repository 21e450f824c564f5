import { assertEquals, assertMatch } from "@std/assert";
import { parseInvocation } from "../../lib/commands/args.ts";
import { withWholeName } from "../../lib/commands/whole_name.ts";
import { refusal } from "../support/facts.ts";

const NAME = "vm1.example.com";

/** The instance that words name, on a node with one. */
function named(...words: string[]): string | undefined {
  const runDir = Deno.makeTempDirSync({ prefix: "kvm-hotplug-name-" });
  try {
    const conf = `${runDir}/kvm-hypervisor/conf`;
    Deno.mkdirSync(conf, { recursive: true });
    Deno.writeTextFileSync(`${conf}/${NAME}.runtime`, "");
    const env = (name: string) =>
      name === "KVM_HOTPLUG_RUN_DIR" ? runDir : undefined;
    const given = parseInvocation(words);
    const whole = withWholeName(given, env);
    assertEquals(whole.operands.slice(1), given.operands.slice(1));
    return whole.operands[0];
  } finally {
    Deno.removeSync(runDir, { recursive: true });
  }
}

Deno.test("withWholeName() completes a name, and leaves one that is given with its files", () => {
  const remove = ["disk", "remove"];
  assertEquals(named(...remove, "vm1", "0"), NAME);
  assertEquals(named(...remove, NAME, "0"), NAME);
  for (const option of ["--qmp", "--state"]) {
    assertEquals(named(option, "/x", ...remove, "vm1", "0"), "vm1", option);
  }
  assertEquals(named("check", "/run/vm1"), "/run/vm1");
});

Deno.test("withWholeName() lets adopt make no file of half a name", () => {
  const { message, hint } = refusal(
    "no-such-instance",
    () => named("adopt", "vm1"),
  );
  assertMatch(message, /whole name .* vm1$/);
  assertMatch(hint ?? "", /adopt vm1\.example\.com/);
});
