/**
 * VMs with DIMMs and virtio-mem devices, made of plain data.
 *
 * @module
 */

import { checkPlan } from "../../lib/engine/journal_read.ts";
import type { Plan } from "../../lib/engine/plan.ts";
import { MEMORY_ASKS } from "../../lib/memory/live.ts";
import { MEMORY } from "../../lib/memory/name.ts";
import {
  type Dimm,
  memoryWords,
  recordedMemory,
  type VirtioMem,
} from "../../lib/memory/recorded.ts";
import { loadSteps } from "../../lib/operation/journal_reader.ts";
import type { Facts } from "../../lib/plan/facts.ts";
import type { Row } from "../../lib/plan/kind.ts";
import type { Json } from "../../lib/qmp/message.ts";
import { parseRuntime } from "../../lib/state/runtime.ts";
import { facts, pciDevice } from "./facts.ts";

/** Bytes of a MiB. */
export const M = 1024 * 1024;
/** Bytes of a GiB. */
export const G = 1024 * M;
const STEPS = await loadSteps(["memory"]);

/** A DIMM as it is added. */
export const DIMM: Dimm = {
  ...{ driver: "pc-dimm", id: "dimm-0", memdev: "mem-dimm-0" },
  ...{ addr: 4 * G, spanBytes: 256 * M, slot: 0 },
};
/** A virtio-mem device as it is added. */
export const VMEM: VirtioMem = {
  ...{ driver: "virtio-mem-pci", id: "vmem0", memdev: "vmem0-ram" },
  ...{ addr: 5 * G, spanBytes: G, blockBytes: 2 * M },
  requestedBytes: 256 * M,
  place: { bus: "pci.0", slot: 9 },
};

/** The same as QEMU tells of it. */
export const DIMM_DATA = {
  type: "dimm",
  data: {
    ...{ id: "dimm-0", memdev: "/objects/mem-dimm-0", slot: 0 },
    ...{ addr: 4 * G, size: 256 * M },
  },
};
/** The same as QEMU tells of it. */
export const VMEM_DATA = {
  type: "virtio-mem",
  data: {
    ...{ id: "vmem0", memdev: "/objects/vmem0-ram", memaddr: 5 * G },
    ...{ "block-size": 2 * M, "max-size": G },
    ...{ size: 256 * M, "requested-size": 256 * M },
  },
};

const VMEM_PCI = pciDevice(9, { id: "vmem0" });

/** A VM. */
export interface Case {
  /** Of QEMU. */
  readonly live?: readonly Json[];
  /** Of `kvm_cmd`. */
  readonly recorded?: readonly string[];
  /** Ids of backends besides those of the devices. */
  readonly backends?: readonly string[];
  readonly memory?: Json;
  readonly argv?: readonly string[];
  readonly noted?: Facts["own"]["record"]["devices"];
  readonly qemu?: Partial<Facts["qemu"]>;
  /** Elements of the file after the lists. */
  readonly later?: readonly unknown[];
}

/** The facts about it. */
export function given(
  { live = [], recorded = [], backends = [], later = [], ...more }: Case = {},
) {
  const command = ["/usr/bin/kvm", "-m", "512", ...recorded];
  const hvparams = { kvm_pci_reservations: 12 };
  const text = JSON.stringify([command, [], hvparams, [], ...later]);
  const runtime = parseRuntime(text, "/x");
  const base = facts({});
  const ids = live.map(({ data }) => (data as Json).id as string);
  const memdevs = live.map(({ data }) => (data as Json).memdev as string);
  const objects = [...memdevs, ...backends].map((path) => ({
    name: path.replace("/objects/", ""),
    type: "child<memory-backend-ram>",
  }));
  const drivers = live.map(({ type }, at) =>
    [ids[at] ?? "", type === "dimm" ? "pc-dimm" : "virtio-mem-pci"] as const
  );
  return {
    ...base,
    availableBytes: undefined as number | undefined,
    ...{ confinement: undefined, openFiles: undefined, leftovers: [] },
    content: { ...base.content, runtime },
    recorded: recordedMemory(runtime),
    own: {
      ...base.own,
      record: { ...base.own.record, devices: more.noted ?? {} },
    },
    qemu: {
      ...base.qemu,
      process: { pid: 4711, argv: more.argv ?? ["/usr/bin/kvm"] },
      commands: new Set(Object.values(MEMORY.needs).flat()),
      more: {
        memoryDevices: MEMORY_ASKS.memoryDevices.read(live),
        memoryObjects: MEMORY_ASKS.memoryObjects.read(objects),
        machineMemory: more.memory ??
          { size: 512 * M, slots: 4, "max-size": 4 * G },
        ...{ memoryAddr: 4 * G, memorySize: 8 * G },
      },
      deviceIds: new Set(ids),
      drivers: new Map(drivers),
      pci: [...base.qemu.pci, ...ids.includes("vmem0") ? [VMEM_PCI] : []],
      ...more.qemu,
    },
  };
}

/** The steps, if a journal would take the plan. */
export function steps(plan: Plan | Row): readonly Json[] {
  if ("parts" in plan) throw new TypeError("a row");
  const copy = JSON.parse(JSON.stringify(plan));
  const { paths } = given();
  return checkPlan(copy, paths, STEPS).steps as unknown as readonly Json[];
}

/** A VM with the DIMM. */
export const WITH_DIMM = { live: [DIMM_DATA], recorded: memoryWords(DIMM) };
/** A VM with the virtio-mem device. */
export const WITH_VMEM = { live: [VMEM_DATA], recorded: memoryWords(VMEM) };
