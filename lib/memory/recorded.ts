/**
 * A DIMM or a virtio-mem device as words of `kvm_cmd`, and as QMP arguments:
 * its backend and itself. Pure.
 *
 * @module
 */

import { pciAddress, type PciPlace } from "../device/bus_slot.ts";
import type { Json } from "../qmp/message.ts";
import { slotOfAddr } from "../state/runtime.ts";
import { type FixedOption, fixedOptions } from "../state/fixed_command.ts";
import { optionText } from "../state/option_text.ts";
import type { WordsDevice } from "../plan/command_words.ts";
import type { Runtime } from "../state/runtime.ts";
import { type Check, qemuId, where } from "../state/value_check.ts";
import { readSize } from "./size.ts";

/** What both kinds of memory have. */
interface Memory {
  /** Device id. */
  readonly id: string;
  /** Id of its backend. */
  readonly memdev: string;
  /** Where it begins in the guest's memory. */
  readonly addr: number;
  /** Of its backend. */
  readonly spanBytes: number;
}

/** A DIMM. */
export interface Dimm extends Memory {
  readonly driver: "pc-dimm";
  readonly slot: number;
}

/** A virtio-mem device. */
export interface VirtioMem extends Memory {
  readonly driver: "virtio-mem-pci";
  readonly place: PciPlace;
  /** A migration's target must have the same: QEMU's own choice differs. */
  readonly blockBytes: number;
  readonly requestedBytes: number;
}

/** Memory as it is added, and recorded. */
export type NewMemory = Dimm | VirtioMem;

/** The id of the backend of a new device. */
export function memdevOf(id: string): string {
  return `mem-${id}`;
}

/** The type of the backends that the tool makes, and understands. */
export const BACKEND_TYPE = "memory-backend-ram";

/** Arguments of `object-add`. */
export function backendArguments(
  { driver, memdev, spanBytes }: NewMemory,
): Json {
  return {
    ...{ "qom-type": BACKEND_TYPE, id: memdev, size: spanBytes },
    // The host must not count what the guest may never have.
    ...(driver === "virtio-mem-pci" && { reserve: false }),
  };
}

/** Arguments of `device_add`: whole, so that a target has the same. */
export function memoryArguments(memory: NewMemory): Json {
  const { driver, id, memdev, addr } = memory;
  if (driver === "pc-dimm") {
    return { driver, id, memdev, slot: memory.slot, addr };
  }
  return {
    ...{ driver, id, memdev, memaddr: addr },
    "block-size": memory.blockBytes,
    "requested-size": memory.requestedBytes,
    ...pciAddress(memory.place),
  };
}

/** What makes the same on a command line. */
export function memoryWords(memory: NewMemory): string[] {
  return [
    ...["-object", optionText(backendArguments(memory), "qom-type")],
    ...["-device", optionText(memoryArguments(memory), "driver")],
  ];
}

/** QEMU's drivers of memory that is added. */
const DRIVERS = ["pc-dimm", "virtio-mem-pci"] as const;

/** One of them. */
export type MemoryDriver = (typeof DRIVERS)[number];

/** Memory that a start makes from words of `kvm_cmd`. */
export interface RecordedMemory extends WordsDevice {
  readonly kind: "memory";
  readonly hvinfo: {
    readonly driver: MemoryDriver;
    readonly id: string;
    /** Of a virtio-mem device; undefined if QEMU is to choose. */
    readonly bus?: string | undefined;
    /** Likewise: on PCI. */
    readonly slot?: number | undefined;
  };
  readonly memdev: string;
  /** Of its backend; undefined if that says none. */
  readonly spanBytes: number | undefined;
  /** Undefined if QEMU is to choose. */
  readonly addr: number | undefined;
  /** Of a DIMM; likewise. */
  readonly dimmSlot: number | undefined;
  /** Of a virtio-mem device; likewise. */
  readonly blockBytes: number | undefined;
  /** Undefined: of a DIMM; QEMU's default is 0. */
  readonly requestedBytes: number | undefined;
}

