/**
 * Settings that no start makes again: neither a property of a device nor a
 * member of Ganeti's objects has them.
 *
 * @module
 */

import { type Remark, remark } from "../errors.ts";

/** The warning about settings, named in the plural: "the limits of the disk". */
export function untilEnd(settings: string): Remark {
  return remark(
    "until-qemu-ends",
    `${settings} end with this QEMU: a migration and each start lose them`,
    { hint: "set them again afterwards" },
  );
}
