/**
 * What `check` tells.
 *
 * @module
 */

import { VIAS } from "../host/access_record.ts";
import { COMPARED, QEMU } from "../plan/view_schema.ts";
import {
  list,
  named,
  object,
  orNull,
  text,
  truth,
  whole,
  word,
} from "../words/json_schema.ts";
import { REMARK } from "../words/remark_schema.ts";

/** One requirement. */
export const REQUIREMENT = named(
  "requirement",
  object("Something that a hotplug needs.", {
    name: text("For programs, for example getfd or run-state."),
    for: list(
      "The kinds of devices that need it.",
      text("A kind: disk or nic."),
    ),
    ok: truth("Whether it is met."),
    detail: text(
      "What there is; if it is not met, what an addition would say.",
    ),
    hint: orNull(
      text("What would help; null if it is met, or nothing is known to help."),
    ),
  }),
);

/** One way to a disk. */
export const WAY = named(
  "way",
  object("A way for QEMU to get at a disk.", {
    via: word(VIAS, "As --via takes it."),
    usable: word(
      ["yes", "no", "depends"],
      "Whether it can be used. depends: on the disk.",
    ),
    detail: text("Why."),
  }),
);

/** Whether devices can be hotplugged. */
export const CHECK_MEMBERS = {
  instance: text("The instance, or the path of the socket that was given."),
  supported: truth("Whether all requirements of disks and NICs are met."),
  requirements: list("In the order in which an addition asks.", REQUIREMENT),
  qemu: QEMU,
  ways: list("The ways to a disk, safest first.", WAY),
  free_slots: list(
    "The slots that a new device can get; of a PCIe port, its number.",
    whole("A slot."),
  ),
  differences: list(
    "On what runtime file, QEMU and node differ; they do not change the status.",
    REMARK,
  ),
  compared: COMPARED,
};
