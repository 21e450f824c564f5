/**
 * Devices that QEMU has and the runtime file does not record. Pure.
 *
 * @module
 */

import { isMadeUp, MEDIUM_NODE } from "../device/backend.ts";
import { belongsTo, parseDeviceId } from "../device/device_id.ts";
import { rootBus } from "../device/pci_bus.ts";
import type { DeviceView } from "../engine/plan.ts";
import type { PciDevice } from "../qmp/pci_query.ts";
import { HotplugError } from "../errors.ts";
import { commandLine } from "../state/instance.ts";
import { formatJson } from "../state/json.ts";
import {
  devicesOf,
  type RecordedDevice,
  type Runtime,
} from "../state/runtime.ts";
import { type Facts, netdevOf, type QemuFacts } from "./facts.ts";
import type { Kind, KindName } from "./kind.ts";
import type { Stray } from "./recorded.ts";
import { placeView } from "./view.ts";

/** PCI classes of disks and NICs: PCI Code and ID list. */
const CLASS_ETHERNET = 0x0200;
/** virtio-blk, transitional and modern: virtio 1.2, section 5.2. */
const VIRTIO_VENDOR = 0x1af4;
const VIRTIO_BLK_IDS = [0x1001, 0x1042];

/** The kind of a PCI function, undefined if it is neither. */
export function kindOfPci(device: PciDevice): "disk" | "nic" | undefined {
  if (device.class === CLASS_ETHERNET) return "nic";
  const isDisk = device.vendor === VIRTIO_VENDOR &&
    VIRTIO_BLK_IDS.includes(device.device);
  return isDisk ? "disk" : undefined;
}

/** Whether an id has the form of our device ids. */
function isOurForm(id: string): boolean {
  return parseDeviceId(id) !== undefined;
}

