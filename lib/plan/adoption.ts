/**
 * Common parts of adopting devices of any kind. Pure.
 *
 * @module
 */

import { type Remark, remark } from "../errors.ts";
import { belongsTo, uuidsFor } from "../device/device_id.ts";
import { hvinfoOf, type Place, type Properties } from "../device/hvinfo.ts";
import { titleOf } from "../device/select.ts";
import type { QemuProcess } from "../host/process.ts";
import { isNamedIn } from "../state/fixed_command.ts";
import { formatJson, jsonNode } from "../state/json.ts";
import { type DeviceEntry, devicesOf } from "../state/runtime.ts";
import type { RuntimeChange } from "../state/runtime_change.ts";
import type { Facts } from "./facts.ts";
import type { Step } from "../engine/verbs.ts";
import { uuidWithin } from "../state/value_check.ts";
import type { PLACE } from "../state/entry_object.ts";
import type { FirstHvparams } from "../state/hvparams.ts";

/** A change that records a device, with its consequences. */
export interface Adopted {
  /** The word of its kind. */
  readonly kind: string;
  readonly id: string;
  /** Undefined for words of `kvm_cmd`. */
  readonly uuid?: string;
  /** Records it, or tells its entry which device it is. */
  readonly change: RuntimeChange;
  /** The differences of a start from the file. */
  readonly warnings: readonly Remark[];
  /** Whether its id has only the first part of its uuid. @default false */
  readonly invented?: boolean;
}

/** The decision about one device; undefined: it is already recorded. */
export type Verdict = Adopted | Remark | undefined;

/** This device is left alone. */
export function left(title: string, why: string, hint?: string): Remark {
  return remark("not-adopted", `${title}: ${why}`, { hint });
}

/**
 * The uuid of a device without one: the uuid in its id, else a new one that
 * begins like the id, so that Ganeti, which derives ids (SPEC 3.1), finds the
 * device.
 */
export function uuidFor(
  facts: AdoptFacts,
  id: string,
  fresh: string,
): { readonly uuid: string; readonly invented: boolean } {
  const taken = new Set(
    devicesOf(facts.content.runtime).map(({ uuid }) => uuid?.toLowerCase()),
  );
  const uuid = uuidsFor(id, fresh).find((one) => !taken.has(one)) ?? fresh;
  const isWhole = uuidWithin(id)?.toLowerCase() === uuid;
  return { uuid, invented: !isWhole && belongsTo(uuid, id) };
}

/** Why a device cannot be recorded, whatever its source is. */
export function obstacle(
  facts: AdoptFacts,
  id: string | undefined,
): string | undefined {
  if (id === undefined) {
    return "it has no device id in QEMU, so it cannot be removed while the VM runs";
  }
  const { content } = facts;
  if (isNamedIn(content.runtime.kvmCmd, id)) {
    return "it is part of the fixed command line (kvm_cmd) of the runtime file: a start would make the device twice";
  }
  if (!facts.qemu.drivers.has(id) || !facts.places.has(id)) {
    return "it is on a bus without hotplug";
  }
  return undefined;
}

function listOf({ kind }: DeviceEntry): keyof typeof PLACE {
  return kind === "disk" ? "disks" : "nics";
}

/**
 * Tells an entry which device of QEMU it is.
 *
 * @param device.properties those that a start has to give it again
 */
export function identify(
  facts: AdoptFacts,
  entry: DeviceEntry,
  { id, properties }: {
    readonly id: string;
    readonly properties: Properties;
  },
): Adopted | Remark {
  const driver = facts.qemu.drivers.get(id);
  const place = facts.places.get(id);
  const { uuid } = entry;
  if (uuid === undefined || driver === undefined || place === undefined) {
    return left(titleOf(entry), "its entry has no uuid");
  }
  const hvinfo = formatJson(
    jsonNode(hvinfoOf({ driver, id, place, properties })),
  );
  const list = listOf(entry);
  const members = { hvinfo };
  const change = { change: "members", list, uuid, members } as const;
  return { kind: entry.kind, id, uuid, change, warnings: [] };
}

/** The place of a device, for messages. */
export function whereabouts(place: Place | undefined): string {
  if (place === undefined) return "";
  return "slot" in place
    ? `, slot ${place.slot} of ${place.bus}`
    : `, ${place.bus}, SCSI id ${place.scsiId}`;
}

/** Facts for adopting devices of any kind. */
export interface AdoptFacts extends Facts {
  /** Must be known: only the process proves which files are open. */
  readonly process: QemuProcess;
  /** Its program, from /proc. */
  readonly program: string;
  /** Places by device id; none on buses without hotplug. */
  readonly places: ReadonlyMap<string, Place>;
}

/** A device of a live QEMU, of any kind. */
export interface LiveDevice {
  /** Device id, undefined if it has none. */
  readonly id: string | undefined;
}

/** The words of a start that belong to a device, by their names. */
export interface StartNames {
  /** `-netdev`. */
  readonly netdevs?: readonly string[];
  /** `-drive`. */
  readonly drives?: readonly string[];
  /** `-blockdev`. */
  readonly nodes?: readonly string[];
}

/** The devices of one kind in a live QEMU, and their proofs. */
export interface KindAdoption {
  readonly live: readonly LiveDevice[];
  /**
   * Decides on each.
   *
   * @param fresh a new uuid for each
   */
  judge(facts: AdoptFacts, fresh: readonly string[]): readonly Verdict[];
  /** The further steps for devices that are added to the list. */
  steps(facts: AdoptFacts, adopted: readonly Adopted[]): readonly Step[];
  /** The words of a start for devices with these ids. */
  startNames(ids: ReadonlySet<string>): StartNames;
  /**
   * The hvparams of a first file that these devices tell, by Ganeti's names.
   */
  hvparams(ids: ReadonlySet<string>): Partial<FirstHvparams>;
}
