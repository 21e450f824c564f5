/**
 * The words of the commands of disks.
 *
 * @module
 */

import * as check from "../words/values.ts";
import { CONTROLLERS, DISK_DRIVERS, NO_SOURCE } from "../device/disk_driver.ts";
import {
  AIOS,
  CACHES,
  DISCARDS,
  type DiskSettings,
  VIRTIO_BLK,
  VIRTIO_BLK_WORDS,
} from "../device/disk_settings.ts";
import { DISK_PROPERTIES } from "../device/disk_properties.ts";
import { exclusiveFault, limitsFault } from "../device/io_limits.ts";
import { isUri, uriNode } from "../device/storage_uri.ts";
import { isFailure, unsupported, usage } from "../errors.ts";
import { VIAS } from "../host/access_record.ts";
import { FORMATS } from "../host/qcow2.ts";
import type { EntryKind } from "../plan/kind.ts";
import { plug } from "../plan/request.ts";
import { defined } from "../state/defined.ts";
import {
  choiceOption,
  type CommandSpec,
  commandSpec,
  DRY_RUN,
  either,
  type Invocation,
  type OptionSpec,
  PLUG_OPTIONS,
  SIZE,
  spec,
} from "../words/options.ts";
import { propertiesOf, propertyOptions } from "../words/property_words.ts";
import {
  choice,
  deviceWord,
  option,
  orNone,
  path,
} from "../words/request_words.ts";
import { LIMIT_OPTIONS, limitGroup, limitsOf } from "./limit_words.ts";
import { startedDrives } from "./started.ts";
import type {
  DiskAdd,
  DiskRequest,
  DiskResize,
  DiskSet,
  EmptyDriveAdd,
  MediumSet,
  OneDisk,
} from "./request.ts";

/** `none` is no file: `./none` is. */
function sourceOf(text: string): string {
  const word = { option: "SOURCE", text };
  if (!isUri(text)) return path(word);
  try {
    uriNode(check.shortPath(word));
    return text;
  } catch (error) {
    if (!isFailure(error, "unsupported")) throw error;
    const file = `for a file with a colon in its name, give ./${text}`;
    throw unsupported(error.message, `${error.hint}; ${file}`);
  }
}

function diskSettings(invocation: Invocation): Partial<DiskSettings> {
  return defined({
    cache: choice(invocation, "cache", CACHES),
    aio: choice(invocation, "aio", AIOS),
    discard: choice(invocation, "discard", DISCARDS),
    access: invocation.flags.has("read-only") ? "ro" as const : undefined,
  });
}

function migratableOf({ flags }: Invocation): DiskAdd["migratable"] {
  return flags.has("not-migratable") ? "not-needed" : "required";
}

/** What was left out stays open: the hvparams decide later. */
function diskAdd(
  invocation: Invocation,
  instance: string,
  source: string,
): DiskAdd | EmptyDriveAdd {
  const rest = {
    instance,
    ...plug(invocation),
    settings: diskSettings(invocation),
    via: choice(invocation, "via", VIAS),
    properties: propertiesOf(invocation, DISK_PROPERTIES),
    controller: choice(invocation, "controller", CONTROLLERS),
    format: choice(invocation, "format", FORMATS),
    allowBacking: option(invocation, "allow-backing", path),
    limits: limitsOf(invocation, limitsFault),
    limitGroup: option(invocation, "limit-group", limitGroup),
    migratable: migratableOf(invocation),
  };
  if (source === NO_SOURCE) return { kind: "disk-add-empty", ...rest };
  return { kind: "disk-add", ...rest, source: sourceOf(source) };
}

function diskResize(
  { operands, flags }: Invocation,
  about: OneDisk,
): DiskResize {
  const size = operands[2];
  return {
    kind: "disk-resize",
    ...about,
    sizeBytes: size === undefined
      ? undefined
      : check.sizeBytes(SIZE)({ option: "SIZE", text: size }),
    sizeWord: size,
    fileGrowth: flags.has("grow") ? "allowed" : "refused",
  };
}

function diskSet(
  invocation: Invocation,
  about: OneDisk,
): DiskSet | MediumSet {
  const limits = limitsOf(invocation, exclusiveFault);
  // `none` is no file: `./none` is.
  const medium = orNone(invocation, "medium", path);
  const group = orNone(invocation, "limit-group", limitGroup);
  const isLimit = limits !== undefined || group !== undefined;
  if (isLimit && medium !== undefined) {
    throw usage("disk set cannot change limits and the medium in one call");
  }
  if (medium !== undefined) {
    return {
      kind: "disk-set-medium",
      ...about,
      path: medium,
      lock: invocation.flags.has("force") ? "forced" : "heeded",
      migratable: migratableOf(invocation),
    };
  }
  const lost = ["force", "not-migratable"]
    .find((name) => invocation.flags.has(name));
  if (lost !== undefined) {
    throw usage(`--${lost} needs --medium`, "give --medium FILE or none");
  }
  return {
    kind: "disk-set",
    ...about,
    limits: limits ?? {},
    limitGroup: group,
  };
}

/** A setting that a hvparam gives to every disk. */
function setting(name: string, choices: readonly string[]): OptionSpec {
  const value = name.charAt(0).toUpperCase();
  const hvparam = `hvparam disk_${name}`;
  return choiceOption({ name, value, choices, default: hvparam });
}

const OTHER_DRIVERS = DISK_DRIVERS.filter((one) => one !== VIRTIO_BLK);

