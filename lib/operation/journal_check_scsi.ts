/**
 * Steps on SCSI disks, read back from a journal.
 *
 * @module
 */

import type { ScsiStep } from "../disk/scsi_steps.ts";
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
