/**
 * Everything a hotplug touches, asked of QEMU, the kernel and the disk past
 * the tool under test.
 *
 * @module
 */

import type { Vm } from "./vm.ts";

/** What must be as before once a device is gone again. */
export interface Snapshot {
  readonly nodes: string[];
  readonly fdsets: unknown;
  readonly pci: string[];
  readonly devices: string[];
  readonly network: string;
  readonly interfaces: string[];
  readonly runtime: string;
  readonly files: string[];
}

interface PciInfo {
  readonly devices: { slot: number; function: number; qdev_id: string }[];
}

async function filesBelow(directory: string): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    const path = `${directory}/${name}`;
    if (isDirectory) files.push(`${path}/`, ...await filesBelow(path));
    else files.push(path);
  }
  return files.sort();
}

/** Names of this node's network interfaces. */
export function interfaces(): string[] {
  return [...Deno.readDirSync("/sys/class/net")].map(({ name }) => name).sort();
}

/** Takes a snapshot by the test's own monitor. */
export async function snapshot(vm: Vm): Promise<Snapshot> {
  const nodes = await vm.qmp.execute<{ "node-name": string }[]>(
    "query-named-block-nodes",
  );
  const buses = await vm.qmp.execute<PciInfo[]>("query-pci");
  const devices = await vm.qmp.execute<{ name: string }[]>("qom-list", {
    path: "/machine/peripheral",
  });
  return {
    nodes: nodes.map((node) => node["node-name"]).sort(),
    fdsets: await vm.qmp.execute("query-fdsets"),
    pci: buses.flatMap((bus) => bus.devices)
      .map((one) => `${one.slot}.${one.function} ${one.qdev_id}`).sort(),
    devices: devices.map(({ name }) => name).sort(),
    network: await vm.qmp.hmp("info network"),
    interfaces: interfaces(),
    runtime: await Deno.readTextFile(vm.runtimePath),
    files: (await filesBelow(`${vm.runDir}/kvm-hypervisor`))
      .filter((path) => !path.includes("/ctrl/")),
  };
}

/** Fd names that QEMU still keeps of these: `closefd` tells. */
export async function keptFdNames(
  vm: Vm,
  names: readonly string[],
): Promise<string[]> {
  const kept: string[] = [];
  for (const fdname of names) {
    try {
      await vm.qmp.execute("closefd", { fdname });
      kept.push(fdname);
    } catch {
      // Not there: as it should be.
    }
  }
  return kept;
}
