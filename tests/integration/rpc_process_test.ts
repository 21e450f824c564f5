/** `rpc` as a process: pipes that close or fill up, signals, hostile lines. */
import { responseOf } from "../support/document.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { EXECUTABLE } from "../lab/tool.ts";
import {
  type Doc,
  Instance,
  NAME,
  NEW,
  NEW_DISK,
} from "../lab/scripted_instance.ts";

function start(vm: Instance, ...args: string[]): Deno.ChildProcess {
  return new Deno.Command(EXECUTABLE, {
    args: ["rpc", "--run-dir", vm.runDir, ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

function line(id: number, method: string, params: Doc = {}): Uint8Array {
  const message = { jsonrpc: "2.0", id, method, params };
  return new TextEncoder().encode(JSON.stringify(message) + "\n");
}

/** What it wrote until it ended, in lines. */
async function rest(process: Deno.ChildProcess): Promise<Doc[]> {
  const { stdout } = await process.output();
  const text = new TextDecoder().decode(stdout);
  return text.trimEnd().split("\n").map((line) => responseOf(line));
}

Deno.test("rpc waits for no reader while it works", async () => {
  await using vm = new Instance();
  const process = start(vm);
  const writer = process.stdin.getWriter();
  // Far more than a pipe holds, and nobody reads: the disk is added all the
  // same, for QEMU must not wait for a master.
  for (let id = 0; id < 60; id++) await writer.write(line(id, "help"));
  const disk = { instance: NAME, source: vm.image(), uuid: NEW };
  await writer.write(line(60, "disk.add", disk));
  const end = performance.now() + 10_000;
  while (!vm.text.includes(NEW)) {
    if (performance.now() > end) throw new Error("the disk was not added");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await writer.close();
  const answers = await rest(process);
  assertEquals(answers.length, 61);
  assertEquals((await process.status).code, 0);
});

/** An rpc that waits until the guest releases the disk it has added. */
async function removalWaits(vm: Instance) {
  vm.peer.guest = "is silent";
  const process = start(vm);
  const writer = process.stdin.getWriter();
  const asked = Promise.withResolvers<void>();
  vm.peer.once("device_del", { meanwhile: () => asked.resolve() });
  const disk = { instance: NAME, source: vm.image(), uuid: NEW };
  await writer.write(line(1, "disk.add", disk));
  await writer.write(line(2, "disk.remove", { instance: NAME, disk: NEW }));
  await asked.promise;
  return { process, writer };
}

/** How many sockets there are at a listener's path, its own included. */
function socketsAt(path: string): number {
  return Deno.readTextFileSync("/proc/net/unix").split("\n")
    .filter((line) => line.endsWith(path)).length;
}

Deno.test("list waits for another request of its rpc that has the monitor", async () => {
  await using vm = new Instance();
  const { process, writer } = await removalWaits(vm);
  await writer.write(line(3, "list"));
  // The listener, the connection that is served, and the one that waits.
  const end = performance.now() + 1_500;
  while (socketsAt(vm.qmpPath) < 3 && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await vm.peer.release(NEW_DISK);
  await writer.close();
  const answers = await rest(process);
  const list = answers.find(({ id }) => id === 3)?.result as Doc;
  const [{ monitor, attention }] = list.instances as [Doc];
  assertEquals([monitor, attention], ["answered", []]);
});

Deno.test("rpc ends by a signal once the guest's answer is waited for", async () => {
  await using vm = new Instance();
  const { process, writer } = await removalWaits(vm);
  process.kill("SIGTERM");
  const [added, removed] = await rest(process);
  assertEquals((added?.result as Doc).changed, true);
  assertEquals((removed?.error as Doc).code, -32006);
  assertEquals((await process.status).code, 0);
  assertEquals(vm.peer.model.devices.has(NEW_DISK), true);
  await writer.close().catch(() => {});
});

Deno.test("rpc ends when nobody reads its answers any more", async () => {
  await using vm = new Instance();
  const process = start(vm);
  await process.stdout.cancel();
  const writer = process.stdin.getWriter();
  await writer.write(line(1, "list"));
  assertEquals((await process.status).code, 0);
  await process.stderr.cancel();
  await writer.close().catch(() => {});
});

Deno.test("rpc survives lines that no master sends", async () => {
  await using vm = new Instance();
  const process = start(vm);
  const writer = process.stdin.getWriter();
  const big = 16 * 1024 * 1024;
  const text = (one: string) => new TextEncoder().encode(one);
  const writing = (async () => {
    await writer.write(text("\0\xff\n"));
    await writer.write(new Uint8Array([0xff, 0xfe, 10]));
    await writer.write(text("[".repeat(100_000) + "\n"));
    await writer.write(text(`[${"0,".repeat(big / 2 - 8)}0]\n`));
    await writer.write(text(`"${"x".repeat(2 * big)}\n`));
    await writer.write(line(7, "list"));
    await writer.close();
  })();
  const answers = await rest(process);
  await writing;
  assertEquals(
    answers.map(({ error }) => (error as Doc | undefined)?.code),
    [-32700, -32700, -32700, -32600, -32700, undefined],
  );
  assertMatch(JSON.stringify(answers[4]), /at most 16777216 bytes/);
  assertEquals(answers[5]?.id, 7);
});