const DISK_ADD_OPTIONS: readonly OptionSpec[] = [
  ...PLUG_OPTIONS,
  {
    ...spec(
      "driver D",
      `${VIRTIO_BLK} (Ganeti: paravirtual), ${either(OTHER_DRIVERS)}`,
      "hvparam disk_type",
    ),
    choices: [...VIRTIO_BLK_WORDS, ...OTHER_DRIVERS],
  },
  choiceOption({
    name: "format",
    value: "F",
    choices: FORMATS,
    default: "raw",
  }, "; required for a qcow2 file"),
  spec(
    "allow-backing DIR",
    "another folder that may contain backing files of a qcow2 image",
    "the image's folder",
  ),
  setting("cache", CACHES),
  setting("aio", AIOS),
  setting("discard", DISCARDS),
  spec("read-only", "the guest cannot write to the disk"),
  ...propertyOptions(DISK_PROPERTIES),
  {
    ...spec(
      "controller C",
      `SCSI controller to add if the VM has none: ${either(CONTROLLERS)}`,
      "hvparam scsi_controller_type",
    ),
    choices: CONTROLLERS,
  },
  ...LIMIT_OPTIONS,
  spec("limit-group NAME", "share these limits with the disks of this group"),
  spec(
    "not-migratable",
    "allow settings that Ganeti cannot restore at the next start or migration",
  ),
  {
    ...spec(
      "via V",
      `how QEMU opens the disk: ${either(VIAS)} (for a URI)`,
      "fdset, else path",
    ),
    choices: VIAS,
  },
];

/** What disks are called, and where they are recorded. */
export const DISK_NAME = {
  word: "disk",
  title: "disk",
  list: "disks",
  recorded: (runtime) => [...runtime.disks, ...startedDrives(runtime)],
} as const satisfies EntryKind;

/** The commands of disks, in the order of the usage text. */
export const DISK_COMMANDS: readonly CommandSpec[] = [
  commandSpec("disk add INSTANCE SOURCE", {
    summary: "add a file, device or URI (none: empty scsi-cd)",
    options: DISK_ADD_OPTIONS,
    otherNames: ["attach-device", "attach-disk"],
    examples: `
# use the first free slot and the settings of the instance
kvm-hotplug disk add vm1.example.com /dev/xenvg/data1 --name data
# add a raw image with an I/O limit
kvm-hotplug disk add vm1.example.com /srv/d1.img --name scratch --iops 500
# show each step and its undo; change nothing
kvm-hotplug disk add vm1.example.com /srv/d2.img --dry-run`,
  }),
  commandSpec("disk remove INSTANCE DISK", {
    summary: "remove a disk from a running VM",
    options: [
      DRY_RUN,
      spec(
        "force",
        "remove even the boot disk, or a disk that is not in the runtime file",
      ),
    ],
    otherNames: ["detach-device", "detach-disk"],
    examples: `
# select by name; wait longer for a busy guest
kvm-hotplug disk remove vm1.example.com data --unplug-timeout 120
# remove the last disk
kvm-hotplug disk remove vm1.example.com -1`,
  }),
  commandSpec("disk resize INSTANCE DISK [SIZE]", {
    summary: "grow a disk to SIZE, or to its source's size",
    options: [
      DRY_RUN,
      spec("grow", "make the file of a raw image longer, to SIZE"),
    ],
    examples: `
# tell the guest that the source has grown (lvextend)
kvm-hotplug disk resize vm1.example.com data
# grow a raw image, and tell the guest
kvm-hotplug disk resize vm1.example.com scratch 64M --grow`,
  }),
  commandSpec("disk set INSTANCE DISK", {
    summary: "change or show I/O limits; change the medium of a drive",
    options: [
      DRY_RUN,
      ...LIMIT_OPTIONS,
      spec(
        "limit-group NAME",
        "share the limits with the disks of this group (none: leave the group)",
      ),
      spec(
        "medium FILE",
        "put this file into a CD or floppy drive (none: remove the medium)",
      ),
      spec("force", "change the medium even if the guest has locked the tray"),
      spec(
        "not-migratable",
        "allow a medium that Ganeti's start cannot open",
      ),
    ],
    examples: `
# limit a disk that slows down the others
kvm-hotplug disk set vm1.example.com data --iops 500 --bps 50M
# remove the limits
kvm-hotplug disk set vm1.example.com data --iops 0 --bps 0
# take the medium out of a CD-ROM drive
kvm-hotplug disk set vm1.example.com cdrom1 --medium none`,
  }),
];

/**
 * The request that a command of disks makes; undefined if it is none of them.
 *
 * @throws {HotplugError} `usage` | `unsupported`
 */
export function diskRequest(
  invocation: Invocation,
  instance: string,
): DiskRequest | undefined {
  const second = invocation.operands[1] ?? "";
  const about = () => ({ instance, device: deviceWord(second) });
  switch (invocation.command?.name) {
    case "disk add":
      return diskAdd(invocation, instance, second);
    case "disk remove": {
      const isForced = invocation.flags.has("force");
      return {
        kind: "disk-remove",
        ...about(),
        bootDisk: isForced ? "forced" : "kept",
        ...(isForced && { unrecorded: "forced" }),
      };
    }
    case "disk resize":
      return diskResize(invocation, about());
    case "disk set":
      return diskSet(invocation, about());
  }
  return undefined;
}
