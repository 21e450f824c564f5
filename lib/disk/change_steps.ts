/**
 * Steps that change a plugged disk: its size, its limits.
 *
 * @module
 */

import { limitsText } from "../words/limits_text.ts";
import { frontendId } from "../device/backend.ts";
import {
  type IoLimits,
  isLimited,
  LIMIT_NAMES,
  limitArguments,
  limitsIn,
  MAX_LIMIT,
  sameLimits,
  THROTTLE_GROUP,
} from "../device/io_limits.ts";
import {
  formatCommand,
  IN_QEMU,
  type QmpCommand,
  stepCheck,
} from "../engine/verbs.ts";
import { defineStep, type World } from "../engine/world.ts";
import { HotplugError } from "../errors.ts";
import { BLOCK, type BlockBackend } from "../qmp/commands.ts";
import { ask } from "../qmp/query.ts";
import {
  dictionary,
  either,
  LINE,
  object,
  type Of,
  orNull,
  qemuId,
  text,
  whole,
} from "../state/value_check.ts";

async function backendWith(
  { qmp }: World,
  isMeant: (one: BlockBackend) => boolean,
): Promise<BlockBackend | undefined> {
  return (await ask(qmp, BLOCK)).find(isMeant);
}

const size = whole(1, Number.MAX_SAFE_INTEGER);

const checkResize = stepCheck("resize-disk", {
  // Its node, or the drive of `-drive`.
  target: either(object({ "node-name": qemuId }), object({ device: qemuId })),
  // Virtual sizes before and afterwards, in bytes.
  from: size,
  to: size,
});

/** Tells the guest the new size of a disk. */
export type ResizeDiskStep = Of<typeof checkResize>;

function resizeCommand({ target, to }: ResizeDiskStep): QmpCommand {
  return { execute: "block_resize", arguments: { ...target, size: to } };
}

async function hasGrown(
  { target, to }: ResizeDiskStep,
  world: World,
): Promise<boolean> {
  const found = await backendWith(
    world,
    ({ nodeName, device }) =>
      "device" in target
        ? device === target.device
        : nodeName === target["node-name"],
  );
  return (found?.sizeBytes ?? 0) >= to;
}

const RESIZE_DISK_STEP = defineStep({
  check: checkResize,
  traits: () => ({ ...IN_QEMU, turn: "lasting" }),
  async do(step, world) {
    await world.send(resizeCommand(step));
    if (await hasGrown(step, world)) return;
    throw new HotplugError(
      "qmp-error",
      `QEMU accepted the new size ${step.to}, but query-block does not show it`,
    );
  },
  async undo(step, world) {
    await world.reconnect();
    if (!await hasGrown(step, world)) return;
    throw new HotplugError(
      "rollback-incomplete",
      `the guest already has the new size ${step.to} and may use it`,
    );
  },
  confirm: hasGrown,
  describe: (step) => ({
    step: `QEMU: set the disk's size to ${step.to} bytes, ${
      step.to - step.from
    } more`,
    qmp: resizeCommand(step),
    undo: "none: the guest may use the new size, and a disk never shrinks",
  }),
});

/** The id itself, or a path of plain words within that device. */
const PART = /^[A-Za-z][A-Za-z0-9._-]*(?:\[\d+\])?$/;

function isPartOf(qdev: string, id: string): boolean {
  if (frontendId(qdev) !== id) return false;
  return qdev === id ||
    qdev.split("/").slice(1).every((part) => PART.test(part));
}

const limits = dictionary(
  new RegExp(`^(?:${LIMIT_NAMES.join("|")})$`),
  whole(1, MAX_LIMIT),
);

const group = text(THROTTLE_GROUP);

const checkLimit = stepCheck(
  "limit-disk",
  {
    id: qemuId,
    // QEMU's name of the device here: the id, or a QOM path within it.
    qdev: text(LINE),
    // All limits after the change.
    limits,
    // All limits before; null: the disk was just plugged, and is removed by the
    // undo.
    before: orNull(limits),
  },
  {
    // The throttle group to enter; undefined: the disk stays where it is, or
    // gets a group of its own.
    group,
    // The throttle group before.
    groupBefore: group,
  },
  ({ id, qdev }) => isPartOf(qdev, id),
);

/** Sets or removes the limits of a disk. */
export type LimitDiskStep = Of<typeof checkLimit>;

function limitCommand(
  { qdev }: LimitDiskStep,
  limits: IoLimits,
  group: string | undefined,
): QmpCommand {
  const args = {
    id: qdev,
    ...limitArguments(limits),
    ...group !== undefined && { group },
  };
  return { execute: "block_set_io_throttle", arguments: args };
}

/** QEMU puts a disk into a group first, then sets the limits of the group. */
function setCommand(step: LimitDiskStep): QmpCommand {
  return limitCommand(step, step.limits, step.group);
}

function undoCommand(
  step: LimitDiskStep,
  before: IoLimits,
): QmpCommand {
  return limitCommand(step, before, step.groupBefore);
}

async function hasLimits(
  { id, limits, group }: LimitDiskStep,
  world: World,
): Promise<boolean> {
  const found = await backendWith(world, ({ qdev }) => frontendId(qdev) === id);
  if (found === undefined || !sameLimits(limitsIn(found), limits)) return false;
  // Without limits a disk is in no group.
  return group === undefined || !isLimited(limits) ||
    found.throttleGroup === group;
}

function describeLimit(step: LimitDiskStep): string {
  const { limits, group, qdev } = step;
  if (!isLimited(limits)) return "remove the disk's limits";
  const where = group === undefined
    ? ""
    : group === qdev
    ? ", no longer shared"
    : `, shared by limit group ${group}`;
  return `limit the disk: ${limitsText(limits)}${where}`;
}

const LIMIT_DISK_STEP = defineStep({
  check: checkLimit,
  traits: () => IN_QEMU,
  async do(step, world) {
    await world.send(setCommand(step));
    if (await hasLimits(step, world)) return;
    throw new HotplugError(
      "qmp-error",
      `QEMU accepted the limits of ${step.id}, but query-block does not show them`,
    );
  },
  async undo(step, world) {
    if (step.before === null) return;
    await world.reconnect();
    // If the disk is gone, or another program has changed its limits since, it
    // is left alone.
    if (!await hasLimits(step, world)) return;
    await world.send(undoCommand(step, step.before));
  },
  confirm: hasLimits,
  describe: (step) => ({
    step: describeLimit(step),
    qmp: setCommand(step),
    undo: step.before && formatCommand(undoCommand(step, step.before)),
  }),
});

/** The kinds of these steps. */
export const CHANGE_STEPS = [RESIZE_DISK_STEP, LIMIT_DISK_STEP];
