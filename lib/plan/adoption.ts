/**
 * What adopting disks and NICs has in common. Pure.
 *
 * @module
 */

import { hvinfoOf, type Place } from "../device/hvinfo.ts";
import { titleOf } from "../device/select.ts";
import type { LiveDisk } from "../disk/live.ts";
import type { Remaining } from "../engine/plan.ts";
import type { QemuProcess } from "../host/process.ts";
import type { LiveNic } from "../nic/live.ts";
import { isNamedIn } from "../state/fixed_command.ts";
import { formatJson } from "../state/json.ts";
import { jsonNode } from "../state/json_node.ts";
import type { DeviceEntry } from "../state/runtime.ts";
import type { RuntimeChange } from "../state/runtime_change.ts";
import type { Facts } from "./facts.ts";

/** A change that records a device, and what comes with it. */
export interface Adopted {
  /** Device id in QEMU. */
  readonly id: string;
  /** The entry's. */
  readonly uuid: string;
  /** Makes the entry, or tells it which device it is. */
  readonly change: RuntimeChange;
  /** What a start from the file would do otherwise, one line each. */
  readonly warnings: readonly string[];
}

/** What is decided on one device; undefined: it is recorded already. */
export type Verdict = Adopted | Remaining | undefined;

/** Nothing is done to this one. */
export function left(what: string, hint: string): Remaining {
  return { what, hint };
}

const WHOLE = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/i;
const PART = /^(?:hot)?(?:disk|nic)-([0-9a-f]{8}(?:-[0-9a-f]{4}){0,2})(?:-|$)/i;

/**
 * The uuid of a device that has none: the one in its id, else a fresh one that
 * begins as the id does, so that Ganeti, which derives ids (SPEC 3.1), finds
 * the device.
 */
export function uuidFor(facts: AdoptFacts, id: string, fresh: string): string {
  const { disks, nics } = facts.content.runtime;
  const taken = new Set(
    [...disks, ...nics].map(({ uuid }) => uuid?.toLowerCase()),
  );
  const part = PART.exec(id)?.[1] ?? "";
  const like = part + fresh.slice(part.length);
  const words = [WHOLE.exec(id)?.[0] ?? like, like, fresh];
  return words.map((one) => one.toLowerCase())
    .find((one) => !taken.has(one)) ?? fresh;
}

/** Why a device cannot be recorded whatever is behind it. */
export function obstacle(
  facts: AdoptFacts,
  id: string | undefined,
): string | undefined {
  if (id === undefined) {
    return "it has no device id in QEMU, so it cannot be taken out while the VM runs";
  }
  const { content } = facts;
  if (isNamedIn(content.runtime.kvmCmd, id)) {
    return "it stands in the fixed command line (kvm_cmd) of the runtime file: a start would make it twice";
  }
  if (!facts.drivers.has(id) || !facts.places.has(id)) {
    return "it is on no bus of which devices can be taken out";
  }
  return undefined;
}

/** Tells an entry which device of QEMU it is. */
export function identify(
  facts: AdoptFacts,
  entry: DeviceEntry,
  id: string,
): Adopted | Remaining {
  const driver = facts.drivers.get(id);
  const place = facts.places.get(id);
  const { uuid } = entry;
  if (uuid === undefined || driver === undefined || place === undefined) {
    return left(titleOf(entry), "its entry has no uuid");
  }
  const hvinfo = formatJson(jsonNode(hvinfoOf({ driver, id, place })));
  const list = entry.kind === "disk" ? "disks" : "nics";
  const change = { change: "hvinfo", list, uuid, hvinfo } as const;
  return { id, uuid, change, warnings: [] };
}

/** Where a device sits, for messages. */
export function whereabouts(place: Place | undefined): string {
  if (place === undefined) return "";
  return "slot" in place
    ? `, slot ${place.slot} of ${place.bus}`
    : `, ${place.bus}, SCSI id ${place.scsiId}`;
}

/** What adopting depends on. */
export interface AdoptFacts extends Facts {
  /** Must be known: nothing else proves what is open. */
  readonly process: QemuProcess;
  /** Its program, from /proc. */
  readonly program: string;
  /** Drivers by device id. */
  readonly drivers: ReadonlyMap<string, string>;
  /** Places by device id; none for buses nothing is hotplugged on. */
  readonly places: ReadonlyMap<string, Place>;
  /** With a medium, and a device in front. */
  readonly disks: readonly LiveDisk[];
  /** On PCI. */
  readonly nics: readonly LiveNic[];
  /** Fresh ones, as many as there are devices. */
  readonly uuids: readonly string[];
}
