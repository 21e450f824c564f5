/**
 * Plans to add a CD-ROM drive without a medium. Pure.
 *
 * @module
 */

import { isEmptied } from "../device/backend.ts";
import { diskDeviceArguments } from "../device/disk.ts";
import { diskDriver, heedsDrivers, NO_SOURCE } from "../device/disk_driver.ts";
import { DISK_PROPERTIES } from "../device/disk_properties.ts";
import { propertiesThere, type PropertyValues } from "../device/properties.ts";
import { controllerOf } from "../device/scsi_controller.ts";
import { titleOf } from "../device/select.ts";
import { diskSettingsAtStart } from "./start.ts";
import type { Plan } from "../engine/plan.ts";
import { duplicate, refuse } from "../errors.ts";
import { alreadyThere, findEntry, twinOf } from "../plan/addition.ts";
import type { Facts } from "../plan/facts.ts";
import { readProperties } from "../plan/live_properties.ts";
import { refuseImpossible } from "../plan/requirements.ts";
import type { QmpSession } from "../qmp/client.ts";
import type { DiskEntry, Runtime } from "../state/runtime.ts";
import { planNewDisk } from "./add.ts";
import type { DiskAddFacts } from "./add_facts.ts";
import { identityFor, refuseDriver } from "./driver.ts";
import {
  chooseProperties,
  givenProperties,
  propertiesFor,
  type PropertyFacts,
  propertyWarnings,
} from "./properties.ts";
import { readPropertyFacts } from "./property_facts.ts";
import type { EmptyDriveAdd } from "./request.ts";
import { modelFault, readScsi, type ScsiFacts } from "./scsi.ts";
import { DISK } from "./name.ts";
import { checkStart, type StartFault } from "./start_fault.ts";

/** Facts for adding an empty drive. */
export type EmptyDriveFacts =
  & Facts
  & ScsiFacts
  & Pick<DiskAddFacts, "driverFault">
  & PropertyFacts
  & {
    /** Of the drive that is there already, as QEMU tells them. */
    readonly propertiesThere?: PropertyValues | undefined;
  };

/** Only this driver has a tray. */
const DRIVER = "scsi-cd";

function refuseOther(request: EmptyDriveAdd, diskType: string): void {
  const driver = diskDriver(request.driver ?? diskType);
  if (driver !== DRIVER) {
    throw refuse(
      `Cannot add a ${driver} without a source: only a ${DRIVER} can be empty`,
      `use --driver ${DRIVER}; for a file with this name, give ./${NO_SOURCE}`,
    );
  }
  // Options about reading a medium.
  const { settings, via, format, allowBacking, limits, limitGroup } = request;
  const { cache, aio, discard } = settings;
  const ofMedium = { cache, aio, discard, via, ...limits, format };
  const more = { "allow-backing": allowBacking, "limit-group": limitGroup };
  const given = Object.entries({ ...ofMedium, ...more })
    .flatMap(([name, value]) => value === undefined ? [] : [`--${name}`]);
  if (given.length === 0) return;
  throw refuse(
    `An empty drive cannot have ${
      given.join(", ")
    }: these options are for a medium`,
    "omit these options",
  );
}

/** The device that already has the uuid. */
function findTwin(
  facts: Facts,
  { uuid }: EmptyDriveAdd,
): DiskEntry | undefined {
  const twin = twinOf(facts.content.runtime.disks, facts, uuid.value);
  if (twin === undefined || twin.hvinfo.driver === DRIVER) return twin;
  throw duplicate(`uuid ${uuid.value} is already used by ${titleOf(twin)}`);
}

const NO_MEDIUM: StartFault = {
  cannot: "Cannot add an empty drive",
  why:
    "a start or migration from the runtime file needs a medium in each drive",
  instead:
    "add it with a medium, then remove the medium (disk set --medium none)",
  adopted: "no-matter",
};

/**
 * Plans to add an empty drive.
 *
 * @throws {HotplugError} status 3
 */
export function planEmptyDrive(
  request: EmptyDriveAdd,
  facts: EmptyDriveFacts,
): Plan {
  refuseImpossible(facts, DISK.needs["disk-add"]);
  const { hvparams } = facts.content.runtime;
  refuseOther(request, hvparams.diskType);
  const twin = findTwin(facts, request);
  if (twin !== undefined) {
    const { link, uri } = twin;
    const { block } = facts.qemu;
    const medium = isEmptied(twin, block) ? undefined : uri ?? link;
    return alreadyThere(facts, DISK, twin, {
      request,
      asked: { SOURCE: NO_SOURCE, ...givenProperties(request) },
      there: {
        SOURCE: medium ?? NO_SOURCE,
        ...propertiesThere(DISK_PROPERTIES, facts.propertiesThere ?? {}),
      },
    });
  }
  refuseDriver(facts, DRIVER, request);
  const given = chooseProperties(facts, request, { driver: DRIVER });
  const reproducible = checkStart(NO_MEDIUM, facts, request);
  const drive = {
    ...identityFor(facts, request, DRIVER),
    driver: DRIVER,
    devType: "file",
    settings: { ...diskSettingsAtStart(hvparams), access: "ro" },
    given,
    properties: propertiesFor(facts, given),
    sizeBytes: 0,
    source: "",
    resolved: "",
  } as const;
  const { drive: _, ...plug } = diskDeviceArguments(drive);
  return planNewDisk(facts, drive, {
    via: null,
    plug,
    before: [],
    after: [],
    reproducible,
    warnings: propertyWarnings(facts, drive),
  });
}

/**
 * Whether a drive was added without a medium, and has no other obstacle to a
 * start from the file.
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
  const { disks } = facts.content.runtime;
  const id = findEntry(disks, request.uuid.value)?.hvinfo.id;
  return {
    ...facts,
    ...await readScsi(qmp, facts, request),
    ...await readPropertyFacts(qmp, request, DRIVER),
    driverFault: await modelFault(qmp, DRIVER),
    propertiesThere: id === undefined
      ? undefined
      : await readProperties(qmp, id, DISK_PROPERTIES),
  };
}
