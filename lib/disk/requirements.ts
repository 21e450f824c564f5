/**
 * What adding a disk needs besides a place for it, as `check` tells it.
 *
 * @module
 */

import type { CheckFacts, KindRule } from "../plan/kind.ts";
import { refuseNoWay, takesFiles } from "./way_path.ts";

/** The requirements of disks. Pure. */
export function diskRequirements(
  { qemu, confinement }: CheckFacts,
): KindRule[] {
  return [{
    name: "disk-access",
    at: "after-place",
    refuse: () => refuseNoWay(qemu, confinement),
    state: () =>
      takesFiles(qemu)
        ? "the monitor takes opened files"
        : "QEMU runs as root and sees all of this node: it opens disks itself",
  }];
}
