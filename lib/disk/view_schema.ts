/**
 * A disk in documents.
 *
 * @module
 */

import { AIOS, CACHES, DISCARDS } from "../device/disk_settings.ts";
import { DISK_PROPERTIES } from "../device/disk_properties.ts";
import { VIAS } from "../host/access_record.ts";
import { PLACED_MEMBERS } from "../plan/view_schema.ts";
import { TRAY_STATES } from "../qmp/commands.ts";
import {
  always,
  bytes,
  dictionary,
  list,
  object,
  orNull,
  text,
  type Told,
  truth,
  whole,
} from "../words/json_schema.ts";

import { propertyMembers } from "../words/property_words.ts";

const choice = (what: string, words: readonly string[]) =>
  text(`${what}: ${words.join(", ")}.`);

/** The members of every disk. */
export const DISK_MEMBERS = {
  ...PLACED_MEMBERS,
  kind: always("disk", "It is a disk."),
  source: orNull(
    text(
      "The absolute path or URI of its source; null if it is not known or the drive is empty.",
    ),
  ),
  live_source: orNull(
    text("Where its data is now; null if that is where it is recorded."),
  ),
  size_bytes: orNull(
    bytes(
      "Its size in bytes, as the guest sees it: 0 without a medium; null if unknown.",
    ),
  ),
  format: orNull(
    text(
      "The format of its image, for example raw or qcow2; null if unknown or without a medium.",
    ),
  ),
  via: orNull(
    choice(
      "How QEMU gets at it",
      VIAS,
    ),
  ),
  read_only: orNull(
    truth("Whether the guest may only read; null if QEMU does not tell."),
  ),
  cache: orNull(
    choice("Its cache mode; null if unknown or without a medium", CACHES),
  ),
  aio: orNull(
    choice("How QEMU does its I/O; null if unknown", AIOS),
  ),
  discard: orNull(
    choice(
      "The handling of discarded blocks; null if unknown",
      DISCARDS,
    ),
  ),
  limits: orNull(
    dictionary(
      "Its I/O limits by name, for example iops or bps_read; null if there are none.",
      whole("Operations or bytes per second.", { min: 1 }),
    ),
  ),
  limit_group: orNull(
    text("The group of disks that share its limits; null if it is in none."),
  ),
  ...propertyMembers(DISK_PROPERTIES),
  unlike_start: orNull(
    list(
      "The members (cache, aio, discard, read_only) that a start by Ganeti would not give it; null if unknown.",
      text("The member's name."),
    ),
  ),
  migratable: orNull(
    truth("Whether Ganeti can start or migrate it from the runtime file."),
  ),
  tray: orNull(
    choice(
      "The tray of a CD drive, which the guest may have locked; null if it has none, or if unknown",
      TRAY_STATES,
    ),
  ),
};

const DISK = object("A disk.", DISK_MEMBERS);

/** A disk in the form that a caller gets. */
export type DiskView = Told<typeof DISK>;
