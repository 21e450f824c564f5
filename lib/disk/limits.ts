/**
 * The limits of a disk, in QEMU and in the tool's own record. Pure.
 *
 * @module
 */

import { limitsView, startedView } from "./view.ts";
import { backendOf, groupOf } from "../device/backend.ts";
import type { DiskDevice } from "../device/disk.ts";
import { limitedPart } from "../device/disk_settings.ts";
import type { OwnFacts } from "../engine/own_facts.ts";
import type { OwnRecordStep } from "../engine/own_steps.ts";
import { type Plan, planOf } from "../engine/plan.ts";
import { nameOfEntry, titleOf } from "../device/select.ts";
import { refuse, type Remark } from "../errors.ts";
import type { Facts } from "../plan/facts.ts";
import { absence } from "../plan/compare_entry.ts";
import {
  refuseImpossible,
  refuseMissingCommands,
} from "../plan/requirements.ts";
import {
  type IoLimits,
  isLimited,
  LIMIT_NAMES,
  limitsIn,
  mergeLimits,
  noLimit,
  sameLimits,
} from "../device/io_limits.ts";
import { untilEnd } from "../plan/until_end.ts";
import type { BlockBackend } from "../qmp/commands.ts";
import { defined } from "../state/defined.ts";
import { noteOn } from "../state/own_check.ts";
import type { DiskAddFacts } from "./add_facts.ts";
import { changedLimits } from "./changed_limits.ts";
import {
  chooseDisk,
  type ChosenDisk,
  findStarted,
  notInQemu,
  refuseEmpty,
} from "./chosen.ts";
import {
  disksText,
  type GroupFacts,
  groupStep,
  membersOf,
  ownGroup,
  recordedAmong,
  refuseGroup,
  sharedRemark,
} from "./limit_group.ts";
import type { DiskAdd, DiskSet } from "./request.ts";
import type { DiskStep } from "./steps.ts";
import { DISK } from "./name.ts";
import { type DiskNotes, diskNotes } from "./note.ts";

/** The limits of a disk, and the group that shares them. */
export type Limited = Pick<DiskNotes, "limits" | "limitGroup">;

/** The words of `disk set` that change the limits of a disk. */
export function limitWords(from: Limited, to: Limited): string[] {
  const words = LIMIT_NAMES.filter((name) =>
    from.limits[name] !== to.limits[name]
  )
    .flatMap((name) => [`--${name}`, String(to.limits[name] ?? noLimit(name))]);
  return from.limitGroup === to.limitGroup
    ? words
    : [...words, "--limit-group", to.limitGroup ?? "none"];
}

/** The limits of a disk in QEMU. */
export function limitsThere(
  { qemu }: Pick<Facts, "qemu">,
  backend: BlockBackend,
): Limited {
  return {
    limits: limitsIn(backend),
    limitGroup: groupOf(qemu.block, backend),
  };
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
    now.limitGroup === then.limitGroup &&
    now.aio === then.aio && now.discard === then.discard;
  if (isSame) return [];
  const limits = isLimited(then.limits) ? then.limits : undefined;
  const limitGroup = limits && then.limitGroup;
  const all = defined({
    kind: DISK.word,
    ...before,
    ...then,
    limits,
    limitGroup,
  });
  const after = Object.keys(all).length > 1 ? all : null;
  const change = { uuid: key, before, after };
  return [{ kind: "own-record", place, qemu, change }];
}

/** The steps that note new limits of the disks of a group. */
function noteMembers(
  facts: Pick<Facts, "content" | "own">,
  members: readonly BlockBackend[],
  limited: Limited,
): OwnRecordStep[] {
  return recordedAmong(facts, members).flatMap(({ uuid }) =>
    uuid === undefined ? [] : noteSteps(facts.own, limited, { uuid })
  );
}

/** @throws {HotplugError} `refused` if a group would have no limits */
function refuseUnlimited(group: string, limits: IoLimits): void {
  if (isLimited(limits)) return;
  throw refuse(
    `Cannot use limit group ${group}: it has no limits to share`,
    "give at least one limit, for example --iops N",
  );
}

