/**
 * Whether QEMU still has a file open that was changed on this node: then the
 * change stays. INTERFACE, promise 6.
 *
 * @module
 */

import { type Remark, remark } from "../errors.ts";
import { type AccessRecord, identityReached } from "./access_record.ts";
import { holds } from "./process.ts";

/**
 * Asks the kernel.
 *
 * @param holder the process; undefined: QEMU is known to have closed it
 */
export function isStillOpen(
  access: AccessRecord | undefined,
  holder: number | undefined,
): boolean {
  if (access === undefined || access.way === "tap" || access.way === "held") {
    return false;
  }
  return holder !== undefined && holds(holder, identityReached(access));
}

/** The remark for a person. Pure. */
export function stillOpen(access: AccessRecord): Remark {
  const what = access.way === "chown"
    ? `${access.path} still belongs to uid ${access.to}`
    : `${access.way === "mknod" ? `${access.root}/` : ""}${access.name} stays`;
  return remark(
    "way-in-use",
    `${what}: QEMU still has the removed disk open`,
    { hint: "run repair after QEMU has closed the disk or has ended" },
  );
}
