/**
 * The steps that change a plugged disk, read back from a journal.
 *
 * @module
 */

import { frontendId } from "../device/backend.ts";
import { isJson } from "../qmp/message.ts";
import { LIMIT_NAMES, MAX_LIMIT } from "../qmp/io_limits.ts";
import {
  anything,
  type Check,
  dictionary,
  LINE,
  object,
  orNull,
  text,
  whole,
} from "../engine/value_check.ts";

const ID = /^[A-Za-z][A-Za-z0-9._-]{0,63}$/;

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

const limitDisk = object({
  kind: anything,
  id: text(ID),
  qdev: text(LINE),
  limits,
  before: orNull(limits),
});

/** A check for each kind of step of ./step_disk_change.ts. */
export const DISK_CHECKS: {
  readonly [K in "resize-disk" | "limit-disk"]: Check;
} = {
  "resize-disk": object({
    kind: anything,
    target: (value) =>
      object({ "node-name": text(ID) })(value) ||
      object({ device: text(ID) })(value),
    from: size,
    to: size,
  }),
  "limit-disk": (value) =>
    limitDisk(value) && isJson(value) && isPartOf(value.qdev, value.id),
};
