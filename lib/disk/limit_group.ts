/**
 * Groups of disks that share their limits: the throttle groups of QEMU. A
 * group exists as long as a disk is in it, and all its disks have the limits
 * that were set last. Pure.
 *
 * @module
 */

import { frontendId, groupOf, sharersOf } from "../device/backend.ts";
import { parseDeviceId } from "../device/device_id.ts";
import { type IoLimits, limitsIn, sameLimits } from "../device/io_limits.ts";
import { titleOf } from "../device/select.ts";
import { refuse, type Remark, remark, type ToldDevice } from "../errors.ts";
import type { Facts } from "../plan/facts.ts";
import type { QmpSession } from "../qmp/client.ts";
import { type BlockBackend, THROTTLE_OBJECTS } from "../qmp/commands.ts";
import { ask } from "../qmp/query.ts";
import type { DiskEntry } from "../state/runtime.ts";
import type { LimitDiskStep } from "./change_steps.ts";

/** What entering a group depends on. */
export interface GroupFacts {
  /**
   * Groups that other users than disks may have: objects of type
   * throttle-group. Undefined: not asked.
   */
  readonly throttleObjects?: ReadonlySet<string> | undefined;
}

/** The disks of QEMU in a group. */
export function membersOf(
  { qemu }: Pick<Facts, "qemu">,
  group: string,
): BlockBackend[] {
  return qemu.block.filter((one) => groupOf(qemu.block, one) === group);
}

/**
 * Refuses a name that QEMU uses for something else.
 *
 * @throws {HotplugError} `refused`
 */
export function refuseGroup(
  { qemu, throttleObjects }: Pick<Facts, "qemu"> & GroupFacts,
  group: string,
): void {
  const isObject = throttleObjects?.has(group);
  const isDevice = qemu.deviceIds.has(group) ||
    qemu.block.some(({ device }) => device === group);
  if (!isObject && !isDevice) return;
  throw refuse(
    `Cannot use limit group ${group}: QEMU has ${
      isObject ? "an object of type throttle-group" : "a device"
    } with this name`,
    "give another name",
  );
}

function entryOf(
  { content }: Pick<Facts, "content">,
  { qdev }: BlockBackend,
): DiskEntry | undefined {
  const id = frontendId(qdev);
  return id === undefined
    ? undefined
    : content.runtime.disks.find(({ hvinfo }) => hvinfo.id === id);
}

/** The recorded disks among the disks of QEMU. */
export function recordedAmong(
  facts: Pick<Facts, "content">,
  backends: readonly BlockBackend[],
): DiskEntry[] {
  return backends.flatMap((one) => entryOf(facts, one) ?? []);
}

/** The disks of QEMU as a person calls them. */
export function disksText(
  facts: Pick<Facts, "content">,
  backends: readonly BlockBackend[],
): string {
  return backends.map((one) => {
    const entry = entryOf(facts, one);
    if (entry) return titleOf(entry);
    const name = frontendId(one.qdev) ?? (one.device || one.qdev);
    // A device id of ours begins with its kind.
    return parseDeviceId(name) ? name : `disk ${name}`;
  }).join(", ");
}

/** The warning about a disk that shares its limits with others. */
export function sharedRemark(
  facts: Pick<Facts, "content">,
  group: string,
  { title, device, others }: {
    readonly title: string;
    readonly device?: ToldDevice;
    readonly others: readonly BlockBackend[];
  },
): Remark | undefined {
  if (others.length === 0) return undefined;
  return remark(
    "limits-shared",
    `${title} shares its limits with ${
      disksText(facts, others)
    }: limit group ${group}`,
    { device },
  );
}

/**
 * The step that brings the disks of a group to other limits, before another
 * disk enters it: thus the undo of the entering does not concern them.
 *
 * @throws {HotplugError} `refused` if no disk of the group can be named
 */
export function groupStep(
  group: string,
  members: readonly BlockBackend[],
  limits: IoLimits,
): LimitDiskStep | undefined {
  const [first] = members;
  if (first === undefined || sameLimits(limitsIn(first), limits)) {
    return undefined;
  }
  for (const one of members) {
    const { qdev } = one;
    const id = frontendId(qdev);
    if (id === undefined) continue;
    return { kind: "limit-disk", id, qdev, limits, before: limitsIn(one) };
  }
  throw refuse(
    `Cannot change the limits of limit group ${group}: its disks have no device id`,
    "omit the limits: the disk then takes the group's limits",
  );
}

/**
 * The name under which QEMU keeps the limits of a disk alone.
 *
 * @throws {HotplugError} `refused` if other disks have entered that group
 */
export function ownGroup(
  facts: Pick<Facts, "content" | "qemu">,
  backend: BlockBackend,
  title: string,
): string {
  const { qdev, throttleGroup } = backend;
  if (throttleGroup !== qdev) return qdev;
  const others = sharersOf(facts.qemu.block, backend);
  throw refuse(
    `Cannot take ${title} out of limit group ${throttleGroup}: QEMU named this group after the disk itself`,
    `take the others out: ${disksText(facts, others)}`,
  );
}

/** Reads what entering a group depends on. */
export async function readGroupFacts(
  { limitGroup: group }: {
    readonly limitGroup?: string | null | undefined;
  },
  qmp: QmpSession,
): Promise<GroupFacts> {
  return typeof group === "string"
    ? { throttleObjects: await ask(qmp, THROTTLE_OBJECTS) }
    : {};
}
