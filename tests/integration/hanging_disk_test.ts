/** An instance one of whose disks lies on a file system that is dead. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { hasFuse, MuteFuse } from "../lab/mute_fuse.ts";
import {
  DISK,
  diskEntry,
  Instance,
  NAME,
  NEW,
  type Ran,
} from "../lab/scripted_instance.ts";

const test = { ignore: !hasFuse() };
if (test.ignore) console.log("SKIPPED: no /dev/fuse, nothing hangs here");

/** Runs a command on an instance whose disk does not answer. */
async function onDeadDisk(
  words: (vm: Instance) => string[],
): Promise<{ ran: Ran; vm: Instance; path: string } & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const fuse = stack.use(await MuteFuse.mount("INIT"));
  const path = `${fuse.path}/disk`;
  const disks = [diskEntry(DISK.uuid, DISK.id, { link: path })];
  const vm = stack.use(new Instance({ disks }));
  vm.peer.model.devices.set(DISK.id, {
    id: DISK.id,
    driver: "virtio-blk-pci",
    slot: 12,
  });
  const beginMs = performance.now();
  const ran = await vm.cli(...words(vm));
  assert(performance.now() - beginMs < 6_000, "it waits for the dead disk");
  const owned = stack.move();
  return { ran, vm, path, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

Deno.test(
  "disk add waits no longer than 2 s for another disk that is dead",
  test,
  async () => {
    const words = (
      vm: Instance,
    ) => ["disk", "add", NAME, vm.image(), "--uuid", NEW];
    await using done = await onDeadDisk(words);
    assertEquals([done.ran.status, done.ran.json.changed], [0, true]);
  },
);

Deno.test("disk remove takes out a disk that is dead", test, async () => {
  const words = () => ["disk", "remove", NAME, DISK.uuid];
  await using done = await onDeadDisk(words);
  assertEquals([done.ran.status, done.ran.json.changed], [0, true]);
  assertEquals(done.vm.runtime[3], []);
});

Deno.test(
  "state show --verify says that a disk does not answer",
  test,
  async () => {
    const words = () => ["state", "show", NAME, "--verify"];
    await using done = await onDeadDisk(words);
    const said = done.ran.out;
    assertEquals(done.ran.status, 3, said);
    assertStringIncludes(
      said,
      `${done.path} of disk 0 leads to a file or device that does not answer: open ${done.path}`,
    );
  },
);

Deno.test("list NAME shows a disk that is dead at once", test, async () => {
  await using done = await onDeadDisk(() => ["list", NAME]);
  assertEquals(done.ran.status, 0, done.ran.out);
});
