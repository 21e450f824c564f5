/**
 * What the unit tests share: instances made of plain data, the facts of a node
 * where all is well, and the look at a refusal.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { rootBus } from "../../lib/device/pci_bus.ts";
import { DISK_PROPERTIES } from "../../lib/device/disk_properties.ts";
import { blankProperties } from "../../lib/device/properties.ts";
import type { DiskAddFacts } from "../../lib/disk/add_facts.ts";
import type { BlockUsers } from "../../lib/disk/block_users.ts";
import type { DiskAdd } from "../../lib/disk/request.ts";
import type { AccessFacts } from "../../lib/disk/way_facts.ts";
import type { DeviceView, Plan } from "../../lib/engine/plan.ts";
import type { QmpStep } from "../../lib/engine/qmp_steps.ts";
import { type ErrorCode, HotplugError } from "../../lib/errors.ts";
import type { AnyStep } from "../../lib/kinds.ts";
import type { NicAddFacts } from "../../lib/nic/add_facts.ts";
import type { NicModifyFacts } from "../../lib/nic/modified.ts";
import type { NicAdd } from "../../lib/nic/request.ts";
import type { Facts, QemuFacts } from "../../lib/plan/facts.ts";
import { parseExact } from "../../lib/qmp/exact_json.ts";
import type { BlockBackend } from "../../lib/qmp/commands.ts";
import type { PciDevice } from "../../lib/qmp/pci_query.ts";
import { instancePaths } from "../../lib/state/instance.ts";
import type { Plain } from "../../lib/state/json.ts";
import { EMPTY_RECORD } from "../../lib/state/own_check.ts";
import {
  type DeviceEntry,
  devicesOf as devicesIn,
  parseRuntime,
  type Runtime,
} from "../../lib/state/runtime.ts";
import { known, type KnownPlan } from "./steps.ts";

/** `assert` of `@std/assert`, typed: it has no types of its own here. */
export function assert(condition: unknown, why = "assert"): asserts condition {
  if (!condition) throw new Error(why);
}

/** A value that must be there. */
export function present<T>(value: T | undefined): T {
  assert(value !== undefined, "nothing there");
  return value;
}

/** Plain JSON data with keys. */
export type PlainObject = { readonly [key: string]: Plain };

/** Folder of the runtime files that Ganeti's own code wrote. */
const SAMPLES = new URL("../testdata/ganeti/", import.meta.url);

/** Names of all samples. */
export function sampleNames(): string[] {
  return [...Deno.readDirSync(SAMPLES)].map(({ name }) => name).sort();
}

/** Text of the sample whose name begins so. */
export function sample(prefix: string): string {
  const name = sampleNames().find((one) => one.startsWith(prefix));
  return Deno.readTextFileSync(new URL(name ?? prefix, SAMPLES));
}

/** The uuid of the disk or NIC that was numbered so. */
export function uuidOf(kind: "disk" | "nic", number: number): string {
  const digit = kind === "disk" ? "d" : "a";
  const two = String(number).padStart(2, "0");
  return `${digit}00000${two}-1111-4111-8111-0000000000${two}`;
}

/** The id Ganeti gives that device. */
export function idOf(kind: "disk" | "nic", number: number): string {
  return `${kind}-${uuidOf(kind, number).slice(0, 18)}`;
}

/** A list element for a disk in a PCI slot. */
export function disk(number: number, slot: number, more: PlainObject = {}) {
  const hvinfo = {
    driver: "virtio-blk-pci",
    id: idOf("disk", number),
    bus: "pci.0",
    addr: `0x${slot.toString(16)}`,
  };
  return [
    {
      dev_type: "file",
      logical_id: ["loop", `/srv/d${number}.img`],
      iv_name: `disk/${number}`,
      size: 64,
      mode: "rw",
      params: {},
      hvinfo,
      uuid: uuidOf("disk", number),
      ...more,
    },
    `/srv/d${number}.img`,
    null,
  ] as const;
}

