/**
 * Steps on SCSI disks: the look for one where the plan put it, and another
 * medium in a drive.
 *
 * @module
 */

import {
  anything,
  type Check,
  LINE,
  object,
  orNull,
  text,
  whole,
  word,
} from "../engine/value_check.ts";
import type { Verbs } from "../engine/verbs.ts";
import type { World } from "../engine/world.ts";
import { HotplugError } from "../errors.ts";
import { propertyOf } from "../qmp/device_queries.ts";
import { QmpCommandError } from "../qmp/errors.ts";
import { askAll } from "../qmp/query.ts";
import { changeMedium, type ChangeMediumStep } from "./medium_step.ts";

/**
 * Asks for the place of a SCSI disk by its device id: query-block has no name
 * of it (Ganeti issue 1963).
 */
export interface VerifyScsiStep {
  /** Decides who carries it out. */
  readonly kind: "verify-scsi";
  /** Device id. */
  readonly id: string;
  /** e.g. `scsi.0`. */
  readonly bus: string;
  /** Ours is 0. */
  readonly channel: number;
  /** Target. */
  readonly scsiId: number;
  /** Ours is 0. */
  readonly lun: number;
}

/** What is done with SCSI disks alone. */
export type ScsiStep = VerifyScsiStep | ChangeMediumStep;

async function sitsAt(
  { id, bus, channel, scsiId, lun }: VerifyScsiStep,
  { qmp }: World,
): Promise<boolean> {
  try {
    const live = await askAll(qmp, {
      bus: propertyOf(id, "parent_bus"),
      channel: propertyOf(id, "channel"),
      scsiId: propertyOf(id, "scsi-id"),
      lun: propertyOf(id, "lun"),
    });
    return String(live.bus).endsWith(`/${bus}`) && live.channel === channel &&
      live.scsiId === scsiId && live.lun === lun;
  } catch (error) {
    if (error instanceof QmpCommandError) return false;
    throw error;
  }
}

const verifyScsi: Verbs<VerifyScsiStep> = {
  async do(step, world) {
    if (await sitsAt(step, world)) return;
    throw new HotplugError(
      "qmp-error",
      `QEMU took device ${step.id}, but does not have it as target ${step.scsiId} of ${step.bus}`,
    );
  },
  async undo() {},
  async confirm(step, world) {
    return await sitsAt(step, world) ? "done" : "not-done";
  },
  describe: ({ id, bus, scsiId }) => ({
    step: `verify that ${id} is target ${scsiId} of ${bus}`,
    qmp: {
      execute: "qom-get",
      arguments: { path: `/machine/peripheral/${id}`, property: "scsi-id" },
    },
    host: null,
    undo: null,
  }),
};

/** The verbs of the steps on SCSI disks. */
export const scsiVerbs = {
  "verify-scsi": verifyScsi,
  "change-medium": changeMedium,
} as const;

const id = text(/^[A-Za-z][A-Za-z0-9._-]{0,63}$/);

/** A check for each kind of them. */
export const SCSI_CHECKS: { readonly [K in ScsiStep["kind"]]: Check } = {
  "verify-scsi": object({
    kind: anything,
    id,
    bus: id,
    channel: whole(0, 255),
    scsiId: whole(0, 255),
    lun: whole(0, 16383),
  }),
  "change-medium": object({
    kind: anything,
    id,
    title: text(LINE),
    from: orNull(id),
    to: orNull(id),
    lock: word("heeded", "forced"),
  }),
};
