/**
 * A recorded disk on QEMU's command line, in the form of Ganeti's start: SPEC
 * 7.
 *
 * @module
 */

import { unsupported } from "../errors.ts";
import type { Hvparams } from "../state/hvparams.ts";
import { member, stringMember } from "../state/json.ts";
import type { DiskEntry } from "../state/runtime.ts";
import {
  blockdevArguments,
  type DiskNode,
  frontendArguments,
  type NodeOptions,
} from "../device/disk.ts";
import {
  cacheMode,
  checkSettings,
  type DiskSettings,
} from "../device/disk_settings.ts";
import { hvinfoFault, recordedArguments } from "../device/hvinfo.ts";
import { INTERFACES } from "../device/disk_driver.ts";
import type { Json } from "../qmp/message.ts";
import { optionText } from "../state/option_text.ts";
import { titleOf } from "../device/select.ts";
import { isEmptied } from "../device/backend.ts";
import { bootProperty } from "../plan/boot.ts";
import type { StartFacts, StartWords } from "../plan/kind.ts";

/** The settings that a start gives every disk. */
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

/** The place of the data for a start: SPEC 5.5. */
function sourceOf(disk: DiskEntry): NodeOptions["from"] {
  const { link, uri, node } = disk;
  const [object] = node.type === "array" ? node.items : [];
  const params = object && member(object, "params");
  const userspace = params && stringMember(params, "access") === "userspace";
  if (uri !== null && (userspace || link === null)) return { uri };
  if (link !== null) return { filename: link };
  throw refuse(disk, "the runtime file has neither a link nor a URI for it");
}

/** An old form, and the only one for a drive of another interface. */
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

/** A drive of the board's own IDE controller, which has a place for it. */
function ideWords(
  disk: DiskEntry,
  { settings, release }:
    & Pick<DiskNode, "settings">
    & Pick<NodeOptions, "release">,
): string[] {
  const { devType = "", hvinfo: { id = `disk${disk.index}` } } = disk;
  const node = { id, devType, settings };
  const from = sourceOf(disk);
  const { writeCache } = cacheMode(settings.cache, devType);
  const front = { driver: "ide-hd", drive: id, "write-cache": writeCache };
  return [
    ...["-blockdev", optionText(blockdevArguments(node, { from, release }))],
    ...["-device", optionText(front, "driver")],
  ];
}

/**
 * The words that start QEMU with this disk.
 *
 * @throws {HotplugError} `unsupported` for a disk that no start can have
 */
function startDisk(disk: DiskEntry, { runtime, qemu }: StartFacts): string[] {
  const { mode = "rw", devType = "", hvinfo: { id, driver } } = disk;
  const { hvparams } = runtime;
  if (mode !== "rw") {
    throw refuse(
      disk,
      `its mode is ${mode}, which Ganeti's start also refuses`,
      "the disk was added with --not-migratable, or Ganeti added it read-only",
    );
  }
  const settings = diskSettingsAtStart(hvparams);
  const release = qemu?.version;
  checkSettings(settings, devType, release);
  const word = driver ?? hvparams.diskType;
  if (word === "ide") return ideWords(disk, { settings, release });
  if (INTERFACES.includes(word)) {
    return ["-drive", driveWord(disk, { word, settings })];
  }
  if (id === undefined || driver === undefined) {
    throw refuse(
      disk,
      "the runtime file does not have its place in the VM",
      "run adopt while the VM runs: it records the place if it can",
    );
  }
  const access = driver === "scsi-cd" ? "ro" : settings.access;
  const address = recordedArguments(disk);
  const fault = hvinfoFault(disk);
  if (fault !== undefined) throw refuse(disk, fault);
  const node = { id, devType, settings: { ...settings, access } };
  const front: Json = {
    ...frontendArguments({ ...node, driver, address }),
    ...(disk === runtime.disks[0] ? bootProperty(runtime, "disk") : {}),
  };
  // A medium that was removed since is not in the target's drive either.
  if (isEmptied(disk, qemu?.block)) {
    const { drive: _, ...empty } = front;
    return ["-device", optionText(empty, "driver")];
  }
  const back = blockdevArguments(node, { from: sourceOf(disk), release });
  return [
    ...["-blockdev", optionText(back)],
    ...["-device", optionText(front, "driver")],
  ];
}

/** The words of all disks. Pure. */
export function startDisks(facts: StartFacts): StartWords {
  const { disks } = facts.runtime;
  return {
    argv: disks.flatMap((disk) => startDisk(disk, facts)),
    warnings: [],
  };
}
