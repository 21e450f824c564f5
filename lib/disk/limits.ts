/**
 * The limits of a disk, in QEMU and in the tool's own record. Pure.
 *
 * @module
 */

import { backendOf } from "../device/backend.ts";
import type { DiskDevice } from "../device/disk.ts";
import { limitedPart } from "../device/disk_settings.ts";
import type { OwnFacts } from "../engine/own_facts.ts";
import type { OwnRecordStep } from "../engine/own_steps.ts";
import { type Decision, planOf } from "../engine/plan.ts";
import { refuse } from "../errors.ts";
import type { ProcessIdentity } from "../host/process_identity.ts";
import type { Facts } from "../plan/facts.ts";
import {
  refuseImpossible,
  refuseMissingCommands,
} from "../plan/requirements.ts";
import {
  type IoLimits,
  isLimited,
  LIMIT_NAMES,
  limitsFault,
  limitsIn,
  mergeLimits,
  sameLimits,
} from "../device/io_limits.ts";
import type { OwnDevice } from "../state/own_check.ts";
import type { DiskAddFacts } from "./add_facts.ts";
import { chooseDisk, notInQemu, refuseEmpty } from "./chosen.ts";
import type { DiskAdd, DiskSet } from "./request.ts";
import type { DiskStep } from "./steps.ts";
import { DISK } from "./name.ts";
import { diskNote } from "./note.ts";

/** What is noted of limits; names of a later release mean nothing here. */
export function notedLimits(noted: OwnDevice | null | undefined): IoLimits {
  const { limits = {} } = diskNote(noted) ? noted : {};
  const known = Object.entries(limits).filter(([name]) =>
    LIMIT_NAMES.some((one) => one === name)
  );
  return mergeLimits({}, Object.fromEntries(known));
}

/**
 * All limits that hold after a change.
 *
 * @throws {HotplugError} `refused` if QEMU does not take them together
 */
export function changedLimits(now: IoLimits, change: IoLimits): IoLimits {
  const limits = mergeLimits(now, change);
  const fault = limitsFault(limits);
  if (fault === undefined) return limits;
  const both = fault.startsWith("bps") ? "bps" : "iops";
  throw refuse(
    `Cannot limit the disk so: ${fault}`,
    `end the one it has: --${both} 0, or --${both}-read 0 --${both}-write 0`,
  );
}

/** What is noted of a disk apart from its limits; null: nothing. */
function withLimits(
  before: OwnDevice | null,
  limits: IoLimits,
): OwnDevice | null {
  const { limits: _, ...rest }: OwnDevice = { kind: "disk", ...before };
  if (isLimited(limits)) return { ...rest, limits: { ...limits } };
  return Object.keys(rest).length > 1 ? rest : null;
}

/** The limits of a new disk: those asked for, else those it had. */
export function newLimits(
  { record }: OwnFacts,
  uuid: string,
  { limits }: Pick<DiskAdd, "limits">,
): IoLimits {
  if (limits !== undefined) return mergeLimits({}, limits);
  return notedLimits(record.devices[uuid]);
}

/** Whose disk it is, and what earlier steps of the plan note of it. */
export interface NoteOptions {
  /** Of the disk. */
  readonly uuid: string;
  /** Who runs now. */
  readonly who: ProcessIdentity | null;
  /** Steps that come before. */
  readonly before: readonly DiskStep[];
}

/** The step that notes limits; none if that is noted already. */
export function noteLimits(
  { place, record }: OwnFacts,
  limits: IoLimits,
  { uuid, who, before: steps }: NoteOptions,
): OwnRecordStep[] {
  const key = uuid.toLowerCase();
  const earlier = steps.findLast((step): step is OwnRecordStep =>
    step.kind === "own-record" && step.change.uuid === key
  );
  const before = earlier === undefined
    ? record.devices[key] ?? null
    : earlier.change.after;
  const after = withLimits(before, limits);
  const same = JSON.stringify(notedLimits(before)) ===
    JSON.stringify(limits);
  if (same) return [];
  const change = { uuid: key, before, after };
  return [{ kind: "own-record", place, qemu: who, change }];
}

/**
 * Notes and sets the limits of a disk that was plugged just now.
 *
 * @throws {HotplugError} `unsupported`
 */
export function limitSteps(
  facts: DiskAddFacts,
  { id, uuid, driver }: DiskDevice,
  { limits, before }: { limits: IoLimits; before: readonly DiskStep[] },
): { readonly note: DiskStep[]; readonly limit: DiskStep[] } {
  const { who = null } = facts;
  const note = noteLimits(facts.own, limits, { uuid, who, before });
  if (!isLimited(limits)) return { note, limit: [] };
  refuseMissingCommands(facts.qemu, ["block_set_io_throttle"]);
  const qdev = limitedPart(driver, id);
  return {
    note,
    limit: [{ kind: "limit-disk", id, qdev, limits, before: null }],
  };
}

/** What changing a disk depends on. */
export interface DiskSetFacts extends Facts {
  /** Who runs now; null if that cannot be told. */
  readonly who: ProcessIdentity | null;
}

/**
 * Plans to change a disk.
 *
 * @throws {HotplugError} status 3
 */
export function planDiskSet(request: DiskSet, facts: DiskSetFacts): Decision {
  refuseImpossible(facts, DISK.needs["disk-set"]);
  refuseMissingCommands(facts.qemu, ["block_set_io_throttle"]);
  const { device, limits: change } = request;
  const chosen = chooseDisk(facts, { device, verb: "change" });
  refuseEmpty(facts, chosen, "limit");
  const { id, uuid, title } = chosen;
  const backend = backendOf(facts.qemu.block, id);
  if (backend === undefined || backend.qdev === "") {
    throw notInQemu(facts, chosen);
  }
  const { qdev } = backend;
  const before = limitsIn(backend);
  const limits = changedLimits(before, change);
  const note = { uuid, who: facts.who, before: [] };
  const steps: DiskStep[] = [
    ...noteLimits(facts.own, limits, note),
    ...(sameLimits(before, limits)
      ? []
      : [{ kind: "limit-disk", id, qdev, limits, before } as const]),
  ];
  const { limits: _, ...rest } = chosen.view;
  const about = {
    action: "set",
    instance: facts.paths.name,
    device: isLimited(limits) ? { ...chosen.view, limits } : rest,
    warnings: [],
  } as const;
  return steps.length === 0 ? { kind: "nothing-to-do", ...about } : {
    kind: "plan",
    plan: planOf({ ...about, title, kinds: [DISK.word], steps }),
  };
}
