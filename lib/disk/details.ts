/**
 * A disk in a few words.
 *
 * @module
 */

import { DISK_PROPERTIES } from "../device/disk_properties.ts";
import { memberOf } from "../device/properties.ts";
import type { DeviceView } from "../engine/plan.ts";
import { limitsOf, shortSize } from "../plan/details.ts";

/** How a disk behaves, where a start by Ganeti would not make it so. */
function settingsOf(device: DeviceView): string[] {
  const { unlike_start: unlike } = device;
  const names = Array.isArray(unlike) ? unlike : [];
  return ["cache", "aio", "discard"]
    .flatMap((name) => names.includes(name) ? `${name} ${device[name]}` : []);
}

/** Properties that the disk was given, in the words of our options. */
function propertiesOf(device: DeviceView): string[] {
  return DISK_PROPERTIES.flatMap(({ option }) => {
    const value = device[memberOf(option)];
    return value === null || value === undefined ? [] : `${option} ${value}`;
  });
}

/** Where a disk's data is; a disk that was moved is recorded elsewhere. */
function sourceOf({ source, live_source: live }: DeviceView): string {
  return live ? `${live} (recorded: ${source ?? "none"})` : `${source ?? ""}`;
}

const CDS: readonly string[] = ["scsi-cd", "ide-cd"];

/** What it is and where its data is; of a drive without a medium, that. */
function contentOf(device: DeviceView): unknown[] {
  const { source, size_bytes: size, driver } = device;
  if (!source && size === 0) return ["no medium", driver];
  return [
    sourceOf(device),
    shortSize(size),
    device.format,
    driver,
    // No guest writes to a CD-ROM.
    device.read_only && !CDS.includes(driver ?? "") && "read-only",
    ...settingsOf(device),
  ];
}

/** Where its data is, and how it behaves; falsy parts are left out. */
export function diskDetails(device: DeviceView): unknown[] {
  const { tray, migratable } = device;
  const limits = limitsOf(device);
  return [
    ...contentOf(device),
    limits && `limits: ${limits}`,
    device.limit_group && `limit-group ${device.limit_group}`,
    ...propertiesOf(device),
    (tray === "open" || tray === "locked") && `tray ${tray}`,
    migratable === false && "Ganeti cannot start it",
  ];
}