function recorded(
  device: FixedOption,
  backends: readonly FixedOption[],
): Omit<RecordedMemory, "index"> | undefined {
  const driver = DRIVERS.find((one) => one === device.type);
  const { id, properties } = device;
  const memdev = properties.get("memdev");
  const backend = backends.find((one) => one.id === memdev);
  if (driver === undefined || id === undefined || memdev === undefined) return;
  const isDimm = driver === "pc-dimm";
  const addr = properties.get("addr");
  const place = isDimm ? {} : {
    bus: properties.get("bus"),
    slot: addr === undefined ? undefined : slotOfAddr(addr),
  };
  return {
    ...{ kind: "memory", hvinfo: { driver, id, ...place }, memdev },
    spanBytes: readSize(backend?.properties.get("size")),
    addr: readSize(isDimm ? addr : properties.get("memaddr")),
    dimmSlot: isDimm ? readSize(properties.get("slot")) : undefined,
    blockBytes: readSize(properties.get("block-size")),
    requestedBytes: isDimm
      ? undefined
      : readSize(properties.get("requested-size") ?? "0"),
    words: [...backend?.words ?? [], ...device.words],
  };
}

function memoryIn(words: readonly string[]): RecordedMemory[] {
  const devices = fixedOptions(words, "device");
  if (devices.length === 0) return [];
  const backends = fixedOptions(words, "object");
  return devices.flatMap((one) => recorded(one, backends) ?? [])
    .map((one, index) => ({ ...one, index }));
}

/** All that a file records, in its order. */
export function recordedMemory(
  { kvmCmd }: Pick<Runtime, "kvmCmd">,
): readonly RecordedMemory[] {
  return memoryIn(kvmCmd);
}

/** Properties of a backend that are understood. */
export const BACKEND: ReadonlySet<string> = new Set([
  "qom-type",
  "id",
  "size",
  "reserve",
]);
const DEVICE = new Set(
  "driver id memdev slot addr memaddr block-size requested-size bus".split(" "),
);

/** Whether an option has only known properties, with plain values. */
export function isPlain(
  { properties }: FixedOption,
  known: ReadonlySet<string>,
): boolean {
  return [...properties].every(([name, value]) =>
    known.has(name) && /^[A-Za-z0-9._-]+$/.test(value)
  );
}

function isPlainMemory(words: readonly string[]): boolean {
  const [backend] = fixedOptions(words, "object");
  const [device] = fixedOptions(words, "device");
  const [memory] = memoryIn(words);
  if (!backend || !device || !memory || words.length !== 4) return false;
  return backend.type === BACKEND_TYPE &&
    isPlain(backend, BACKEND) && isPlain(device, DEVICE) &&
    qemuId(memory.hvinfo.id) && qemuId(memory.memdev) &&
    memory.words.join("\0") === words.join("\0") &&
    memory.spanBytes !== undefined;
}

/**
 * Whether words are a backend of plain RAM and the memory it is for, and no
 * more: all of their properties are understood.
 */
export const isMemoryWords: Check<readonly string[]> = where(
  (value): value is readonly string[] =>
    Array.isArray(value) && value.every((one) => typeof one === "string"),
  isPlainMemory,
  "a memory backend, and the memory that it is for",
);

const REQUESTED = /(^|,)requested-size=[^,]*/;

/** The words of a virtio-mem device with another size; the rest is as it was. */
export function resizedWords(
  { words }: Pick<RecordedMemory, "words">,
  requestedBytes: number,
): readonly string[] {
  const resized = (value: string) => {
    if (value.startsWith("{")) {
      const more = { "requested-size": requestedBytes };
      return JSON.stringify({ ...JSON.parse(value), ...more });
    }
    const text = `requested-size=${requestedBytes}`;
    return REQUESTED.test(value)
      ? value.replace(REQUESTED, `$1${text}`)
      : `${value},${text}`;
  };
  return words.map((word, at) =>
    at === words.length - 1 ? resized(word) : word
  );
}
