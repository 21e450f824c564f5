/** `disk remove` and what the kernel says of the QEMU process. */
import { assertEquals, assertMatch } from "@std/assert";
import { ending, pretend } from "../lab/pretend.ts";
import { assertFailed, Instance, NAME, NEW } from "../lab/scripted_instance.ts";

/** Opens its first argument, gives it up at a line, ends with its input. */
const HOLD = 'exec 3<>"$1"; echo; read -r line; exec 3>&-; echo; read -r line';

/** A process that the pid file shows as this instance's QEMU. */
class Holder implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: ReadableStreamDefaultReader<Uint8Array>;

  constructor(vm: Instance, disk: string) {
    this.#process = new Deno.Command("/bin/sh", {
      args: ["-c", HOLD, "qemu", disk, "-name", NAME],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    this.#output = this.#process.stdout.getReader();
    Deno.writeTextFileSync(vm.at(`pid/${NAME}`), `${this.#process.pid}\n`);
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Returns when the disk is open. */
  async ready(): Promise<void> {
    await this.#output.read();
  }

  /** Gives the disk up. */
  async release(): Promise<void> {
    await this.#input.write(new TextEncoder().encode("\n"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close();
    await this.#output.cancel();
    await this.#process.status;
  }
}

async function withDisk(): Promise<{ vm: Instance; disk: string }> {
  const vm = new Instance();
  const disk = vm.image();
  const ran = await vm.cli("disk", "add", NAME, disk, "--uuid", NEW);
  assertEquals(ran.status, 0, ran.out);
  return { vm, disk };
}

Deno.test("disk remove waits until QEMU has closed the disk", async () => {
  const { vm, disk } = await withDisk();
  await using _vm = vm;
  await using holder = new Holder(vm, disk);
  await holder.ready();
  let recordedThen = 0;
  vm.peer.once("blockdev-del", {
    meanwhile: () =>
      setTimeout(() => {
        recordedThen = vm.runtime[3].length;
        holder.release();
      }, 50),
  });
  const ran = await vm.cli("disk", "remove", NAME, NEW);
  assertEquals(ran.status, 0, ran.out);
  assertEquals([recordedThen, vm.runtime[3].length], [2, 1]);
});

Deno.test("disk remove of a disk that QEMU keeps open is not done", async () => {
  const { vm, disk } = await withDisk();
  await using _vm = vm;
  {
    await using holder = new Holder(vm, disk);
    await holder.ready();
    const ran = await vm.cli("disk", "remove", NAME, NEW);
    const { message } = assertFailed(ran, 7, "rollback-incomplete");
    assertMatch(message, new RegExp(`pid ${holder.pid}`));
    assertEquals(vm.runtime[3].length, 2);
  }
  // The same command goes on from what is there.
  const again = await vm.cli("disk", "remove", NAME, NEW);
  assertEquals([again.status, vm.runtime[3].length], [0, 1]);
});

Deno.test("list names the QEMU process and its instance runs", async () => {
  const { vm, disk } = await withDisk();
  await using _vm = vm;
  await using holder = new Holder(vm, disk);
  await holder.ready();
  const { json } = await vm.cli("list", NAME);
  assertEquals((json.qemu as { pid: number }).pid, holder.pid);
  const all = await vm.cli("list");
  const [only] = all.json.instances as { running: boolean }[];
  assertEquals(only?.running, true);
});

for (const via of ["path", "chown"] as const) {
  Deno.test(`disk add --via ${via} lets a QEMU open the disk that takes opened ones`, async () => {
    await using vm = new Instance();
    const disk = vm.image();
    await using holder = new Holder(vm, disk);
    await holder.ready();
    const ran = await vm.cli("disk", "add", NAME, disk, "--via", via);
    assertEquals(ran.status, 0, ran.out);
    assertEquals((ran.json.device as { via: string }).via, via);
    assertEquals(vm.peer.changes(), ["blockdev-add", "device_add"]);
    const { file } = vm.peer.call("blockdev-add").args;
    assertEquals((file as { filename: string }).filename, disk);
    const dry = await vm.cli("disk", "remove", NAME, "1", "--dry-run");
    assertEquals(dry.status, 0, dry.out);
  });
}

Deno.test("an index is that of the list before a released removal is finished", async () => {
  await using vm = new Instance();
  const qemu = await pretend(vm, NAME);
  const first = ["disk", "add", NAME, vm.image(), "--uuid", NEW];
  assertEquals((await vm.cli(...first)).status, 0);
  const uuid = NEW.replace(/^./, "c");
  const added = ["disk", "add", NAME, vm.image("other.img"), "--uuid", uuid];
  assertEquals((await vm.cli(...added)).status, 0);
  vm.peer.guest = "is silent";
  const late = ["disk", "remove", NAME, "1", "--unplug-timeout", "0.1"];
  assertEquals((await vm.cli(...late)).status, 6);
  // The guest releases it behind our back.
  vm.peer.model.devices.delete(`disk-${NEW.slice(0, 18)}`);
  vm.peer.guest = "releases";
  const ran = await vm.cli("disk", "remove", NAME, "2");
  assertEquals(ran.status, 0, ran.out);
  assertEquals((ran.json.device as { uuid: string }).uuid, uuid);
  assertMatch(JSON.stringify(ran.json.settled), /its removal is finished/);
  assertEquals(vm.runtime[3].length, 1);
  await ending(qemu);
});
