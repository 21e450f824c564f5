/**
 * Steps that change a plugged disk: its size, its limits.
 *
 * @module
 */

import { frontendId } from "../device/backend.ts";
import {
  dictionary,
  LINE,
  object,
  orNull,
  qemuId,
  shape,
  text,
  where,
  whole,
  word,
} from "../state/value_check.ts";
import { formatCommand, IN_QEMU, type QmpCommand } from "../engine/verbs.ts";
import { defineStep, type StepKind, type World } from "../engine/world.ts";
import { HotplugError } from "../errors.ts";
import { BLOCK, type BlockBackend } from "../qmp/commands.ts";
import {
  type IoLimits,
  isLimited,
  LIMIT_NAMES,
  limitArguments,
  limitsIn,
  limitsText,
  MAX_LIMIT,
  sameLimits,
} from "../device/io_limits.ts";
import { ask } from "../qmp/query.ts";

/** Tells the guest the new size of a disk. */
export interface ResizeDiskStep {
  /** {@linkcode RESIZE_DISK_STEP}. */
  readonly kind: "resize-disk";
  /** Its node, or the drive of `-drive`. */
  readonly target: { readonly "node-name": string } | {
    readonly device: string;
  };
  /** Virtual size before, in bytes. */
  readonly from: number;
  /** Larger. */
  readonly to: number;
}

/** Limits a disk, or ends that. */
export interface LimitDiskStep {
  /** {@linkcode LIMIT_DISK_STEP}. */
  readonly kind: "limit-disk";
  /** Device id. */
  readonly id: string;
  /** How QEMU names it here: the id, or a QOM path within it. */
  readonly qdev: string;
  /** All that then hold. */
  readonly limits: IoLimits;
  /** All that held; null: the disk was plugged just now, and goes again. */
  readonly before: IoLimits | null;
}

/** What changes a plugged disk. */
export type DiskChangeStep = ResizeDiskStep | LimitDiskStep;

async function backendWith(
  { qmp }: World,
  isMeant: (one: BlockBackend) => boolean,
): Promise<BlockBackend | undefined> {
  return (await ask(qmp, BLOCK)).find(isMeant);
}

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

/** The id itself, or a path of plain words within that device. */
const PART = /^[A-Za-z][A-Za-z0-9._-]*(?:\[\d+\])?$/;

function isPartOf(qdev: unknown, id: unknown): boolean {
  if (typeof qdev !== "string" || frontendId(qdev) !== id) return false;
  return qdev === id ||
    qdev.split("/").slice(1).every((part) => PART.test(part));
}

const limits = dictionary(
  new RegExp(`^(?:${LIMIT_NAMES.join("|")})$`),
  whole(1, MAX_LIMIT),
);
const size = whole(1, Number.MAX_SAFE_INTEGER);

const checkLimit = where(
  object({
    kind: word("limit-disk"),
    id: qemuId,
    qdev: text(LINE),
    limits,
    before: orNull(limits),
  }),
  ({ id, qdev }) => isPartOf(qdev, id),
);

/** The step that tells the guest a new size. */
export const RESIZE_DISK_STEP: StepKind = defineStep<ResizeDiskStep>({
  kind: "resize-disk",
  check: () =>
    shape({
      target: (value) =>
        object({ "node-name": qemuId })(value) ||
        object({ device: qemuId })(value),
      from: size,
      to: size,
    }),
  traits: () => ({ ...IN_QEMU, turn: "lasting" }),
  async do(step, world) {
    const { execute, arguments: args } = resizeCommand(step);
    await world.qmp.execute(execute, args);
    if (await hasGrown(step, world)) return;
    throw new HotplugError(
      "qmp-error",
      `QEMU took the new size ${step.to}, but query-block does not show it`,
    );
  },
  async undo(step, world) {
    await world.reconnect();
    if (!await hasGrown(step, world)) return;
    throw new HotplugError(
      "rollback-incomplete",
      `the guest has seen the new size ${step.to} and may use it`,
    );
  },
  async confirm(step, world) {
    return await hasGrown(step, world) ? "done" : "not-done";
  },
  describe: (step) => ({
    step: `QEMU: the disk has ${step.to} bytes, ${step.to - step.from} more`,
    qmp: resizeCommand(step),
    host: null,
    undo: "none: the guest may use what it has seen, a disk never shrinks",
  }),
});

function limitCommand(
  { qdev }: LimitDiskStep,
  limits: IoLimits,
): QmpCommand {
  const args = { id: qdev, ...limitArguments(limits) };
  return { execute: "block_set_io_throttle", arguments: args };
}

async function limitsNow(
  { id }: LimitDiskStep,
  world: World,
): Promise<IoLimits | undefined> {
  const found = await backendWith(world, ({ qdev }) => frontendId(qdev) === id);
  return found && limitsIn(found);
}

async function isLimitedSo(
  step: LimitDiskStep,
  world: World,
  limits: IoLimits,
): Promise<boolean> {
  const now = await limitsNow(step, world);
  return now !== undefined && sameLimits(now, limits);
}

async function send({ execute, arguments: args }: QmpCommand, world: World) {
  await world.qmp.execute(execute, args);
}

/** The step that limits a disk. */
export const LIMIT_DISK_STEP: StepKind = defineStep<LimitDiskStep>({
  kind: "limit-disk",
  check: () => checkLimit,
  traits: () => IN_QEMU,
  async do(step, world) {
    await send(limitCommand(step, step.limits), world);
    if (await isLimitedSo(step, world, step.limits)) return;
    throw new HotplugError(
      "qmp-error",
      `QEMU took the limits of ${step.id}, but query-block does not show them`,
    );
  },
  async undo(step, world) {
    if (step.before === null) return;
    await world.reconnect();
    // A disk that is gone, or limited by somebody else since, is left alone.
    if (!await isLimitedSo(step, world, step.limits)) return;
    await send(limitCommand(step, step.before), world);
  },
  async confirm(step, world) {
    const done = await isLimitedSo(step, world, step.limits);
    return done ? "done" : "not-done";
  },
  describe: (step) => ({
    step: isLimited(step.limits)
      ? `limit the disk: ${limitsText(step.limits)}`
      : "end the disk's limits",
    qmp: limitCommand(step, step.limits),
    host: null,
    undo: step.before && formatCommand(limitCommand(step, step.before)),
  }),
});
