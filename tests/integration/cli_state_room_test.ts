/** A runtime file that cannot be written: no room, read-only. */
import { assertEquals, assertMatch } from "@std/assert";
import {
  assertFailed,
  assertUnchanged,
  diskEntry,
  Instance,
  NAME,
  NEW,
  runtimeText,
} from "../lab/scripted_instance.ts";

const OTHER = "c2222222-2222-4333-8444-555555555555";

async function run(program: string, ...args: string[]): Promise<void> {
  const done = await new Deno.Command(program, { args }).output();
  if (done.success) return;
  throw new Error(`${program}: ${new TextDecoder().decode(done.stderr)}`);
}

/** As noded writes: beside it, then renamed over it. */
function replaceRuntime(vm: Instance, text: string) {
  Deno.writeTextFileSync(`${vm.runtimePath}.noded`, text);
  Deno.renameSync(`${vm.runtimePath}.noded`, vm.runtimePath);
}

/** Runs a body with a small file system on the runtime files' directory. */
async function onSmallDisk(
  vm: Instance,
  body: (fill: () => void) => Promise<void>,
): Promise<void> {
  const text = vm.text;
  const conf = vm.at("conf");
  await run("mount", "-t", "tmpfs", "-o", "size=64k", "kvmhp-test", conf);
  try {
    Deno.writeTextFileSync(vm.runtimePath, text);
    await body(() => {
      using file = Deno.openSync(`${conf}/filler`, {
        create: true,
        write: true,
      });
      const block = new Uint8Array(4096);
      try {
        for (;;) file.writeSync(block);
      } catch {
        // Full.
      }
    });
  } finally {
    await run("umount", conf);
  }
}

Deno.test("no room for the runtime file: status 5 before QEMU is asked", async () => {
  await using vm = new Instance();
  const source = vm.image();
  await onSmallDisk(vm, async (fill) => {
    fill();
    await assertUnchanged(vm, async () => {
      const ran = await vm.cli("disk", "add", NAME, source);
      const { message } = assertFailed(ran, 5, "state-write-failed");
      assertMatch(message, /No space left/);
    });
  });
  assertEquals(vm.peer.changes(), []);
});

Deno.test("no room when noded's change is to be merged: undone", async () => {
  await using vm = new Instance();
  const source = vm.image();
  await onSmallDisk(vm, async (fill) => {
    let after = "";
    vm.peer.once("device_add", {
      meanwhile: () => {
        after = runtimeText({ disks: Array(64).fill(diskEntry(OTHER, "d")) });
        replaceRuntime(vm, after);
        fill();
      },
    });
    const contents = vm.peer.model.contents();
    const words = ["--uuid", NEW];
    const ran = await vm.cli("disk", "add", NAME, source, ...words);
    assertFailed(ran, 5, "state-write-failed");
    assertEquals(vm.text, after);
    assertEquals(vm.peer.model.contents(), contents);
    const names = [...Deno.readDirSync(vm.at("conf"))].map(({ name }) => name);
    assertEquals(names.sort(), ["filler", `${NAME}.runtime`]);
  });
});

Deno.test("a read-only disk under the runtime file: nothing is begun", async () => {
  await using vm = new Instance();
  const source = vm.image();
  await onSmallDisk(vm, async () => {
    await run("mount", "-o", "remount,ro", vm.at("conf"));
    for (const words of [["disk", "add", NAME, source], ["nic", "add", NAME]]) {
      await assertUnchanged(vm, async () => {
        assertFailed(await vm.cli(...words), 5, "state-write-failed");
      });
    }
  });
  assertEquals(vm.peer.changes(), []);
});
