/**
 * Steps on SCSI disks: the look for one where the plan put it, and another
 * medium in a drive.
 *
 * @module
 */

import { qemuId, shape, whole } from "../state/value_check.ts";
import { defineStep, type StepKind, type World } from "../engine/world.ts";
import { HotplugError } from "../errors.ts";
import { propertyOf } from "../qmp/device_queries.ts";
import { QmpCommandError } from "../qmp/errors.ts";
import { askAll } from "../qmp/query.ts";
import type { Place } from "../device/hvinfo.ts";
import type { VerifyDeviceStep } from "../engine/qmp_steps.ts";
import { LOOK_AT_QEMU } from "../engine/verbs.ts";

/**
 * Asks for the place of a SCSI disk by its device id: query-block has no name
 * of it (Ganeti issue 1963).
 */
export interface VerifyScsiStep {
  /** {@linkcode VERIFY_SCSI_STEP}. */
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

/** The step that looks for a new SCSI disk. */
export const VERIFY_SCSI_STEP: StepKind = defineStep<VerifyScsiStep>({
  kind: "verify-scsi",
  check: () =>
    shape({
      id: qemuId,
      bus: qemuId,
      channel: whole(0, 255),
      scsiId: whole(0, 255),
      lun: whole(0, 16383),
    }),
  traits: () => LOOK_AT_QEMU,
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
});

/** The step that looks for a new disk where it was put. */
export function verifyStep(
  { id, place }: { readonly id: string; readonly place: Place },
): VerifyDeviceStep | VerifyScsiStep {
  return "slot" in place
    ? { kind: "verify-device", id, slot: place.slot }
    : { kind: "verify-scsi", id, ...place };
}
