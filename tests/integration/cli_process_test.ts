/** The program as a process: signals, pipes that close, environment. */
import { documentOf } from "../support/document.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { deviceDeleted, event } from "../lab/scripted_behaviour.ts";
import {
  assertFailed,
  assertUnchanged,
  Instance,
  NAME,
  NEW,
  NEW_DISK,
  type Ran,
} from "../lab/scripted_instance.ts";

const PROGRAM = new URL("../../main.ts", import.meta.url).pathname;
const decoder = new TextDecoder();

type Streams = Pick<Deno.CommandOptions, "stdin" | "stdout" | "stderr" | "env">;

function start(
  vm: Instance,
  words: readonly string[],
  streams: Streams = {},
  flags: readonly string[] = [],
): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", ...flags, PROGRAM, "--run-dir", vm.runDir, ...words],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    ...streams,
  }).spawn();
}

/** Awaits its end and reads what it said. */
async function end(process: Deno.ChildProcess): Promise<Ran> {
  const { code, stdout, stderr } = await process.output();
  const out = decoder.decode(stdout);
  const err = decoder.decode(stderr);
  return {
    status: code,
    out,
    err,
    get json() {
      return documentOf(out);
    },
  };
}

/** An instance with a disk whose removal the guest does not answer. */
async function withSilentGuest(): Promise<Instance> {
  const vm = new Instance();
  const ran = await vm.cli("disk", "add", NAME, vm.image(), "--uuid", NEW);
  assertEquals(ran.status, 0, ran.out);
  vm.peer.guest = "is silent";
  return vm;
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.test(`${signal} while the guest is awaited: status 6 at once`, async () => {
    await using vm = await withSilentGuest();
    await assertUnchanged(vm, async () => {
      let sentMs = 0;
      vm.peer.once("device_del", {
        meanwhile: () => {
          sentMs = performance.now();
          process.kill(signal);
        },
      });
      const words = ["--json", "disk", "remove", NAME, NEW];
      const process = start(vm, words);
      const ran = await end(process);
      await vm.peer.idle();
      assertFailed(ran, 6, "unplug-pending");
      assert(performance.now() - sentMs < 2_000);
    });
  });
}

Deno.test("SIGINT amid a flood of events: status 6 at once", async () => {
  await using vm = await withSilentGuest();
  const noise = Array.from({ length: 5_000 }, () => event("RTC_CHANGE"));
  let sentMs = 0;
  function* endless() {
    for (let batch = 0;; batch++) {
      yield noise;
      // Early: the flood ends when the program asks whether the device is gone.
      if (batch !== 1) continue;
      sentMs = performance.now();
      process.kill("SIGINT");
    }
  }
  vm.peer.once("device_del", { flood: endless() });
  const words = ["disk", "remove", NAME, NEW, "--unplug-timeout", "30"];
  const process = start(vm, ["--json", ...words]);
  const ran = await end(process);
  const tookMs = performance.now() - sentMs;
  assertFailed(ran, 6, "unplug-pending");
  assert(sentMs > 0 && tookMs < 10_000, `it took ${Math.round(tookMs)} ms`);
});

for (const kind of ["replies to nobody", "events"]) {
  Deno.test(`a flood of ${kind} does not pile up in memory`, async () => {
    await using vm = await withSilentGuest();
    const text = "x".repeat(1 << 20);
    const message = kind === "events"
      ? event("RTC_CHANGE", { text })
      : { return: text, id: "nobody" };
    const batch = [message];
    function* flood() {
      // A slow machine's tool asks again meanwhile, which ends the flood.
      vm.peer.guest = "releases";
      for (let i = 0; i < 150; i++) yield batch;
      vm.peer.model.devices.delete(NEW_DISK);
      yield deviceDeleted(NEW_DISK);
    }
    vm.peer.once("device_del", { flood: flood() });
    const heap = ["--v8-flags=--max-old-space-size=80"];
    // A busy machine takes its time with 150 MiB; that is not the question.
    const patience = ["--unplug-timeout", "600"];
    const words = ["--json", "disk", "remove", NAME, NEW, ...patience];
    const ran = await end(start(vm, words, { env: {} }, heap));
    assertEquals(ran.status, 0, ran.err.slice(-300));
  });
}

Deno.test("SIGINT while a disk is added: the operation is completed", async () => {
  await using vm = new Instance();
  vm.peer.once("blockdev-add", { meanwhile: () => process.kill("SIGINT") });
  const words = ["--json", "disk", "add", NAME, vm.image()];
  const process = start(vm, words);
  const ran = await end(process);
  assertEquals([ran.status, ran.json.changed, ran.err], [0, true, ""]);
  assertEquals(vm.runtime[3].length, 2);
});