/**
 * The limits of a new disk: the requested ones, else the earlier ones; in a
 * group the limits that the group has.
 */
function newLimits(
  facts: DiskAddFacts,
  { limits: asked, limitGroup: group }: Pick<
    DiskAdd,
    "limits" | "limitGroup"
  >,
  noted: Limited,
): Limited & { readonly members: readonly BlockBackend[] } {
  const limitGroup = group ?? (asked ? undefined : noted.limitGroup);
  if (limitGroup === undefined) {
    const limits = asked === undefined ? noted.limits : mergeLimits({}, asked);
    return { limits, limitGroup, members: [] };
  }
  if (group !== undefined) refuseGroup(facts, group);
  const members = membersOf(facts, limitGroup);
  const [first] = members;
  const now = first ? limitsIn(first) : asked ? {} : noted.limits;
  const limits = changedLimits(now, asked ?? {});
  refuseUnlimited(limitGroup, limits);
  return { limits, limitGroup, members };
}

/** The limits of a new disk, and the steps that set and note them. */
export interface LimitSteps extends Limited {
  readonly note: readonly DiskStep[];
  readonly limit: readonly DiskStep[];
  readonly warnings: readonly (Remark | undefined)[];
}

/**
 * Notes the behaviour of a plugged disk, and sets its limits.
 *
 * @param before the earlier steps
 * @throws {HotplugError} `unsupported` | `refused`
 */
export function limitSteps(
  facts: DiskAddFacts,
  { id, uuid, driver, settings }: DiskDevice,
  { asked, before }: {
    readonly asked: Pick<DiskAdd, "limits" | "limitGroup">;
    readonly before: readonly DiskStep[];
  },
): LimitSteps {
  const { own, qemu, content } = facts;
  const noted = diskNotes(noteOn(own.record, uuid));
  const { members, ...limited } = newLimits(facts, asked, noted);
  const { limits, limitGroup: group } = limited;
  const { diskAio, diskDiscard, origin } = content.runtime.hvparams;
  const { aio, discard } = settings;
  // If `adopt` invented the hvparams, they tell nothing about disks.
  const isTold = origin === "ganeti";
  const notes = {
    ...limited,
    aio: isTold && aio === diskAio ? undefined : aio,
    discard: isTold && discard === diskDiscard ? undefined : discard,
  };
  const note = noteSteps(own, notes, { uuid, earlier: before });
  if (!isLimited(limits)) {
    return { ...limited, note, limit: [], warnings: [] };
  }
  refuseMissingCommands(qemu, ["block_set_io_throttle"]);
  const qdev = limitedPart(driver, id);
  const limit: DiskStep = {
    ...{ kind: "limit-disk", id, qdev, limits, before: null },
    ...group !== undefined && { group },
  };
  const first = group === undefined
    ? undefined
    : groupStep(group, members, limits);
  const others = first ? noteMembers(facts, members, limited) : [];
  return {
    ...limited,
    note: [...note, ...others],
    limit: [first, limit].filter((step) => step !== undefined),
    warnings: [
      group === undefined ? undefined : sharedRemark(facts, group, {
        title: "the disk",
        others: members,
      }),
      untilEnd("the limits of the disk"),
    ],
  };
}

/** What `disk set` does with the limits of a disk. */
interface LimitChange extends Limited {
  readonly backend: BlockBackend;
  /** The other disks of the group, before. */
  readonly others: readonly BlockBackend[];
}

/**
 * The limits after `disk set`.
 *
 * @throws {HotplugError} `refused`
 */
function changeOf(
  facts: Facts & GroupFacts,
  { limits: change, limitGroup: group }: DiskSet,
  { backend, title }: {
    readonly backend: BlockBackend;
    readonly title: string;
  },
): LimitChange {
  const now = limitsThere(facts, backend);
  const isEntry = typeof group === "string" && group !== now.limitGroup;
  if (isEntry) refuseGroup(facts, group);
  const to = group === undefined ? now.limitGroup : group ?? undefined;
  const others = to === undefined
    ? []
    : membersOf(facts, to).filter((one) => one !== backend);
  const [first] = others;
  const base = isEntry && first ? limitsIn(first) : now.limits;
  const limits = changedLimits(base, change);
  if (isLimited(limits) || to === undefined) {
    return { backend, others, limits, limitGroup: to };
  }
  if (typeof group === "string") refuseUnlimited(group, limits);
  if (others.length === 0) {
    return { backend, others, limits, limitGroup: undefined };
  }
  throw refuse(
    `Cannot remove the limits of ${title}: it shares them with ${
      disksText(facts, others)
    } (limit group ${to})`,
    "to remove the limits of this disk alone, add --limit-group none",
  );
}

