/** QEMU ends while a disk is on its way in, or is plugged. */
import { assertEquals } from "@std/assert";
import { eachRelease, host } from "../lab/each_release.ts";
import {
  FREE,
  hostTraces,
  loopDevice,
  NOBODY,
  openFolder,
  ownerOf,
  PASSING,
  POOL,
  rootImage,
  UUID,
} from "../lab/jail.ts";
import { hiding, type ProxyMessage, QmpProxy } from "../lab/proxy.ts";
import { interfaces } from "../lab/snapshot.ts";
import { tool } from "../lab/tool.ts";
import type { Vm } from "../lab/vm.ts";

/** QEMU dies of the first command of this name, before it sees it. */
function dyingOf(vm: Vm, command: string) {
  return async ({ message }: ProxyMessage) => {
    if (message.execute === command) await vm.kill();
    return "pass" as const;
  };
}

/** What the runtime file and its folder hold. */
function recordOf(vm: Vm) {
  const folder = vm.runtimePath.slice(0, vm.runtimePath.lastIndexOf("/"));
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  return { names, text: Deno.readTextFileSync(vm.runtimePath) };
}

async function addAndDie(
  vm: Vm,
  { source, args, command }: {
    source: string;
    args: readonly string[];
    command: string;
  },
) {
  const before = { ...hostTraces(vm, source), record: recordOf(vm) };
  await using proxy = QmpProxy.start(vm.qmpPath);
  proxy.hook = dyingOf(vm, command);
  const words = ["disk", "add", vm.name, source, "--uuid", UUID, ...args];
  const add = await tool(vm, ...words);
  const { error, changed } = add.json;
  assertEquals([add.status, error.code, changed], [4, "not-running", false]);
  const after = { ...hostTraces(vm, source), record: recordOf(vm) };
  assertEquals(after, before, add.stdout);
  const own = [...Deno.readDirSync(`${vm.runDir}/kvm-hotplug`)]
    .map(({ name }) => name);
  assertEquals(own, [`${vm.name}.lock`]);
}

const CHOWN = ["--via", "chown"];
const MKNOD = ["--via", "mknod"];

for (const command of ["blockdev-add", "device_add"]) {
  const bare = { guest: "none" } as const;

  eachRelease(`killed at ${command}: nothing is left of an fd`, async (vm) => {
    const source = await rootImage(`${await openFolder(vm)}/d1.img`);
    await addAndDie(vm, { source, args: [], command });
  }, { ...POOL.options, ...bare });

  eachRelease(`killed at ${command}: chown is given back`, async (vm) => {
    const source = await rootImage(`${await openFolder(vm)}/d1.img`);
    await addAndDie(vm, { source, args: CHOWN, command });
  }, { ...NOBODY.options, ...bare });

  eachRelease(`killed at ${command}: the node is removed`, async (vm) => {
    const image = await rootImage(`${await openFolder(vm)}/d1.img`);
    await using loop = await loopDevice(image);
    await addAndDie(vm, { source: loop.path, args: MKNOD, command });
  }, { ...POOL.options, ...bare });
}

eachRelease("killed at device_add: a tap kept by name is gone", async (vm) => {
  const before = {
    ...hostTraces(vm),
    record: recordOf(vm),
    taps: interfaces(),
  };
  await using proxy = QmpProxy.start(vm.qmpPath);
  const [hide, die] = [hiding(...PASSING), dyingOf(vm, "device_add")];
  proxy.hook = async (one) => {
    const verdict = await hide(one);
    return verdict === "pass" ? await die(one) : verdict;
  };
  const add = await tool(vm, "nic", "add", vm.name);
  assertEquals([add.status, add.json.error.code], [4, "not-running"]);
  const after = { ...hostTraces(vm), record: recordOf(vm), taps: interfaces() };
  assertEquals(after, before, add.stdout);
}, { ...FREE.options, guest: "none" });

eachRelease("killed with the disk: repair gives all back", async (vm) => {
  const folder = await openFolder(vm);
  const image = await rootImage(`${folder}/d1.img`);
  await using loop = await loopDevice(image);
  const before = hostTraces(vm, loop.path);
  const words = ["disk", "add", vm.name, loop.path, "--uuid", UUID, ...MKNOD];
  const add = await tool(vm, ...words);
  assertEquals([add.stderr, add.status], ["", 0], add.stdout);
  assertEquals(ownerOf(vm.layout.chroot), "0:0 711");
  await vm.kill();
  const repair = await tool(vm, "repair", vm.name);
  assertEquals(repair.status, 0, repair.stdout);
  assertEquals(hostTraces(vm, loop.path), before);
}, { ...POOL.options, guest: "none" });

eachRelease(
  "no monitor, but QEMU: repair takes nothing from it",
  async (vm) => {
    const folder = await openFolder(vm);
    const image = await rootImage(`${folder}/d1.img`);
    await using loop = await loopDevice(image);
    const words = ["disk", "add", vm.name, loop.path, "--uuid", UUID, ...MKNOD];
    const add = await tool(vm, ...words);
    assertEquals([add.stderr, add.status], ["", 0], add.stdout);
    const plugged = hostTraces(vm, loop.path);
    const away = `${vm.runDir}/away`;
    for (const file of [vm.qmpPath, vm.layout.pid]) {
      await Deno.rename(file, away);
      // Without the pid file the record still tells whose it is.
      if (file === vm.layout.pid) await Deno.rename(vm.qmpPath, `${away}.qmp`);
      const repair = await tool(vm, "repair", vm.name);
      assertEquals([repair.status, repair.json.error?.code], [
        4,
        "not-running",
      ]);
      assertEquals(hostTraces(vm, loop.path), plugged);
      await Deno.rename(away, file);
    }
  },
  { ...POOL.options, guest: "none" },
);

eachRelease("its chroot in quarantine: repair empties it", async (vm) => {
  const folder = await openFolder(vm);
  const image = await rootImage(`${folder}/d1.img`);
  await using loop = await loopDevice(image);
  await host("mount", "-o", "remount,nodev", vm.runDir);
  const before = hostTraces(vm, loop.path);
  const words = ["disk", "add", vm.name, loop.path, "--uuid", UUID, ...MKNOD];
  const add = await tool(vm, ...words);
  assertEquals([add.stderr, add.status], ["", 0], add.stdout);
  await vm.kill();
  const { chroot } = vm.layout;
  const quarantine = `${vm.runDir}/kvm-hypervisor/chroot-quarantine`;
  await Deno.mkdir(quarantine);
  await Deno.rename(chroot, `${quarantine}/x`);
  const repair = await tool(vm, "repair", vm.name);
  assertEquals(repair.status, 0, repair.stdout);
  await Deno.rename(`${quarantine}/x`, chroot);
  assertEquals(hostTraces(vm, loop.path), before);
}, { ...POOL.options, runDirOn: "tmpfs", guest: "none" });