Deno.test("a stdout that nobody reads: the disk is added all the same", async () => {
  await using vm = new Instance();
  const words = ["--json", "disk", "add", NAME, vm.image()];
  const process = start(vm, words, { stdout: "piped", stderr: "null" });
  await process.stdout.cancel();
  const { code } = await process.status;
  assertEquals(code, 0);
  assertEquals(vm.runtime[3].length, 2);
});

/** Runs the program with its descriptors redirected as a shell does. */
async function redirected(
  vm: Instance,
  how: string,
  ...words: string[]
): Promise<{ status: number; err: string }> {
  const program = ["run", "-A", PROGRAM, "--run-dir", vm.runDir];
  const { code, stderr } = await new Deno.Command("/bin/sh", {
    args: [
      "-c",
      `exec "$@" ${how}`,
      "sh",
      Deno.execPath(),
      ...program,
      ...words,
    ],
    stdout: "null",
  }).output();
  return { status: code, err: decoder.decode(stderr) };
}

/** Runs an addition with some of the first three descriptors closed. */
async function withClosed(vm: Instance, closing: string): Promise<number> {
  const add = ["disk", "add", NAME, vm.image()];
  return (await redirected(vm, closing, ...add)).status;
}

Deno.test("closed descriptors 0, 1 and 2 spoil nothing", async () => {
  for (const closing of ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"]) {
    await using vm = new Instance();
    const before = vm.peer.model.contents().length;
    assertEquals(await withClosed(vm, closing), 0, closing);
    assertEquals(vm.peer.model.contents().length, before + 2);
    assertEquals(vm.runtime[3].length, 2);
  }
});

Deno.test("a full stdout spoils nothing", async () => {
  await using vm = new Instance();
  assertEquals(await withClosed(vm, ">/dev/full 2>/dev/full"), 0);
  assertEquals(vm.runtime[3].length, 2);
});

Deno.test("an answer that cannot be written is never 0 in silence", async () => {
  await using vm = new Instance();
  const add = ["disk", "add", NAME, vm.image(), "--uuid", NEW];
  const full = async (...words: string[]) => {
    const { status, err } = await redirected(vm, ">/dev/full", ...words);
    const lines = err.trimEnd().split("\n");
    return [
      status,
      lines.length,
      /Cannot write the answer: No space/.test(err),
    ];
  };
  assertEquals(await full("list"), [5, 1, true]);
  assertEquals(await full("list", "--json"), [5, 1, true]);
  assertEquals(await full(...add, "--dry-run"), [5, 1, true]);
  // What was changed is changed, and stderr says so.
  assertEquals(await full(...add), [0, 1, true]);
  assertEquals(vm.runtime[3].length, 2);
  assertEquals(await full(...add), [5, 1, true]);
  const gone = await redirected(vm, ">/dev/full", "list", "no-vm", "--json");
  assertEquals(gone.status, 3);
  assertMatch(gone.err, /no-vm/);
  const request = '{"jsonrpc":"2.0","id":1,"method":"list"}';
  const rpc = await redirected(vm, `>/dev/full <<EOF\n${request}\nEOF`, "rpc");
  assertEquals([rpc.status, /Cannot write/.test(rpc.err)], [5, true]);
});

Deno.test("KVM_HOTPLUG_RUN_DIR takes the place of --run-dir", async () => {
  await using vm = new Instance();
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", PROGRAM, "list"],
    env: { KVM_HOTPLUG_RUN_DIR: vm.runDir },
  }).output();
  assertEquals(code, 0);
  assertMatch(decoder.decode(stdout), new RegExp(NAME));
});

Deno.test("errors are one line on stderr, then a hint; stdout stays empty", async () => {
  await using vm = new Instance();
  const ran = await end(start(vm, ["disk", "add", "vm2", "/dev/null"]));
  assertEquals([ran.status, ran.out], [3, ""]);
  assertMatch(ran.err, /^kvm-hotplug: [^\n]+vm2[^\n]+\nhint: [^\n]+\n$/);
});

Deno.test("two processes at once share no slot and lose no entry", async () => {
  await using vm = new Instance();
  const names = ["a.img", "b.img", "c.img"];
  const all = await Promise.all(
    names.map((name) =>
      end(start(vm, ["--json", "disk", "add", NAME, vm.image(name)]))
    ),
  );
  assertEquals(all.map((ran) => ran.status), [0, 0, 0]);
  const slots = all.map((ran) => (ran.json.device as { slot: number }).slot);
  assertEquals(slots.sort(), [14, 15, 16]);
  assertEquals(vm.runtime[3].length, 4);
});
