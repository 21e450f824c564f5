/**
 * A recorded disk on QEMU's command line, as Ganeti's start puts it: SPEC 7.
 *
 * @module
 */

import { unsupported } from "../errors.ts";
import type { Json, QmpVersion } from "../qmp/message.ts";
import type { Hvparams } from "../state/hvparams.ts";
import { member, stringMember } from "../state/json_member.ts";
import type { DiskEntry } from "../state/runtime.ts";
import {
  blockdevArguments,
  frontendArguments,
  type NodeOptions,
} from "../device/disk.ts";
import {
  cacheMode,
  checkSettings,
  type DiskSettings,
} from "../device/disk_settings.ts";
import { addressOf } from "../device/address.ts";
import { INTERFACES } from "../device/disk_driver.ts";
import { optionText } from "../device/option_text.ts";
import { titleOf } from "../device/select.ts";
import { isEmptied } from "../device/backend.ts";
import type { StartFacts, StartWords } from "../plan/kind.ts";

/** What a start gives every disk. */
export function diskSettingsAtStart(hvparams: Hvparams): DiskSettings {
  return {
    cache: hvparams.diskCache,
    aio: hvparams.diskAio,
    discard: hvparams.diskDiscard,
    access: "rw",
  };
}

function refuse(disk: DiskEntry, why: string, hint?: string) {
  return unsupported(`Cannot start the VM with ${titleOf(disk)}: ${why}`, hint);
}

/** Where a start finds the data: SPEC 5.5. */
function sourceOf(disk: DiskEntry): NodeOptions["from"] {
  const { link, uri, node } = disk;
  const [object] = node.type === "array" ? node.items : [];
  const params = object && member(object, "params");
  const userspace = params && stringMember(params, "access") === "userspace";
  if (uri !== null && (userspace || link === null)) return { uri };
  if (link !== null) return { filename: link };
  throw refuse(disk, "it is recorded with neither link nor uri");
}

/** Old-fashioned, and the only way to a drive of another interface. */
function driveWord(
  disk: DiskEntry,
  { word, settings }: { word: string; settings: DiskSettings },
): string {
  const from = sourceOf(disk);
  const { id } = disk.hvinfo;
  const mode = cacheMode(settings.cache, disk.devType ?? "");
  return optionText({
    file: "uri" in from ? from.uri : from.filename,
    format: "raw",
    if: word,
    ...(id === undefined ? {} : { id }),
    cache: mode.direct
      ? "none"
      : mode.writeCache === "on"
      ? "writeback"
      : "writethrough",
    aio: settings.aio,
    discard: settings.discard,
    "auto-read-only": false,
  });
}

function checkStartable(disk: DiskEntry): void {
  if (disk.mode !== undefined && disk.mode !== "rw") {
    throw refuse(
      disk,
      `its mode is ${disk.mode}, which Ganeti's start refuses, too`,
      "it was added with --not-migratable, or by Ganeti as read-only",
    );
  }
}

function frontend(
  disk: DiskEntry,
): { id: string; driver: string; address: Json } {
  const { id, driver } = disk.hvinfo;
  if (id !== undefined && driver !== undefined) {
    return { id, driver, address: addressOf(disk) };
  }
  throw refuse(
    disk,
    "the file does not say where in the VM it sits",
    "adopt records what it can prove of a running VM",
  );
}

/**
 * The words that start QEMU with this disk.
 *
 * @throws {HotplugError} `unsupported` for one that no start can have
 */
export function startDisk(
  disk: DiskEntry,
  { hvparams, release, medium }: {
    hvparams: Hvparams;
    release: QmpVersion | undefined;
    /** `out`: the drive is empty. */
    medium: "in" | "out";
  },
): string[] {
  checkStartable(disk);
  const settings = diskSettingsAtStart(hvparams);
  const { devType = "" } = disk;
  checkSettings(settings, devType, release);
  const word = disk.hvinfo.driver ?? hvparams.diskType;
  if (INTERFACES.includes(word)) {
    return ["-drive", driveWord(disk, { word, settings })];
  }
  const front = frontend(disk);
  const access = front.driver === "scsi-cd" ? "ro" : settings.access;
  const device = { ...front, devType, settings: { ...settings, access } };
  if (medium === "out") {
    const { drive: _, ...empty } = frontendArguments(device);
    return ["-device", optionText(empty, "driver")];
  }
  const node = blockdevArguments(device, { from: sourceOf(disk), release });
  return [
    ...["-blockdev", optionText(node)],
    ...["-device", optionText(frontendArguments(device), "driver")],
  ];
}

/** The words of all disks. Pure. */
export function startDisks({ runtime, qemu }: StartFacts): StartWords {
  const { disks, hvparams } = runtime;
  const release = qemu?.version;
  const words = disks.map((disk) => {
    // A medium that the guest lost since is not in the target's drive either.
    const medium = isEmptied(disk, qemu?.block) ? "out" : "in";
    return startDisk(disk, { hvparams, release, medium });
  });
  return { argv: words.flat(), warnings: [] };
}
