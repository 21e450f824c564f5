/**
 * The code that V8 made beforehand: that it is used, that nothing is left of
 * it, and that the tool starts where it cannot be used.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { packProgram } from "../../tools/build/pack_program.ts";
import { RUN_FLAGS } from "../../tools/build/surroundings.ts";
import { run, Scratch } from "./executable_probe.ts";

/** V8's code of these is 1.5 MB. */
const FUNCTIONS = Array.from(
  { length: 2000 },
  (_, i) => `f${i}:x=>x.map(y=>[y,${i}]).filter(z=>z!==${i}).join("${i}")`,
).join(",");
/** Says that it runs, and does so until its input ends. */
const PROGRAM = {
  code: `await evaluateText(0).start()`,
  texts: [
    `({start(){console.log(Deno.args.join());` +
    `Deno.stdin.readSync(new Uint8Array(1))},${FUNCTIONS}})`,
  ],
};

let scratch: Scratch;
/** With V8's code, with one that V8 does not take, and with none. */
const paths = { taken: "", refused: "" };

Deno.test.beforeAll(async () => {
  scratch = new Scratch();
  const deno = await Deno.readFile(Deno.execPath());
  const others = RUN_FLAGS.map((flag) =>
    flag.replace(",--no-ignition-reo", "")
  );
  for (
    const [name, cacheFlags] of [
      ["taken", RUN_FLAGS],
      ["refused", others],
    ] as const
  ) {
    const path = paths[name] = `${scratch.path}/${name}`;
    const folder = await Deno.makeTempDir({ dir: scratch.path });
    const packed = await packProgram(deno, PROGRAM, { folder, cacheFlags });
    await Deno.writeFile(path, packed, { mode: 0o755 });
  }
});

Deno.test.afterAll(() => scratch[Symbol.dispose]());

/** Starts a program; its folder of caches is there until it is disposed. */
async function started(command: string, args: string[] = []) {
  const { env, cwd } = scratch;
  const child = new Deno.Command(command, {
    args,
    env: { ...env, PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    cwd,
    clearEnv: true,
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  return {
    said: new TextDecoder().decode(value).trim(),
    folder: `/proc/${child.pid}/fd/901`,
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      await child.stdin.close();
      await reader.cancel();
      assertEquals((await child.status).code, 0);
    },
  };
}

/** Bytes that Deno wrote beside what it was given: what it compiled itself. */
async function writtenBytes(command: string): Promise<number> {
  await using running = await started(command, ["a"]);
  assertEquals(running.said, "a");
  const { size } = await Deno.stat(`${running.folder}/v8_code_cache_v2-wal`);
  return size;
}

Deno.test("packProgram() makes V8 take the code that was made for it", async () => {
  const taken = await writtenBytes(paths.taken);
  const refused = await writtenBytes(paths.refused);
  // Whatever V8 does not take is compiled and kept anew: of the functions only
  // what is called, which is a sixth of the code that was made.
  assert(taken < 100_000, `${taken} bytes`);
  assert(refused > 150_000 && refused < 500_000, `${refused} bytes`);
});

/** The mounts a process sees. */
function mountsOf(pid: number | "self"): string {
  return Deno.readTextFileSync(`/proc/${pid}/mountinfo`);
}

Deno.test("packProgram() makes a program whose caches nobody else can see", async () => {
  const places = ["/", "/tmp", "/run", "/dev/shm", "/proc/self/fdinfo"];
  const names = () =>
    places.flatMap((place) =>
      [...Deno.readDirSync(place)].map(({ name }) => `${place}/${name}`)
    ).filter((name) => name.includes("cache_v2"));
  await using running = await started(paths.taken);
  const there = [...Deno.readDirSync(running.folder)].map(({ name }) => name);
  assert(there.includes("v8_code_cache_v2"), there.join());
  assertEquals((await Deno.stat(running.folder)).mode! & 0o7777, 0o700);
  assertEquals(names(), []);
  assertEquals(mountsOf(running.pid), mountsOf("self"));
  assertEquals(scratch.files(), []);
});

/** The psABI's name of ld.so. */
const LOADERS = {
  x86_64: "/lib64/ld-linux-x86-64.so.2",
  aarch64: "/lib/ld-linux-aarch64.so.1",
};

/** A shell's command line that starts the program worse off. */
const WITHOUT: Record<string, string> = {
  "the right to mount": `exec setpriv --bounding-set=-sys_admin `,
  "room for more fds": `ulimit -n 256; exec `,
  "leave to write long files": `ulimit -f 8; exec `,
};

for (const [what, prefix] of Object.entries(WITHOUT)) {
  Deno.test(`packProgram() makes a program that starts without ${what}`, async () => {
    const line = `${prefix}${paths.taken} "$@"`;
    await using running = await started("/bin/sh", ["-c", line, "sh", "a"]);
    assertEquals(running.said, "a");
    await Deno.lstat(running.folder).then(
      () => assert(false, "there is such a folder"),
      (error) => assert(error instanceof Deno.errors.NotFound, `${error}`),
    );
    assertEquals(scratch.files(), []);
  });
}

Deno.test("packProgram() makes a program that writes into no folder of its caller", async () => {
  const folder = `${scratch.path}/inherited`;
  await Deno.mkdir(folder);
  // fds of more than one digit are bash's own.
  for (const limit of ["unlimited", "8"]) {
    const line =
      `exec 901<${folder}; ulimit -f ${limit}; exec ${paths.taken} a`;
    await using running = await started("/bin/bash", ["-c", line]);
    assertEquals(running.said, "a");
    assertEquals([...Deno.readDirSync(folder)], []);
  }
});

Deno.test("packProgram() makes a program that says when it cannot read itself", () => {
  const { cwd, env } = scratch;
  // By ld.so's own path: /proc/self/exe is ld.so then.
  const loader = LOADERS[Deno.build.arch];
  const args = [paths.taken, "a"];
  const { code, stderr } = run(loader, { args, env, cwd });
  assertEquals(code, 1);
  assertStringIncludes(stderr, "/proc/self/exe");
  assertEquals(stderr.trim().split("\n").length, 1);
});
