/**
 * The recorded disk that a word means, for changes of a plugged disk. Pure.
 *
 * @module
 */

import { isEmptied } from "../device/backend.ts";
import { findDevice, noSuchDevice, titleOf } from "../device/select.ts";
import { HotplugError, refuse, unsupported } from "../errors.ts";
import type { DiskEntry, RecordedDevice } from "../state/runtime.ts";
import type { Facts, NodeFacts } from "../plan/facts.ts";
import type { DeviceView } from "../engine/plan.ts";
import { chooseChange, type Removable } from "../plan/removal.ts";
import { DISK_NAME } from "./words.ts";
import { diskView } from "./view.ts";
import { isStartedDrive, type StartedDrive, startedDrives } from "./started.ts";
import { commandLine } from "../state/instance.ts";

/** A disk that is to be changed. */
export type ChosenDisk = Removable<DiskEntry> & {
  /** Its present state. */
  readonly view: DeviceView;
};

/**
 * The one disk.
 *
 * @throws {HotplugError} as {@linkcode chooseChange}
 */
export function chooseDisk(
  facts: Facts,
  wish: { readonly device: string; readonly verb: string },
): ChosenDisk {
  refuseStarted(facts, wish);
  const chosen = chooseChange(facts, facts.content.runtime.disks, {
    ...wish,
    title: DISK_NAME.title,
  });
  return { ...chosen, view: diskView(chosen.entry, facts) };
}

/**
 * The drive of a word, if the VM was started with it.
 *
 * @throws {HotplugError} `no-such-device` | `ambiguous-device`
 */
export function findStarted(
  { content: { runtime } }: Pick<NodeFacts, "content">,
  device: string,
): StartedDrive | undefined {
  const all = [...runtime.disks, ...startedDrives(runtime)];
  const found = findDevice<RecordedDevice>(all, device);
  if (found === undefined) throw noSuchDevice(all, device, DISK_NAME);
  return isStartedDrive(found) ? found : undefined;
}

/**
 * Refuses a drive that the VM was started with: only its medium can be changed.
 *
 * @param verb for the message: `remove`
 * @throws {HotplugError} `unsupported`
 */
export function refuseStarted(
  { content: { runtime }, paths }: Pick<NodeFacts, "content" | "paths">,
  { device, verb }: { readonly device: string; readonly verb: string },
): void {
  const drive = findDevice(startedDrives(runtime), device);
  if (drive === undefined) return;
  const { id } = drive.hvinfo;
  const words = ["disk", "set", paths.name, id, "--medium", "none"];
  throw unsupported(
    `Cannot ${verb} ${titleOf(drive)}: the VM was started with it`,
    `to remove its medium, run: ${commandLine(paths, ...words)}`,
  );
}

/** The refusal for a disk that is only in the file. */
export function notInQemu(
  { paths }: Facts,
  { title, id }: ChosenDisk,
): HotplugError {
  return new HotplugError(
    "no-such-device",
    `${title} is recorded as ${id}, but QEMU does not have it`,
    { hint: commandLine(paths, "repair", paths.name) },
  );
}

/**
 * Refuses changes that need a medium.
 *
 * @throws {HotplugError} `refused` for a drive without a medium
 */
export function refuseEmpty(
  { qemu }: Facts,
  { entry, title }: ChosenDisk,
  verb: string,
): void {
  if (!isEmptied(entry, qemu.block)) return;
  throw refuse(
    `Cannot ${verb} ${title}: its drive is empty`,
    "to put a medium in, use disk set --medium FILE",
  );
}

/** The recorded disks with links to this file or device. */
export function recordedWith(
  { content, diskIdentities }: NodeFacts,
  identity: string,
): DiskEntry[] {
  return content.runtime.disks.filter(({ index }) =>
    diskIdentities[index] === identity
  );
}
