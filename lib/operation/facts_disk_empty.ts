/**
 * What adding an empty drive depends on besides the instance.
 *
 * @module
 */

import type { QmpSession } from "../qmp/client.ts";
import type { Facts } from "./facts.ts";
import { modelFault, readScsi } from "./facts_scsi.ts";
import type { EmptyDriveFacts } from "./plan_disk_empty.ts";
import { controllerWord } from "./plan_scsi_controller.ts";
import type { DiskAdd } from "./request.ts";

/** Adds the SCSI buses, and whether QEMU has such drives. */
export async function readEmptyDriveFacts(
  facts: Facts,
  { request, qmp }: { request: DiskAdd; qmp: QmpSession },
): Promise<EmptyDriveFacts> {
  return {
    ...facts,
    ...await readScsi(qmp, controllerWord(facts, request)),
    driverFault: await modelFault(qmp, "scsi-cd"),
  };
}
