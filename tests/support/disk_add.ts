/**
 * Plans of a disk's addition to a VM that has one disk and one NIC.
 *
 * @module
 */

import { planDiskAdd } from "../../lib/disk/add.ts";
import { disk, diskAdd, diskAddFacts, nic, planOf } from "./facts.ts";

/** The id of the disk that is added. */
export const NEW_ID = "disk-932df160-7a22-4067";

/** What the VM has. */
export const ONE_DISK = { disks: [disk(0, 12)], nics: [nic(0, 13)] };

/** The plan of an addition. */
export function plan(
  request: Parameters<typeof diskAdd>[0] = {},
  given: Parameters<typeof diskAddFacts>[0] = ONE_DISK,
) {
  return planOf(planDiskAdd(diskAdd(request), diskAddFacts(given)));
}