/** What QEMU has behind that disk: its file, opened past the page cache. */
export function backend(
  number: number,
  more: Partial<BlockBackend> = {},
): BlockBackend {
  return {
    qdev: `/machine/peripheral/${idOf("disk", number)}/virtio-backend`,
    device: "",
    nodeName: idOf("disk", number),
    sizeBytes: 64 * 1024 * 1024,
    file: "/dev/fdset/1",
    cache: { direct: true, writeback: true },
    readOnly: false,
    ...more,
  };
}

/** A list element for a NIC in a PCI slot. */
export function nic(number: number, slot: number, more: PlainObject = {}) {
  return {
    mac: `aa:00:00:00:00:${String(number).padStart(2, "0")}`,
    nicparams: { mode: "bridged", link: "br0", vlan: "" },
    hvinfo: {
      driver: "virtio-net-pci",
      id: idOf("nic", number),
      bus: "pci.0",
      addr: `0x${slot.toString(16)}`,
    },
    uuid: uuidOf("nic", number),
    ...more,
  };
}

/** What an instance's runtime file holds. */
export interface InstanceSpec {
  readonly disks?: readonly Plain[];
  readonly nics?: readonly Plain[];
  readonly hvparams?: PlainObject;
}

/** Text of a runtime file. */
export function runtimeText(
  { disks = [], nics = [], hvparams = { kvm_pci_reservations: 12 } }:
    InstanceSpec,
): string {
  return JSON.stringify([["/usr/bin/kvm"], nics, hvparams, disks]) + "\n";
}

/** A runtime file, understood. */
export function runtime(spec: InstanceSpec): Runtime {
  return parseRuntime(runtimeText(spec), "/test.runtime");
}

/** A function on the PCI bus. */
export function pciDevice(slot: number, more: Partial<PciDevice> = {}) {
  return {
    bus: 0,
    slot,
    function: 0,
    id: "",
    class: 0,
    description: "",
    vendor: 0,
    device: 0,
    behind: "",
    ...more,
  };
}

const COMMANDS = [
  "add-fd",
  "remove-fd",
  "query-fdsets",
  "blockdev-add",
  "blockdev-del",
  "block_resize",
  "device_add",
  "device_del",
  "getfd",
  "closefd",
  "netdev_add",
  "netdev_del",
  "human-monitor-command",
];

function idsOf(entries: readonly DeviceEntry[]): string[] {
  return entries.flatMap(({ hvinfo }) => hvinfo.id ?? []);
}

/** The devices that QEMU has: what is given of them tells the rest. */
function devicesOf(
  recorded: readonly DeviceEntry[],
  { deviceIds, drivers }: Partial<QemuFacts> = {},
): Pick<QemuFacts, "deviceIds" | "drivers"> {
  const ids = deviceIds ?? new Set(drivers?.keys() ?? idsOf(recorded));
  const driverOf = (id: string) =>
    recorded.find(({ hvinfo }) => hvinfo.id === id)?.hvinfo.driver ??
      (/^(?:hot)?nic-/.test(id) ? "virtio-net-pci" : "virtio-blk-pci");
  return {
    deviceIds: ids,
    drivers: drivers ?? new Map([...ids].map((id) => [id, driverOf(id)])),
  };
}

/** A running QEMU 7.2 that has exactly what is recorded, but for this. */
function qemuWith(
  { disks, nics }: Runtime,
  differs: Partial<QemuFacts> | undefined,
): QemuFacts {
  const all = [...disks, ...nics];
  return {
    name: "vm1",
    version: { major: 7, minor: 2, micro: 22, package: "" },
    machine: "pc-i440fx-7.2",
    process: { pid: 4711, argv: ["/usr/bin/kvm", "-name", "vm1"] },
    runState: "running",
    migration: "",
    commands: new Set(COMMANDS),
    pci: [
      pciDevice(0),
      pciDevice(1, { description: "ISA bridge" }),
      ...all.map(({ hvinfo: { slot = 31, id = "" } }) =>
        pciDevice(slot, { id })
      ),
    ],
    buses: [rootBus("pc-i440fx-7.2")],
    nodeNames: new Set(idsOf(disks)),
    block: [],
    fdsets: [],
    netdevs: new Map(
      idsOf(nics).map((id, i) => [id, { tap: `tap${i}`, queues: 1 }]),
    ),
    ...differs,
    ...devicesOf(all, differs),
  };
}

