/**
 * The memory of a running VM, as QEMU tells of it. Pure: what its answers mean.
 *
 * @module
 */

import type { QemuFacts } from "../plan/facts.ts";
import { membersOf } from "../qmp/device_queries.ts";
import { isJson } from "../qmp/message.ts";
import type { Query } from "../qmp/query.ts";
import { list, numberOf, object, text } from "../qmp/reading.ts";
import type { MemoryDriver } from "./recorded.ts";

/** A DIMM or a virtio-mem device in QEMU. */
export interface LiveMemory {
  /** Undefined: the VM was started with it, and gave it none. */
  readonly id: string | undefined;
  readonly driver: MemoryDriver;
  /** Where it begins in the guest's memory. */
  readonly addr: number;
  /** Bytes of that memory that are kept for it. */
  readonly spanBytes: number;
  /** What the guest has of it. */
  readonly pluggedBytes: number;
  /** What it is to have. */
  readonly requestedBytes: number;
  /** Of a DIMM. */
  readonly slot: number | undefined;
  /** Of a virtio-mem device. */
  readonly blockBytes: number | undefined;
  /** Id of its backend. */
  readonly memdev: string;
}

/** Of the answer of query-memory-devices; other kinds of memory are left out. */
export function memoryDevices(answer: unknown): LiveMemory[] {
  return list(answer).flatMap(({ type, data }): LiveMemory[] => {
    const one = object(data);
    const id = text(one.id) || undefined;
    const memdev = text(one.memdev).replace(/^.*\//, "");
    const size = numberOf(one.size);
    if (type === "dimm") {
      return [{
        ...{ id, memdev, driver: "pc-dimm", addr: numberOf(one.addr) },
        ...{ spanBytes: size, pluggedBytes: size, requestedBytes: size },
        ...{ slot: numberOf(one.slot), blockBytes: undefined },
      }];
    }
    if (type !== "virtio-mem") return [];
    return [{
      ...{ id, memdev, driver: "virtio-mem-pci", addr: numberOf(one.memaddr) },
      spanBytes: numberOf(one["max-size"]),
      pluggedBytes: size,
      requestedBytes: numberOf(one["requested-size"]),
      ...{ slot: undefined, blockBytes: numberOf(one["block-size"]) },
    }];
  });
}

/** What a VM was started with: property `memory` of /machine, QEMU 7.1. */
export interface MachineMemory {
  /** Of `-m`. */
  readonly baseBytes: number;
  /** For DIMMs; 0 without `slots`. */
  readonly slots: number;
  /** Of `maxmem`; as `baseBytes` without. */
  readonly maxBytes: number;
  /** Where memory can be added; undefined without `maxmem`. */
  readonly region: Region | undefined;
}

/** A part of the guest's memory. */
export interface Region {
  readonly addr: number;
  readonly sizeBytes: number;
}

/**
 * Of the answers of qom-get.
 *
 * @param memory property `memory` of /machine; undefined before QEMU 7.1
 * @param region properties of /machine/device-memory[0], null without
 */
export function machineMemory(
  memory: unknown,
  region: { readonly addr: unknown; readonly size: unknown } | null,
): MachineMemory | undefined {
  if (!isJson(memory)) return undefined;
  const baseBytes = numberOf(memory.size);
  return {
    baseBytes,
    slots: numberOf(memory.slots ?? 0),
    maxBytes: numberOf(memory["max-size"] ?? baseBytes),
    region: region === null
      ? undefined
      : { addr: numberOf(region.addr), sizeBytes: numberOf(region.size) },
  };
}

/** All that the guest has. */
export function totalBytes(
  { baseBytes }: MachineMemory,
  devices: readonly LiveMemory[],
): number {
  return devices.reduce((sum, one) => sum + one.pluggedBytes, baseBytes);
}

/** The QOM path of the address range for added memory. */
const REGION = "/machine/device-memory[0]";

/** What is settled when QEMU starts. */
function settled(path: string, property: string): Query<unknown> {
  return {
    execute: "qom-get",
    args: { path, property },
    ifRefused: "nothing",
    lasts: "as-qemu",
    read: (one) => one,
  };
}

/** DIMMs and virtio-mem devices. */
export const MEMORY_DEVICES: Query<LiveMemory[]> = {
  execute: "query-memory-devices",
  ifMissing: "nothing",
  ifRefused: "nothing",
  read: memoryDevices,
};

/** The types of objects that are no devices, by their ids. */
export const OBJECTS: Query<ReadonlyMap<string, string>> = {
  ...membersOf("/objects"),
  ifRefused: "nothing",
  read: (value) =>
    new Map(
      membersOf("/objects").read(value).flatMap(({ name, type }) => {
        const [, of] = /^child<(.+)>$/.exec(type) ?? [];
        return of === undefined ? [] : [[name, of] as const];
      }),
    ),
};

/** What each look at a VM asks, and each request about memory. */
export const MEMORY_ASKS = {
  memoryDevices: MEMORY_DEVICES,
  memoryObjects: OBJECTS,
  machineMemory: settled("/machine", "memory"),
  memoryAddr: settled(REGION, "addr"),
  memorySize: settled(REGION, "size"),
};

/** The memory of a QEMU. */
export interface MemoryFacts {
  /** Undefined if QEMU does not tell it. */
  readonly machine: MachineMemory | undefined;
  readonly devices: readonly LiveMemory[];
  /** The types of objects that are no devices, by their ids. */
  readonly objects: ReadonlyMap<string, string>;
  /** The ids of memory backends among them. */
  readonly backends: ReadonlySet<string>;
}

/** What the questions above have told. */
export function memoryOf({ more = {} }: Pick<QemuFacts, "more">): MemoryFacts {
  const { machineMemory: memory, memoryAddr: addr, memorySize: size } = more;
  const region =
    typeof addr === "number" && typeof size === "number" && size > 0
      ? { addr, size }
      : null;
  const objects = (more.memoryObjects ?? new Map()) as ReadonlyMap<
    string,
    string
  >;
  const backends = [...objects].filter(([, type]) =>
    type.startsWith("memory-backend-")
  );
  return {
    machine: machineMemory(memory, region),
    devices: (more.memoryDevices ?? []) as readonly LiveMemory[],
    objects,
    backends: new Set(backends.map(([id]) => id)),
  };
}

/** The memory of this device id. */
export function liveMemory(
  qemu: Pick<QemuFacts, "more">,
  id: string,
): LiveMemory | undefined {
  return memoryOf(qemu).devices.find((one) => one.id === id);
}
