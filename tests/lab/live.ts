/**
 * Devices that a plain QMP client plugs, as a person or another tool would,
 * and what is seen of them from outside.
 *
 * @module
 */

import { type Machine, makeImage } from "./each_release.ts";
import type { Vm } from "./vm.ts";

/** A disk by its device id, in a PCI slot. */
export interface LiveDiskSpec {
  readonly file: string;
  readonly slot: number;
}

/** The value of `-drive` and drive_add. */
export function driveOf(id: string, file: string): string {
  return `file=${file},if=none,id=${id},format=raw`;
}

function addr(slot: number): string {
  return `0x${slot.toString(16)}`;
}

/** `-drive` at start, and the device on it: what Ganeti 3.0 does. */
export function startedDisk(id: string, { file, slot }: LiveDiskSpec) {
  const place = `bus=pci.0,addr=${addr(slot)}`;
  const device = `virtio-blk-pci,drive=${id},id=${id},${place}`;
  return ["-drive", driveOf(id, file), "-device", device];
}

/** Plugs a virtio disk on a drive or node that is there. */
export async function plugOn(
  vm: Vm,
  id: string,
  { drive, slot }: { drive: string; slot: number },
): Promise<void> {
  await vm.qmp.execute("device_add", {
    driver: "virtio-blk-pci",
    ...{ id, drive, bus: "pci.0", addr: addr(slot) },
  });
}

/** blockdev-add of a raw file under this name, then the device. */
export async function plugFile(
  vm: Vm,
  id: string,
  { file, slot, node = id }: LiveDiskSpec & { node?: string },
): Promise<void> {
  await vm.qmp.execute("blockdev-add", {
    driver: "raw",
    "node-name": node,
    file: { driver: "file", filename: file },
  });
  await plugOn(vm, id, { drive: node, slot });
}

/** A NIC on a tap that QEMU opens itself. */
export async function plugNic(
  vm: Vm,
  id: string,
  { netdev, mac, tap, slot }: {
    netdev: string;
    mac: string;
    tap: string;
    slot: number;
  },
): Promise<void> {
  await vm.qmp.execute("netdev_add", {
    ...{ type: "tap", id: netdev, ifname: tap },
    ...{ script: "no", downscript: "no" },
  });
  await vm.qmp.execute("device_add", {
    driver: "virtio-net-pci",
    ...{ id, netdev, mac, bus: "pci.0", addr: addr(slot) },
  });
}

/** Images a VM has open, by path. */
export function imagesOf(vm: Vm): string[] {
  const folder = `/proc/${vm.pid}/fd`;
  return [...Deno.readDirSync(folder)].flatMap(({ name }) => {
    try {
      const path = Deno.readLinkSync(`${folder}/${name}`);
      return path.endsWith(".img") ? [path] : [];
    } catch {
      return [];
    }
  }).sort();
}

/** Replaces parts of the runtime file's tuple. */
export async function rewrite(
  vm: Vm,
  change: (tuple: unknown[]) => unknown[],
): Promise<void> {
  const tuple = JSON.parse(await Deno.readTextFile(vm.runtimePath));
  const text = JSON.stringify(change(tuple)) + "\n";
  await Deno.writeTextFile(vm.runtimePath, text);
}

/** A machine started with these arguments, its images made before. */
export function machineWith(
  args: (runDir: string) => readonly string[],
  images: readonly string[],
): Machine {
  return async (runDir) => {
    for (const name of images) await makeImage(`${runDir}/${name}.img`, name);
    return { extraArgs: args(runDir) };
  };
}
