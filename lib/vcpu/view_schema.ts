/**
 * A processor, as documents tell it, and what an instance has of them.
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

/** What every processor has. */
export const VCPU_MEMBERS = {
  ...PLACED_MEMBERS,
  kind: always("vcpu", "It is a processor."),
  socket: orNull(whole("Its socket; null if it is not recorded.")),
  core: orNull(
    whole("Its core; null if it is not recorded, or the place has none."),
  ),
  thread: orNull(
    whole("Its thread; null if it is not recorded, or the place has none."),
  ),
};

/** What an instance has of them. */
export const VCPU_TOTALS = {
  vcpus: orNull(
    whole(
      "The processors that the VM has, or is started with; null if unknown.",
    ),
  ),
};

const VCPU = object("A processor that was added.", VCPU_MEMBERS);

/** A processor as a caller is told of it. */
export type VcpuView = Told<typeof VCPU>;
