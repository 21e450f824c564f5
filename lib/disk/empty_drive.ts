/**
 * Plans to add a CD-ROM drive without a medium. Pure.
 *
 * @module
 */

import { frontendArguments } from "../device/disk.ts";
import { diskDriver, heedsDrivers, NO_SOURCE } from "../device/disk_driver.ts";
import { diskEntry } from "../device/entry.ts";
import { addressOf } from "../device/hvinfo.ts";
import { controllerOf, controllerWords } from "../device/scsi_controller.ts";
import { titleOf } from "../device/select.ts";
import { diskSettingsAtStart } from "./start.ts";
import type { Decision } from "../engine/plan.ts";
import { duplicate, refuse } from "../errors.ts";
import {
  alreadyThere,
  deviceStep,
  planAddition,
  twinOf,
} from "../plan/addition.ts";
import type { Facts } from "../plan/facts.ts";
import { refuseImpossible } from "../plan/requirements.ts";
import { newDiskView } from "./view.ts";
import type { QmpSession } from "../qmp/client.ts";
import type { DiskEntry, Runtime } from "../state/runtime.ts";
import type { DiskAddFacts } from "./add_facts.ts";
import { controllerSteps, controllerWord } from "./controller.ts";
import { comingOf, identityFor, refuseDriver } from "./driver.ts";
import type { EmptyDriveAdd } from "./request.ts";
import { modelFault, readScsi, type ScsiFacts } from "./scsi.ts";
import { DISK } from "./name.ts";
import { verifyStep } from "./scsi_steps.ts";
import { DISK_NEEDS } from "./needs.ts";

/** What adding an empty drive depends on. */
export type EmptyDriveFacts =
  & Facts
  & ScsiFacts
  & Pick<DiskAddFacts, "driverFault">;

/** Only this driver has a tray. */
const DRIVER = "scsi-cd";

/** Options that say how a medium is read. */
function ofMedium(request: EmptyDriveAdd): string[] {
  const { settings, via, format, allowBacking, limits } = request;
  const given = {
    ...{ cache: settings.cache, aio: settings.aio, discard: settings.discard },
    ...{ queues: settings.queues, via, ...limits },
    ...{ "format": format, "allow-backing": allowBacking },
  };
  return Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`]
  );
}

function refuseOther(request: EmptyDriveAdd, diskType: string): void {
  const driver = diskDriver(request.driver ?? diskType);
  if (driver !== DRIVER) {
    throw refuse(
      `Cannot add a ${driver} without a source: only a ${DRIVER} can be empty`,
      `--driver ${DRIVER}; a file of this name is ./${NO_SOURCE}`,
    );
  }
  const options = ofMedium(request);
  if (options.length === 0) return;
  throw refuse(
    `An empty drive has no medium for ${options.join(", ")}`,
    "leave them out",
  );
}

/** The device that has the uuid already. */
function findTwin(
  facts: Facts,
  { uuid }: EmptyDriveAdd,
): DiskEntry | undefined {
  const twin = twinOf(facts.content.runtime.disks, facts, uuid.value);
  if (twin === undefined || twin.hvinfo.driver === DRIVER) return twin;
  throw duplicate(`uuid ${uuid.value} is that of ${titleOf(twin)}`);
}

/** Every start opens a file or device for each disk. */
function refuseMigratable(
  { content }: Facts,
  { migratable }: EmptyDriveAdd,
): void {
  const { origin } = content.runtime.hvparams;
  if (migratable === "not-needed" || origin === "adopt") return;
  throw refuse(
    "Cannot add an empty drive: a start or migration from the runtime file opens a medium for each",
    "add it with a medium and take that out (disk set --medium none), or say --not-migratable",
  );
}

/**
 * Plans to add an empty drive.
 *
 * @throws {HotplugError} status 3
 */
export function planEmptyDrive(
  request: EmptyDriveAdd,
  facts: EmptyDriveFacts,
): Decision {
  refuseImpossible(facts, DISK_NEEDS["disk-add"]);
  const { disks, hvparams } = facts.content.runtime;
  refuseOther(request, hvparams.diskType);
  const twin = findTwin(facts, request);
  if (twin !== undefined) return alreadyThere(facts, DISK, twin);
  refuseDriver(facts, DRIVER, request);
  refuseMigratable(facts, request);
  const identity = identityFor(facts, request, DRIVER);
  const { controller, place } = identity;
  const settings = { ...diskSettingsAtStart(hvparams), access: "ro" as const };
  const drive = {
    ...identity,
    ...{ driver: DRIVER, devType: "file", settings, sizeBytes: 0 } as const,
    ...{ source: "", resolved: "" },
  };
  const address = addressOf(place);
  const { drive: _, ...args } = frontendArguments({ ...drive, address });
  const index = disks.length;
  const shown = {
    ...newDiskView(drive, { index, via: "fdset" }),
    medium: null,
  };
  return planAddition(facts, {
    kind: DISK,
    identity,
    entry: diskEntry(drive, { index, reproducible: false }),
    words: controller && controllerWords(controller),
    view: { ...shown, source: null, via: null },
    before: controllerSteps(controller),
    plug: deviceStep(args),
    after: [],
    verify: verifyStep(identity),
    warnings: [
      "Ganeti cannot start or migrate the instance with this disk",
      ...comingOf(facts, identity),
    ],
  });
}

/**
 * Whether a drive was added without a medium, and lacks but that for a start
 * from the file.
 */
export function lacksMedium(
  { link, uri, hvinfo }: DiskEntry,
  { kvmCmd, hvparams }: Pick<Runtime, "kvmCmd" | "hvparams">,
): boolean {
  if (link !== null || uri !== null) return false;
  if (!heedsDrivers(hvparams.diskType)) return false;
  return controllerOf(hvinfo, kvmCmd) !== undefined;
}

/** Adds the SCSI buses, and whether QEMU has such drives. */
export async function readEmptyDriveFacts(
  facts: Facts,
  { request, qmp }: { request: EmptyDriveAdd; qmp: QmpSession },
): Promise<EmptyDriveFacts> {
  return {
    ...facts,
    ...await readScsi(qmp, controllerWord(facts, request)),
    driverFault: await modelFault(qmp, "scsi-cd"),
  };
}