/** No property of a disk was given, as documents tell it. */
export const NO_PROPERTIES = blankProperties(DISK_PROPERTIES);

/** Nobody uses a block node beside the disks' own devices. */
export const NO_USERS: BlockUsers = {
  graph: { nodes: [], edges: [] },
  jobs: [],
  exports: [],
};

/** What differs from a node where all is well. */
export type FactsSpec =
  & InstanceSpec
  & Partial<Omit<Facts, "content" | "qemu">>
  & { readonly users?: BlockUsers }
  & { readonly qemu?: Partial<QemuFacts> };

/** The facts of instance `vm1`, by default without devices. */
export function facts(
  spec: FactsSpec = {},
): Facts & { readonly users: BlockUsers } {
  const { disks, nics, hvparams, qemu, ...more } = spec;
  const text = runtimeText({
    ...(disks && { disks }),
    ...(nics && { nics }),
    ...(hvparams && { hvparams }),
  });
  const paths = instancePaths("/run/g", "vm1");
  const understood = parseRuntime(text, paths.runtime);
  return {
    paths,
    content: {
      path: paths.runtime,
      text,
      runtime: understood,
    },
    diskIdentities: understood.disks.map(({ link }) => `inode of ${link}`),
    nicFilesFault: undefined,
    nicFiles: Object.fromEntries(
      understood.nics.map((_, i) => [i, `tap${i}`]),
    ),
    nicDirectoryPossible: true,
    own: {
      place: { runDir: "/run/g", lockKey: "vm1" },
      qemu: null,
      record: EMPTY_RECORD,
    },
    recorded: devicesIn(understood),
    nonce: "abcdefgh",
    users: NO_USERS,
    ...more,
    qemu: qemuWith(understood, qemu),
  };
}

/** The facts for adding a disk; its source is a file nobody uses. */
export function diskAddFacts(
  spec: FactsSpec & {
    readonly source?: Partial<DiskAddFacts["source"]>;
    readonly iothreads?: ReadonlySet<string>;
    readonly access?: AccessFacts;
    readonly uriFault?: string;
    readonly there?: DiskAddFacts["there"];
    readonly propertyNames?: DiskAddFacts["propertyNames"];
    readonly bootIndexes?: DiskAddFacts["bootIndexes"];
    readonly scsi?: DiskAddFacts["scsi"];
    readonly driverFault?: string;
    readonly controllerFault?: string;
  } = {},
): DiskAddFacts {
  const { source, iothreads, access, uriFault, ...others } = spec;
  const { scsi = [], driverFault, controllerFault, there, ...more } = others;
  return {
    ...facts(more),
    source: {
      resolved: source?.path ?? "/srv/new.img",
      writeFault: undefined,
      inUseBy: undefined,
      path: "/srv/new.img",
      kind: "file",
      sizeBytes: 64 * 1024 * 1024,
      identity: "inode of /srv/new.img",
      direct: true,
      ...source,
    },
    iothreads: new Set(["io0", "io1"]),
    ...(iothreads && { iothreads }),
    access,
    uriFault,
    scsi,
    driverFault,
    controllerFault,
    there,
  };
}

type Node = Omit<NicAddFacts, keyof Facts>;

/** The facts for adding a NIC to a node that can do all. */
export function nicAddFacts(
  spec: FactsSpec & { readonly node?: Partial<Node> } = {},
): NicAddFacts {
  const { node, ...more } = spec;
  return {
    ...facts(more),
    tun: true,
    vhost: true,
    tapExists: false,
    bridgeExists: true,
    bridges: [],
    vlanFiltering: true,
    bridgeState: undefined,
    ovs: "there",
    cards: new Set(["rtl8139"]),
    ganetiScript: undefined,
    ganetiDown: undefined,
    scriptUsable: true,
    confinement: undefined,
    ownTap: undefined,
    macs: new Map(),
    liveMacs: new Map(),
    ...node,
  };
}

