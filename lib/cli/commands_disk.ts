/**
 * The part of the table of commands about disks that are plugged.
 *
 * @module
 */

import type { CommandSpec } from "../commands/commands.ts";
import { DRY_RUN, type OptionSpec } from "../words/options.ts";

/** Of `disk add` and `disk set`; 0 ends a limit. */
export const LIMIT_OPTIONS: readonly OptionSpec[] = [
  { name: "iops", value: "N", help: "I/O operations a second; 0: no limit" },
  { name: "iops-read", value: "N", help: "the same of reading alone" },
  { name: "iops-write", value: "N", help: "the same of writing alone" },
  {
    name: "bps",
    value: "SIZE",
    help: "bytes a second, with k M G T; 0: no limit",
  },
  { name: "bps-read", value: "SIZE", help: "the same of reading alone" },
  { name: "bps-write", value: "SIZE", help: "the same of writing alone" },
];

/** Commands that change a disk in place. */
export const DISK_CHANGE_COMMANDS: readonly CommandSpec[] = [
  {
    name: "disk resize",
    operands: ["INSTANCE", "DISK", "[SIZE]"],
    summary: "tell the guest that a disk has grown, to SIZE or as its source",
    options: [
      DRY_RUN,
      { name: "grow", help: "make the file of a raw image as long as SIZE" },
    ],
  },
  {
    name: "disk set",
    operands: ["INSTANCE", "DISK"],
    summary: "change the I/O limits of a plugged disk, or a CD-ROM's medium",
    options: [
      DRY_RUN,
      ...LIMIT_OPTIONS,
      {
        name: "medium",
        value: "FILE",
        help: "put this file into the drive of a scsi-cd; none: take it out",
      },
      { name: "force", help: "even if the guest has locked the tray" },
      {
        name: "not-migratable",
        help: "allow a medium that Ganeti's start could not open",
      },
    ],
  },
];
