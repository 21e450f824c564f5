/**
 * Drives with a medium that can be changed: recorded disks with a tray, and the
 * drives that the VM was started with. Pure.
 *
 * @module
 */

import { isMadeUp } from "../device/backend.ts";
import { titleOf } from "../device/select.ts";
import type { DeviceView } from "../engine/plan.ts";
import { HotplugError, refuse, unsupported } from "../errors.ts";
import type { Source } from "../host/source.ts";
import type { Facts } from "../plan/facts.ts";
import type { Tray } from "../qmp/block_queries.ts";
import type { BlockBackend } from "../qmp/commands.ts";
import { noteOn } from "../state/own_check.ts";
import type { BlockUsers } from "./block_users.ts";
import { chooseDisk, type ChosenDisk, findStarted } from "./chosen.ts";
import { liveDrive, type StartedDrive } from "./started.ts";
import { mediumState, type StartedMedium } from "./started_medium.ts";
import { startedView } from "./view.ts";

/** Facts for changing a medium. */
export interface MediumFacts extends Facts {
  /** The new medium; undefined: the drive will be empty. */
  readonly source: Source | undefined;
  /** By device id. */
  readonly trays: ReadonlyMap<string, Tray>;
  readonly users: BlockUsers;
  /** The drives that the VM was started with. @default none */
  readonly media?: readonly StartedMedium[];
}

/** A drive with a medium to change: a recorded disk, or words of `kvm_cmd`. */
export type Drive =
  & {
    /** QEMU's name of its device. */
    readonly id: string;
    readonly title: string;
    readonly view: DeviceView;
    readonly tray: Tray;
    readonly live?: BlockBackend | undefined;
  }
  & (
    | { readonly recorded: "entry"; readonly chosen: ChosenDisk }
    | { readonly recorded: "words"; readonly medium: StartedMedium }
  );

function entryDrive(facts: MediumFacts, device: string): Drive {
  const chosen = chooseDisk(facts, { device, verb: "change" });
  const { id, title, view, entry, uuid } = chosen;
  const tray = facts.trays.get(id);
  if (tray === undefined) {
    throw noMedium(title, entry.hvinfo.driver ?? "disk");
  }
  if (tray.nodeName !== "" && isMadeUp(tray.nodeName)) {
    throw unsupported(
      `Cannot change the medium of ${title}: it was made by -drive, so the change could not be undone`,
    );
  }
  if (noteOn(facts.own.record, uuid.toLowerCase())?.access !== undefined) {
    throw unsupported(
      `Cannot change the medium of ${title}: it was added with --via chown or --via mknod`,
      "remove the drive and add it again",
    );
  }
  return { recorded: "entry", id, title, view, tray, chosen };
}

function noMedium(title: string, driver: string): HotplugError {
  return refuse(
    `Cannot change the medium of ${title}: a ${driver} has no removable medium`,
    "only a CD drive (ide-cd, scsi-cd) and a floppy drive have one",
  );
}

function startedDrive(facts: MediumFacts, drive: StartedDrive): Drive {
  const { qemu, media = [], trays } = facts;
  const title = titleOf(drive);
  const live = liveDrive(qemu.block, drive);
  const medium = media.find((one) => one.drive.hvinfo.id === drive.hvinfo.id);
  if (live === undefined || medium === undefined) {
    throw new HotplugError(
      "no-such-device",
      `${title} is in the runtime file (kvm_cmd), but QEMU has no such drive`,
    );
  }
  const tray = trays.get(live.qdev);
  if (tray === undefined) throw noMedium(title, drive.hvinfo.driver ?? "disk");
  const view = startedView(drive, facts);
  return { recorded: "words", id: live.qdev, title, view, tray, live, medium };
}

/**
 * The drive of a word.
 *
 * @throws {HotplugError} status 3, also for a device without a removable medium
 */
export function chooseDrive(facts: MediumFacts, device: string): Drive {
  const drive = findStarted(facts, device);
  return drive ? startedDrive(facts, drive) : entryDrive(facts, device);
}

/** Whether QEMU and the record have this medium already. */
export function isAlready(facts: MediumFacts, drive: Drive): boolean {
  const { source, diskIdentities } = facts;
  const isEmpty = drive.tray.nodeName === "";
  if (drive.recorded === "entry") {
    const there = diskIdentities[drive.chosen.entry.index];
    return source === undefined
      ? isEmpty
      : !isEmpty && there === source.identity;
  }
  const { medium } = drive;
  if (mediumState(medium) !== "same") return false;
  return source === undefined
    ? isEmpty
    : !isEmpty && medium.lead?.identity === source.identity;
}
