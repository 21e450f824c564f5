/**
 * The place of a SCSI disk in QEMU, asked by its device id: query-block does
 * not have its name (Ganeti issue 1963).
 *
 * @module
 */

import type { Place, ScsiPlace } from "../device/hvinfo.ts";
import type { VerifyDeviceStep } from "../engine/qmp_steps.ts";
import { stepCheck } from "../engine/verbs.ts";
import { defineLook } from "../engine/world.ts";
import { HotplugError } from "../errors.ts";
import type { QmpSession } from "../qmp/client.ts";
import { propertyOf } from "../qmp/device_queries.ts";
import { askAll } from "../qmp/query.ts";
import { type Of, qemuId, whole } from "../state/value_check.ts";

/** Properties of a SCSI disk: the value of `bus` is a QOM path. */
const PROPERTIES = {
  bus: "parent_bus",
  channel: "channel",
  scsiId: "scsi-id",
  lun: "lun",
} as const;

/** The place of a disk; undefined if QEMU does not tell it. */
export type LivePlace = {
  readonly [K in keyof typeof PROPERTIES]: string | number | undefined;
};

/** The name of its bus. */
export function busNameOf({ bus }: Pick<LivePlace, "bus">): string {
  return String(bus).split("/").at(-1) ?? "";
}

/** Asks for the places of all these devices at once, by their ids. */
export async function readPlaces(
  qmp: QmpSession,
  ids: readonly string[],
): Promise<Map<string, LivePlace>> {
  if (ids.length === 0) return new Map();
  const of = (id: string, property: string) => `${id} ${property}`;
  // A device of another kind lacks them: its driver differs, which is reported.
  const answers = await askAll(
    qmp,
    Object.fromEntries(
      ids.flatMap((id) =>
        Object.values(PROPERTIES).map((property) => [
          of(id, property),
          { ...propertyOf(id, property), ifRefused: "nothing" as const },
        ])
      ),
    ),
  );
  const { bus, channel, scsiId, lun } = PROPERTIES;
  return new Map(ids.map((id) => [id, {
    bus: answers[of(id, bus)],
    channel: answers[of(id, channel)],
    scsiId: answers[of(id, scsiId)],
    lun: answers[of(id, lun)],
  }]));
}

/** Whether a disk is at its place. */
export function sitsAt(
  live: LivePlace,
  { bus, channel, scsiId, lun }: ScsiPlace,
): boolean {
  return String(live.bus).endsWith(`/${bus}`) && live.channel === channel &&
    live.scsiId === scsiId && live.lun === lun;
}

const checkVerify = stepCheck("verify-scsi", {
  id: qemuId,
  bus: qemuId,
  channel: whole(0, 255),
  scsiId: whole(0, 255),
  lun: whole(0, 16383),
});

/** Checks the place of a new SCSI disk. */
export type VerifyScsiStep = Of<typeof checkVerify>;

/** The step that checks the place of a new SCSI disk. */
export const VERIFY_SCSI_STEP = defineLook({
  check: checkVerify,
  async fault(step, { qmp }) {
    const live = (await readPlaces(qmp, [step.id])).get(step.id);
    if (live !== undefined && sitsAt(live, step)) return undefined;
    return new HotplugError(
      "qmp-error",
      `QEMU accepted device ${step.id}, but does not have it as target ${step.scsiId} of ${step.bus}`,
    );
  },
  describe: ({ id, bus, scsiId }) => ({
    step: `verify that ${id} is target ${scsiId} of ${bus}`,
    qmp: {
      execute: "qom-get",
      arguments: { path: `/machine/peripheral/${id}`, property: "scsi-id" },
    },
  }),
});

/** The step that checks the place of a new disk. */
export function verifyStep(
  { id, place }: { readonly id: string; readonly place: Place },
): VerifyDeviceStep | VerifyScsiStep {
  return "slot" in place
    ? { kind: "verify-device", id, slot: place.slot }
    : { kind: "verify-scsi", id, ...place };
}
