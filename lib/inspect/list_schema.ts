/**
 * What `list` tells: of one instance, and of all of a node.
 *
 * @module
 */

import {
  COMPARED,
  deviceSchema,
  type KindView,
  QEMU,
} from "../plan/view_schema.ts";
import {
  list,
  named,
  type None,
  object,
  orNull,
  text,
  truth,
  whole,
  word,
} from "../words/json_schema.ts";
import { REMARK } from "../words/remark_schema.ts";

const COMPARISON = {
  status: word(
    [
      "ok",
      "not-in-qemu",
      "not-recorded",
      "pending-removal",
      "differs",
      "unasked",
      "unknown",
    ],
    "How runtime file, QEMU and node compare. unasked: the VM runs, but its QEMU could not be asked; unknown: the runtime file cannot be read.",
  ),
  differences: list("The differences of the device.", REMARK),
};

/** A device of a list, of any of these kinds. */
export function listedDevice(kinds: readonly KindView[]) {
  return deviceSchema(kinds, {
    prefix: "listed_",
    description: "A device, and how runtime file, QEMU and node compare for it",
    more: COMPARISON,
  });
}

/** The devices of one instance. */
export function instanceMembers(kinds: readonly KindView[]) {
  return {
    instance: text("The whole name of the instance."),
    running: truth("Whether the VM runs."),
    qemu: orNull(QEMU),
    devices: list(
      "Recorded disks, recorded NICs, then devices that only QEMU has.",
      listedDevice(kinds),
    ),
    differences: list("Differences that belong to no device.", REMARK),
    ...totalMembers(kinds),
    compared: COMPARED,
  };
}

/** What an instance has of these kinds in all. */
function totalMembers(kinds: readonly KindView[]): None {
  return Object.assign({}, ...kinds.map(({ totals }) => totals));
}

/** How deep all instances can be compared. */
export const DEPTH = word(
  ["presence", "whole"],
  "How deep the instances were compared. presence: whether QEMU has the recorded devices; whole: all that QEMU and the node tell.",
);

const SUMMARY = named(
  "instance_summary",
  object("An instance of the node.", {
    instance: text(
      "The name of its runtime file, or of its pid file if it has no runtime file.",
    ),
    running: orNull(
      truth("Whether its VM runs; null if only root can see that."),
    ),
    disks: orNull(
      whole("How many disks are recorded; null without a readable file."),
    ),
    nics: orNull(
      whole("How many NICs are recorded; null without a readable file."),
    ),
    state: orNull(
      text(
        "QEMU's run state; null if it did not tell, unknown if only root can ask it.",
      ),
    ),
    monitor: word(
      ["answered", "held", "silent", "none", "stopped", "unasked"],
      "Whether QEMU answered. held: another client has the monitor; silent: no answer in time; none: no program listens; stopped: by a signal; unasked: not possible.",
    ),
    compared: orNull(DEPTH),
    attention: list(
      "Problems that need attention, the most important first.",
      REMARK,
    ),
  }),
);

/** All instances of a node. */
export const NODE_MEMBERS = {
  instances: list("The instances of the node, by name.", SUMMARY),
  compared: DEPTH,
};