/** The facts for changing a NIC, whose tap carries virtio-net headers. */
export function nicModifyFacts(
  spec: Parameters<typeof nicAddFacts>[0] = {},
): NicModifyFacts {
  const given = nicAddFacts(spec);
  const now = { vnetHdr: "on", vhosts: 0 } as const;
  const commands = new Set([...given.qemu.commands, "set_link"]);
  const qemu = { ...given.qemu, commands };
  return { ...given, qemu, now, cuts: [], bridge: undefined };
}

/** The uuid of every device the tests add. */
export const NEW_UUID = "932df160-7a22-4067-a566-7e0ca8386133";

/** A request to add a disk, nothing given but its source. */
export function diskAdd(more: Partial<DiskAdd> = {}): DiskAdd {
  return {
    kind: "disk-add",
    instance: "vm1",
    uuid: { value: NEW_UUID, origin: "made" },
    source: "/srv/new.img",
    settings: {},
    migratable: "required",
    ...more,
  };
}

/** A request to add a NIC, nothing given but its bridge. */
export function nicAdd(more: Partial<NicAdd> = {}): NicAdd {
  return {
    kind: "nic-add",
    instance: "vm1",
    uuid: { value: NEW_UUID, origin: "made" },
    mac: { value: "aa:00:00:12:34:56", origin: "made" },
    mode: "bridged",
    link: "br0",
    ...more,
  };
}

/** The error that `action` ends with, which must have this code. */
export function refusal(code: ErrorCode, action: () => unknown): HotplugError {
  try {
    action();
  } catch (error) {
    assert(error instanceof HotplugError, `${error}`);
    assertEquals(error.code, code, error.message);
    assertEquals(error.changed, false);
    assert(!error.message.includes("\n"), "one line");
    return error;
  }
  throw new Error(`${code} was not raised`);
}

/** As {@linkcode refusal}; the facts must be as before, too. */
export function planRefusal<F extends Facts>(
  code: ErrorCode,
  given: F,
  plan: (facts: F) => Plan,
): HotplugError {
  const before = structuredClone(given);
  const error = refusal(code, () => plan(given));
  assertEquals(given, before);
  return error;
}

/** A plan, which must have steps, be about a device, and be plain JSON. */
export function planOf(
  plan: Plan,
): KnownPlan & { readonly device: DeviceView } {
  assert(plan.steps.length > 0, "there is nothing to do");
  const { device } = plan;
  assert(device !== null, "no device");
  // `undefined` would vanish on the way through a journal.
  assertEquals(parseExact(JSON.stringify(plan)), plan);
  return { ...known(plan, instancePaths("/run/g", "vm1")), device };
}

/** A plan in words: the QMP command of a step, else its kind. */
export function stepNames({ steps }: Plan): string[] {
  return (steps as readonly AnyStep[]).map((step) =>
    step.kind === "qmp" ? step.execute : step.kind
  );
}

/** The step with this name, of which the plan must have exactly one. */
export function qmpStep({ steps }: Plan, execute: string): QmpStep {
  const found = (steps as readonly AnyStep[]).filter((
    step,
  ): step is QmpStep => step.kind === "qmp" && step.execute === execute);
  assertEquals(found.length, 1, `steps ${execute}`);
  return found[0] as QmpStep;
}

/** The first step of this kind. */
export function stepOf<K extends AnyStep["kind"]>(
  { steps }: Plan,
  kind: K,
): Extract<AnyStep, { kind: K }> {
  const found = steps.find((step) => step.kind === kind);
  assert(found !== undefined, `no step ${kind}`);
  return found as Extract<AnyStep, { kind: K }>;
}
