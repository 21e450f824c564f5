/** The built executable, under all that could influence a tool run as root. */
import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { buildExecutable } from "../../tools/build/executable.ts";
import { CONDITIONS } from "./executable_conditions.ts";
import { run, Scratch, see } from "./executable_probe.ts";

let scratch: Scratch;
let executable: string;

Deno.test.beforeAll(async () => {
  scratch = new Scratch();
  const { main, path } = scratch;
  const built = await buildExecutable({ main, out: `${path}/probe` });
  executable = built.path;
});

Deno.test.afterAll(() => scratch[Symbol.dispose]());

const HIDDEN =
  /^(DENO_|OTEL_|NODE_|NPM_CONFIG_|RUST_|OPENSSL_|SIMDUTF_|SQLITE_|ICU_|LIBFFI_|SSLKEYLOGFILE$|COMPLETE$|~)/;

for (const [name, { env, files, disturbs }] of Object.entries(CONDITIONS)) {
  Deno.test(`buildExecutable() makes a tool deaf to ${name}`, () => {
    using place = new Scratch();
    for (const [file, text] of Object.entries(files ?? {})) {
      Deno.writeTextFileSync(`${place.path}/${file}`, text);
    }
    const before = place.files();
    const how = { args: ["a"], env: { ...place.env, ...env }, cwd: place.cwd };
    const seen = see(executable, how);
    const visible = Object.entries(how.env).filter(([key]) =>
      !HIDDEN.test(key)
    );
    assertEquals(seen.args, ["a"]);
    assertEquals(seen.env, Object.fromEntries(visible));
    const expected = visible.map(([key, value]) => `${key}=${value}`).sort();
    assertEquals(seen.childEnv, expected);
    assertEquals(seen.cwd, place.cwd);
    assertEquals(place.files(), before);

    if (disturbs === "Deno") {
      const plain = run(Deno.execPath(), { ...how, args: ["eval", "1"] });
      const silent = { code: 0, stdout: "", stderr: "" };
      assertNotEquals(
        { ...plain, files: place.files() },
        { ...silent, files: before },
      );
    }
  });
}

Deno.test("buildExecutable() makes a tool that starts with no environment", () => {
  const seen = see(executable, { env: {}, cwd: scratch.cwd });
  assertEquals([seen.env, seen.childEnv], [{}, [""]]);
  assertEquals(scratch.files(), []);
});

Deno.test("buildExecutable() makes a tool that does not phone home", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  see(executable, {
    env: {
      ...scratch.env,
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    },
    cwd: scratch.cwd,
  });
  // The connection accepted first is ours: the tool made none before.
  using ours = await Deno.connect({ port });
  using first = await listener.accept();
  assertEquals(first.remoteAddr, ours.localAddr);
});

Deno.test("buildExecutable() makes a tool that starts where nothing can be written, or is left", () => {
  assertEquals(see(executable, { env: {}, cwd: "/proc" }).cwd, "/proc");
  const gone = `${scratch.path}/gone`;
  Deno.mkdirSync(gone);
  const script = `rmdir ${gone} && exec ${executable} ""`;
  const how = { args: ["-c", script], env: scratch.env, cwd: gone };
  const { cwd, args } = see("/bin/sh", how);
  assert(/^\/proc\/\d+\/fdinfo$/.test(cwd), cwd);
  assertEquals(args, [""]);
});

Deno.test("buildExecutable() passes every argument on as it is", () => {
  const lists = [
    ["--"],
    ["--", "--"],
    ["--help"],
    ["-h"],
    ["--version", "-V"],
    ["-A", "--allow-all", "--no-config"],
    ["--v8-flags=--help"],
    ["-", "", " ", "a b"],
    ["--env-file=.env", "--inspect-wait", "eval"],
    ["ü", "日本", "\u{1f600}", "a\nb", "'\"$(id)"],
    Array.from({ length: 1000 }, (_, i) => `${i}`),
    ["x".repeat(100_000)],
  ];
  for (const args of lists) {
    const how = { args, env: scratch.env, cwd: scratch.cwd };
    assertEquals(see(executable, how).args, args);
  }
});

