/**
 * What adding an empty drive depends on besides the instance.
 *
 * @module
 */

import type { QmpSession } from "../qmp/client.ts";
import type { Facts } from "./facts.ts";
import { modelFault, readScsiBuses } from "./facts_scsi.ts";
import type { EmptyDriveFacts } from "./plan_disk_empty.ts";

/** Adds the SCSI buses, and whether QEMU has such drives. */
export async function readEmptyDriveFacts(
  facts: Facts,
  qmp: QmpSession,
): Promise<EmptyDriveFacts> {
  return {
    ...facts,
    scsi: await readScsiBuses(qmp),
    driverFault: await modelFault(qmp, "scsi-cd"),
  };
}
