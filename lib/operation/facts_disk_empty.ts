/**
 * What adding an empty drive depends on besides the instance.
 *
 * @module
 */

import type { QmpSession } from "../qmp/client.ts";
import type { Facts } from "../plan/facts.ts";
import { modelFault, readScsi } from "../disk/scsi.ts";
import type { EmptyDriveFacts } from "../disk/empty_drive.ts";
import { controllerWord } from "../disk/controller.ts";
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