/** The steps of a change. */
function setSteps(
  facts: Facts & GroupFacts,
  { backend, others, ...limited }: LimitChange,
  { id, uuid, title }: Pick<ChosenDisk, "id" | "uuid" | "title">,
): DiskStep[] {
  const { own } = facts;
  const { limits, limitGroup: to } = limited;
  const { qdev, throttleGroup } = backend;
  const before = limitsIn(backend);
  const from = groupOf(facts.qemu.block, backend);
  const note = noteSteps(own, limited, { uuid });
  const isMove = from !== to && isLimited(limits);
  const first = isMove && to !== undefined
    ? groupStep(to, others, limits)
    : undefined;
  const isChange = !sameLimits(before, limits);
  const isShared = first !== undefined || (isChange && from === to);
  const notes = isShared ? noteMembers(facts, others, limited) : [];
  const step = defined({
    ...{ kind: "limit-disk" as const, id, qdev, limits, before },
    group: isMove ? to ?? ownGroup(facts, backend, title) : undefined,
    groupBefore: from !== to ? throttleGroup : undefined,
  });
  const isSet = isMove || isChange;
  return [...note, ...notes, ...first ? [first] : [], ...isSet ? [step] : []];
}

/**
 * The answer of `disk set` without an option: it is only a question.
 *
 * @throws {HotplugError} status 3
 */
function planQuestion({ device }: DiskSet, facts: Facts): Plan {
  const drive = findStarted(facts, device);
  const about = drive
    ? { title: titleOf(drive), device: startedView(drive, facts) }
    : viewOf(facts, device);
  const instance = facts.paths.name;
  return planOf({ ...about, action: "set", instance, steps: [] });
}

/** A recorded disk that QEMU has. */
function viewOf(facts: Facts, device: string) {
  const chosen = chooseDisk(facts, { device, verb: "show" });
  const isAbsent = absence(chosen.entry, facts.qemu) !== undefined;
  if (isAbsent) throw notInQemu(facts, chosen);
  return { title: chosen.title, device: chosen.view };
}

/**
 * Plans to change a disk.
 *
 * @throws {HotplugError} status 3
 */
export function planDiskSet(
  request: DiskSet,
  facts: Facts & GroupFacts,
): Plan {
  refuseImpossible(facts, DISK.needs["disk-set"]);
  const { device, limits: asked, limitGroup: group } = request;
  if (!isLimited(asked) && group === undefined) {
    return planQuestion(request, facts);
  }
  const chosen = chooseDisk(facts, { device, verb: "limit" });
  refuseMissingCommands(facts.qemu, ["block_set_io_throttle"]);
  refuseEmpty(facts, chosen, "limit");
  const { id, title, entry } = chosen;
  const backend = backendOf(facts.qemu.block, id);
  if (backend === undefined || backend.qdev === "") {
    throw notInQemu(facts, chosen);
  }
  const change = changeOf(facts, request, { backend, title });
  const { limits, limitGroup: to = null, others } = change;
  const steps = setSteps(facts, change, chosen);
  return planOf({
    action: "set",
    instance: facts.paths.name,
    title,
    device: { ...chosen.view, limits: limitsView(limits), limit_group: to },
    kinds: [DISK.word],
    steps,
    warnings: steps.length === 0 ? [] : [
      to === null ? undefined : sharedRemark(facts, to, {
        ...{ title, others },
        device: nameOfEntry(entry),
      }),
      isLimited(limits) ? untilEnd(`the limits of ${title}`) : undefined,
    ],
  });
}
