/** The executable where it lacks what it needs, and where it is ended early. */
import { documentOf } from "../support/document.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { EXECUTABLE } from "../lab/tool.ts";
import {
  assertUnchanged,
  Instance,
  NAME,
  NEW,
} from "../lab/scripted_instance.ts";

/** Runs the executable from a shell that prepares its surroundings. */
async function runAfter(prepare: string, words: readonly string[]) {
  const line = `${prepare} exec "$@"`;
  const { code, signal, stdout, stderr } = await new Deno.Command("unshare", {
    args: ["--mount", "bash", "-c", line, "bash", EXECUTABLE, ...words],
    // The environment stands on the stack: the smallest would be full of ours.
    clearEnv: true,
    env: { PATH: Deno.env.get("PATH") ?? "" },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, signal, out: text(stdout), err: text(stderr) };
}

const STACK = /the stack is limited to less than 2 MiB: .*ulimit -s/;
const DATA = /data of a process is limited to less than 1 GiB: .*ulimit -d/;
const ADDRESSES = /space is limited to less than 64 GiB: .*ulimit -v/;

/** Limits in KiB, as bash takes them. */
const LACKING: Record<string, RegExp> = {
  "ulimit -s 16;": STACK,
  "ulimit -s 64;": STACK,
  "ulimit -s 512;": STACK,
  "ulimit -s 2047;": STACK,
  "ulimit -d 10000;": DATA,
  "ulimit -d 1048575;": DATA,
  "ulimit -v 4000000;": ADDRESSES,
  "ulimit -v 67108863;": ADDRESSES,
  "mount -t tmpfs none /proc;": /\/proc is not there: mount it/,
};

for (const [prepare, why] of Object.entries(LACKING)) {
  Deno.test(`the executable says in one line what it lacks: ${prepare}`, async () => {
    for (const words of [["list"], ["rpc"], ["disk", "add", "vm1", "/x"]]) {
      const { code, out, err } = await runAfter(prepare, words);
      assertEquals([code, out, err.split("\n").length], [3, "", 2], err);
      assertMatch(err, /^kvm-hotplug: Cannot start: /);
      assertMatch(err, why);
    }
    const { code, out, err } = await runAfter(prepare, ["list", "--json"]);
    assertEquals([code, err, out.split("\n").length], [3, "", 2]);
    const { ok, changed, error } = documentOf(out);
    assertEquals([ok, changed, error.code], [false, false, "refused"]);
    assertMatch(error.message, why);
  });
}

Deno.test("the executable starts with the least that it asks for", async () => {
  const least = "ulimit -s 2048; ulimit -d 1048576; ulimit -v 67108864;";
  const { code, err } = await runAfter(least, ["help"]);
  assertEquals([code, err], [0, ""]);
});

/** What may not grow beyond the limit, in KiB: the journal; the runtime file. */
const TOO_LONG = { journal: 1, "runtime file": 24 };

for (const [what, limit] of Object.entries(TOO_LONG)) {
  Deno.test(`a ${what} that may not grow (ulimit -f): undone, status 5`, async () => {
    await using vm = new Instance();
    const source = vm.image();
    const text = vm.text;
    Deno.writeTextFileSync(vm.runtimePath, text + " ".repeat(64 * 1024));
    // The folder and the lock stay.
    assertEquals((await vm.cli("repair", NAME)).status, 0);
    const options = ["--run-dir", vm.runDir, "--json"];
    await assertUnchanged(vm, async () => {
      const ran = await runAfter(`ulimit -f ${limit};`, [
        ...["disk", "add", NAME, source, ...options],
      ]);
      await vm.peer.idle();
      assertEquals([ran.code, ran.signal, ran.err], [5, null, ""], ran.out);
      const { error, changed } = documentOf(ran.out);
      assertEquals([error.code, changed], ["state-write-failed", false]);
      assertMatch(error.message, /EFBIG/);
    });
  });
}

/** Ends the call that adds a disk after some time. */
async function cutOff(vm: Instance, signal: Deno.Signal, afterMs: number) {
  const source = vm.image();
  const add = ["disk", "add", NAME, source, "--uuid", NEW];
  const child = new Deno.Command(EXECUTABLE, {
    args: [...add, "--run-dir", vm.runDir, "--json"],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timer = setTimeout(() => {
    try {
      child.kill(signal);
    } catch {
      // It has ended.
    }
  }, afterMs);
  const ended = await child.output();
  clearTimeout(timer);
  await vm.peer.idle();
  const [out, err] = [ended.stdout, ended.stderr]
    .map((bytes) => new TextDecoder().decode(bytes));
  return { code: ended.code, signal: ended.signal, out, err };
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.test(`${signal} at any time from the start on: killed before anything, or a status`, async () => {
    await using vm = new Instance();
    vm.image();
    assertEquals((await vm.cli("repair", NAME)).status, 0);
    const before = vm.state();
    const startMs = performance.now();
    assertEquals((await cutOff(vm, signal, 60_000)).code, 0);
    const wholeMs = performance.now() - startMs;
    const seen = new Set<string>();
    for (let part = 0; part < 12; part++) {
      await vm.cli("disk", "remove", NAME, NEW);
      assertEquals(vm.state(), before);
      const ran = await cutOff(vm, signal, wholeMs * part / 12);
      assertEquals(ran.err, "");
      seen.add(ran.signal ?? `${ran.code}`);
      if (ran.signal !== null) {
        assertEquals([ran.signal, ran.out], [signal, ""]);
        assertEquals(vm.state(), before);
        continue;
      }
      const { ok, changed } = documentOf(ran.out ?? "");
      assertEquals([ran.code, ok, changed], [0, true, true], ran.out);
    }
    assert(seen.has(signal), [...seen].join());
  });
}