Deno.test("buildExecutable() makes a tool whose own name does not matter", () => {
  for (const name of ["dx", "node", "deno"]) {
    const link = `${scratch.path}/${name}`;
    Deno.symlinkSync(executable, link);
    const how = { args: ["a"], env: scratch.env, cwd: scratch.cwd };
    assertEquals(see(link, how).args, ["a"]);
  }
});

Deno.test("buildExecutable() makes a tool that passes its exit status on", () => {
  const how = { env: scratch.env, cwd: scratch.cwd };
  for (const status of [0, 1, 7, 42]) {
    const { code } = run(executable, { ...how, args: ["exit", `${status}`] });
    assertEquals(code, status);
  }
  const thrown = run(executable, { ...how, args: ["throw"] });
  assertEquals(thrown.code, 1);
  assertStringIncludes(thrown.stderr, "thrown by the probe");
  assert(!thrown.stderr.includes("probe.ts"), thrown.stderr);
  assert(!thrown.stderr.includes(import.meta.dirname ?? "?"), thrown.stderr);
});

Deno.test("buildExecutable() replaces a running tool, with the same bytes", async () => {
  const { main, path, env, cwd } = scratch;
  const out = `${path}/twice`;
  const first = await buildExecutable({ main, out });
  await using running = new Deno.Command(out, {
    args: ["wait"],
    env,
    cwd,
    clearEnv: true,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const second = await buildExecutable({ main, out });
  assertEquals(second, first);
  const { mode, size } = await Deno.stat(out);
  assertEquals([(mode ?? 0) & 0o7777, size], [0o755, first.sizeBytes]);
  const bytes = await Deno.readFile(out);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  assertEquals(hash.toHex(), first.sha256);
  await running.stdin.close();
  assertEquals((await running.status).code, 0);
});

Deno.test("buildExecutable() shields what deno compile makes too", async () => {
  // With Deno itself in the place of the runtime that it would download: it
  // does not run the program, but is embedded and started in the same way.
  const before = Deno.env.get("DENORT_BIN");
  Deno.env.set("DENORT_BIN", Deno.execPath());
  using place = new Scratch();
  const [main, out] = [place.main, `${place.path}/compiled`];
  try {
    const built = await buildExecutable({ main, out, via: "compile" });
    assertEquals(built.via, "compile");
    assertEquals(await buildExecutable({ main, out, via: "compile" }), built);
  } finally {
    if (before === undefined) Deno.env.delete("DENORT_BIN");
    else Deno.env.set("DENORT_BIN", before);
  }
  const code = "console.log(JSON.stringify([Deno.args,Deno.env.toObject()]))";
  const env = { A: "1", HOME: "/h", DENO_V8_FLAGS: "--bogus", OTEL_DENO: "1" };
  const args = ["eval", "--no-config", code, "x"];
  const { stdout } = run(out, { args, env, cwd: place.cwd });
  const [seenArgs, seenEnv] = JSON.parse(stdout);
  assertEquals(seenArgs, ["x"]);
  assertEquals([seenEnv.A, seenEnv["~OME"]], ["1", "/h"]);
  assertEquals([seenEnv.DENO_V8_FLAGS, seenEnv.OTEL_DENO], [
    undefined,
    undefined,
  ]);
});

Deno.test("buildExecutable() leaves the old executable when it fails", async () => {
  const out = `${scratch.path}/old`;
  const main = `${scratch.path}/broken.ts`;
  await Deno.writeTextFile(out, "old");
  await Deno.writeTextFile(main, "let let");
  const build = () => buildExecutable({ main, out });
  await assertRejects(build, Error, "Cannot bundle");
  assertEquals(await Deno.readTextFile(out), "old");
});