/** Whether the VM was started with it: Ganeti's `kvm_extra` records it. */
function isStarted({ process }: QemuFacts, id: string): boolean {
  return process?.argv.some((word) => word.split(/[,="{}\s]+/).includes(id)) ??
    false;
}

function strayDevices(qemu: QemuFacts, known: ReadonlySet<string>): Stray[] {
  const has = "device" as const;
  const onPci: Stray[] = qemu.pci.flatMap((pci) => {
    const { id } = pci;
    const kind = kindOfPci(pci);
    if (kind === undefined || known.has(id)) return [];
    const ours = isOurForm(id) || (id !== "" && !isStarted(qemu, id));
    return [{ id, kind, has, pci, origin: ours ? "plugged" : "started" }];
  });
  const elsewhere = [...qemu.deviceIds].flatMap((id): Stray[] => {
    const kind = parseDeviceId(id)?.kind;
    const isPlaced = known.has(id) || onPci.some((one) => one.id === id);
    if (kind === undefined || isPlaced) return [];
    return [{ id, kind, has, origin: "plugged" }];
  });
  return [...onPci, ...elsewhere];
}

/**
 * The backends with the form of our names that are left after their device is
 * gone.
 */
function strayBackends(qemu: QemuFacts, known: ReadonlySet<string>): Stray[] {
  const what = { has: "backend", origin: "plugged" } as const;
  const used = new Set(
    qemu.block.filter(({ qdev }) => qdev !== "").map((one) => one.nodeName),
  );
  const isStray = (id: string) =>
    isOurForm(id) && !known.has(id) && !qemu.deviceIds.has(id);
  const isNode = (id: string) => isStray(id) || id.startsWith(MEDIUM_NODE);
  return [
    ...[...qemu.nodeNames]
      .filter((id) => !isMadeUp(id) && isNode(id) && !used.has(id))
      .map((id) => ({ id, kind: "disk" as const, ...what })),
    // Ganeti up to 3.0 makes a drive. The node of a drive has a generated name.
    ...qemu.block.filter(({ qdev, device }) => qdev === "" && isStray(device))
      .map(({ device: id }) => ({ id, kind: "disk" as const, ...what })),
    ...[...qemu.netdevs].filter(([id, { nic }]) =>
      isStray(id) && nic === undefined
    )
      .map(([id]) => ({ id, kind: "nic" as const, ...what })),
  ];
}

/**
 * Disks and NICs that QEMU has and the file does not record, devices first.
 * Other kinds find theirs themselves: {@linkcode allStrays}.
 */
export function straysOf(qemu: QemuFacts, runtime: Runtime): Stray[] {
  const known = new Set(
    devicesOf(runtime).flatMap(({ hvinfo }) => hvinfo.id ?? []),
  );
  return [...strayDevices(qemu, known), ...strayBackends(qemu, known)]
    .filter(({ id }) => !runtime.firmware.some((uuid) => belongsTo(uuid, id)));
}

/**
 * Whether Ganeti has it in the elements after the lists: added processors and
 * memory (SPEC 2.1 and 13). Only Ganeti knows their form.
 */
export function isLater(
  { root }: Pick<Runtime, "root">,
  { id, driver = "" }: {
    readonly id: string;
    readonly driver: string | undefined;
  },
): boolean {
  const later = root.items.slice(4).map(formatJson)
    .filter((text) => !["[]", "{}", "null"].includes(text));
  const isSaid = later.some((text) => text.includes(JSON.stringify(id)));
  return isSaid || (later.length > 0 && driver.endsWith("-cpu"));
}

/** A kind's own finding, without what Ganeti has recorded itself. */
function found(
  { strays, qemu, runtime, known }: {
    readonly strays: Kind["strays"];
    readonly qemu: QemuFacts;
    readonly runtime: Runtime;
    readonly known: ReadonlySet<string>;
  },
): Stray[] {
  const all = strays?.(qemu, known) ?? [];
  return all.filter(({ id }) =>
    !isLater(runtime, { id, driver: qemu.drivers.get(id) })
  );
}

/** QEMU's devices of one kind that are not recorded. */
export function straysOfKind(
  { qemu, content, recorded }: Pick<Facts, "qemu" | "content" | "recorded">,
  { word, strays }: Pick<KindName, "word"> & Pick<Kind, "strays">,
): readonly Stray[] {
  const { runtime } = content;
  if (strays !== undefined) {
    return found({ strays, qemu, runtime, known: idsOf(recorded) });
  }
  return straysOf(qemu, runtime)
    .filter(({ kind }) => kind === word);
}

/** The same of all kinds: disks and NICs first. */
export function allStrays(
  qemu: QemuFacts,
  runtime: Runtime,
  kinds: readonly Pick<Kind, "recorded" | "strays">[],
): readonly Stray[] {
  const known = idsOf(kinds.flatMap(({ recorded }) => recorded(runtime)));
  return [
    ...straysOf(qemu, runtime),
    ...kinds.flatMap(({ strays }) => found({ strays, qemu, runtime, known })),
  ];
}

function idsOf(devices: readonly RecordedDevice[]): ReadonlySet<string> {
  return new Set(devices.flatMap(({ hvinfo: { id } }) => id ?? []));
}

/**
 * Refuses what a backend of the same id stands in the way of: an addition that
 * failed left it, and no device uses it (SPEC 10.1, item 9).
 *
 * @throws {HotplugError} `leftover`
 */
export function refuseLeftover(
  { qemu, content, paths }: Pick<Facts, "qemu" | "content" | "paths">,
  id: string,
): void {
  const stray = straysOf(qemu, content.runtime)
    .find((one) => one.id === id && one.has === "backend");
  if (stray === undefined) return;
  const what = stray.kind === "nic"
    ? "network backend"
    : qemu.nodeNames.has(id)
    ? "block node"
    : "drive";
  const repair = commandLine(paths, "repair", paths.name);
  throw new HotplugError(
    "leftover",
    `QEMU still has ${what} ${id}, which no device uses and the runtime file does not record`,
    { hint: `to remove it, run: ${repair}` },
  );
}

/** A stray in the form that callers get; `blank` comes from its kind. */
export function strayView(
  { id, kind, pci }: Stray,
  qemu: QemuFacts,
  { blank }: Pick<Kind, "blank">,
): DeviceView {
  const tap = netdevOf(qemu, id)?.facts.tap ?? null;
  return {
    kind,
    index: null,
    uuid: null,
    name: null,
    id: id === "" ? null : id,
    driver: null,
    ...placeView({
      bus: pci && (pci.behind || rootBus(qemu.machine).name),
      slot: pci?.slot,
    }),
    ...blank,
    ...(kind === "nic" ? { tap } : {}),
  };
}
