/**
 * Memory that was added, as documents tell it.
 *
 * @module
 */

import { PLACED_MEMBERS } from "../plan/view_schema.ts";
import {
  always,
  object,
  orNull,
  type Told,
  whole,
} from "../words/json_schema.ts";

/** What all memory that was added has. */
export const MEMORY_MEMBERS = {
  ...PLACED_MEMBERS,
  kind: always("memory", "It is memory: a DIMM or a virtio-mem device."),
  size_bytes: orNull(
    whole("The most that it can give the guest; null if unknown."),
  ),
  requested_bytes: orNull(
    whole("How much it is to give the guest; null if unknown."),
  ),
  plugged_bytes: orNull(
    whole("How much it gives the guest; null if QEMU does not tell."),
  ),
};

/** What an instance has of it. */
export const MEMORY_TOTALS = {
  memory_bytes: orNull(
    whole("All memory that the guest has; null if QEMU does not tell."),
  ),
};

const MEMORY = object("Memory that was added.", MEMORY_MEMBERS);

/** Memory as a caller is told of it. */
export type MemoryView = Told<typeof MEMORY>;
