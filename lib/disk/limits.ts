/**
 * The limits of a disk, in QEMU and in the tool's own record. Pure.
 *
 * @module
 */

import { limitsView } from "./view.ts";
import { backendOf } from "../device/backend.ts";
import type { DiskDevice } from "../device/disk.ts";
import { limitedPart } from "../device/disk_settings.ts";
import type { OwnFacts } from "../engine/own_facts.ts";
import type { OwnRecordStep } from "../engine/own_steps.ts";
import { type Plan, planOf } from "../engine/plan.ts";
import { refuse } from "../errors.ts";
import type { Facts } from "../plan/facts.ts";
import {
  refuseImpossible,
  refuseMissingCommands,
} from "../plan/requirements.ts";
import {
  exclusiveFault,
  type IoLimits,
  isLimited,
  LIMIT_NAMES,
  limitsFault,
  limitsIn,
  mergeLimits,
  noLimit,
  sameLimits,
} from "../device/io_limits.ts";
import { defined } from "../state/defined.ts";
import { noteOn } from "../state/own_check.ts";
import type { DiskAddFacts } from "./add_facts.ts";
import { chooseDisk, notInQemu, refuseEmpty } from "./chosen.ts";
import type { DiskSet } from "./request.ts";
import type { DiskStep } from "./steps.ts";
import { DISK } from "./name.ts";
import { type DiskNotes, diskNotes } from "./note.ts";

/**
 * All limits after a change.
 *
 * @throws {HotplugError} `refused` if QEMU does not accept them together
 */
function changedLimits(now: IoLimits, change: IoLimits): IoLimits {
  const limits = mergeLimits(now, change);
  const fault = limitsFault(limits);
  if (fault === undefined) return limits;
  const both = fault.startsWith("bps") ? "bps" : "iops";
  if (exclusiveFault(limits) === undefined) {
    throw refuse(`Cannot set these limits: ${fault}`);
  }
  throw refuse(
    `Cannot set these limits: ${fault}`,
    `remove the old limit with --${both} 0, or with --${both}-read 0 --${both}-write 0`,
  );
}

/** The words of `disk set` that change the limits of a disk. */
export function limitWords(from: IoLimits, to: IoLimits): string[] {
  return LIMIT_NAMES.filter((name) => from[name] !== to[name])
    .flatMap((name) => [`--${name}`, String(to[name] ?? noLimit(name))]);
}

/** The step that notes differences; none if everything is noted already. */
export function noteSteps(
  { place, record, qemu }: OwnFacts,
  notes: Partial<DiskNotes>,
  { uuid, earlier = [] }: {
    readonly uuid: string;
    /** Steps of the plan that may note data of the disk, too. */
    readonly earlier?: readonly DiskStep[];
  },
): OwnRecordStep[] {
  const key = uuid.toLowerCase();
  const noting = earlier.findLast((step): step is OwnRecordStep =>
    step.kind === "own-record" && step.change.uuid === key
  );
  const before = noting === undefined
    ? noteOn(record, key) ?? null
    : noting.change.after;
  const now = diskNotes(before);
  const then = { ...now, ...notes };
  const isSame = sameLimits(now.limits, then.limits) &&
    now.aio === then.aio && now.discard === then.discard;
  if (isSame) return [];
  const limits = isLimited(then.limits) ? then.limits : undefined;
  const all = defined({ kind: DISK.word, ...before, ...then, limits });
  const after = Object.keys(all).length > 1 ? all : null;
  const change = { uuid: key, before, after };
  return [{ kind: "own-record", place, qemu, change }];
}

/**
 * Notes the behaviour of a plugged disk, and sets its limits: the requested
 * ones, else the earlier ones.
 *
 * @param before the earlier steps
 * @throws {HotplugError} `unsupported`
 */
export function limitSteps(
  { own, qemu, content }: DiskAddFacts,
  { id, uuid, driver, settings }: DiskDevice,
  { asked, before }: {
    readonly asked: IoLimits | undefined;
    readonly before: readonly DiskStep[];
  },
): { limits: IoLimits; note: DiskStep[]; limit: DiskStep[] } {
  const limits = asked === undefined
    ? diskNotes(noteOn(own.record, uuid)).limits
    : mergeLimits({}, asked);
  const { diskAio, diskDiscard, origin } = content.runtime.hvparams;
  const { aio, discard } = settings;
  // If `adopt` invented the hvparams, they tell nothing about disks.
  const isTold = origin === "ganeti";
  const notes = {
    limits,
    aio: isTold && aio === diskAio ? undefined : aio,
    discard: isTold && discard === diskDiscard ? undefined : discard,
  };
  const note = noteSteps(own, notes, { uuid, earlier: before });
  if (!isLimited(limits)) return { limits, note, limit: [] };
  refuseMissingCommands(qemu, ["block_set_io_throttle"]);
  const qdev = limitedPart(driver, id);
  const limit: DiskStep = {
    kind: "limit-disk",
    id,
    qdev,
    limits,
    before: null,
  };
  return { limits, note, limit: [limit] };
}

/**
 * Plans to change a disk.
 *
 * @throws {HotplugError} status 3
 */
export function planDiskSet(request: DiskSet, facts: Facts): Plan {
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
  const limit: DiskStep = { kind: "limit-disk", id, qdev, limits, before };
  const steps = [
    ...noteSteps(facts.own, { limits }, { uuid }),
    sameLimits(before, limits) ? undefined : limit,
  ];
  return planOf({
    action: "set",
    instance: facts.paths.name,
    title,
    device: { ...chosen.view, limits: limitsView(limits) },
    kinds: [DISK.word],
    // A call without limits is only a question.
    steps: isLimited(change) ? steps : [],
  });
}
