/**
 * The document of `check`.
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
      text("A kind, for example disk."),
    ),
    ok: truth("Whether it is met."),
    detail: text(
      "The present state; if the requirement is not met, the message of an addition.",
    ),
    hint: orNull(
      text(
        "The next step; null if the requirement is met or no step is known.",
      ),
    ),
    kvm_extra: orNull(
      text(
        "What to add to hvparam kvm_extra, so that the requirement is met from the next start on; null if it is met or if that does not help.",
      ),
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
  requirements: list(
    "The requirements, in the order of an addition's checks.",
    REQUIREMENT,
  ),
  kvm_extra: orNull(
    text(
      "What to add to hvparam kvm_extra for all requirements that are not met; null if that helps with none.",
    ),
  ),
  qemu: QEMU,
  ways: list("The ways to a disk, safest first.", WAY),
  free_slots: list(
    "The free slots for a new device; for a PCIe port, the port's number.",
    whole("A slot."),
  ),
  differences: list(
    "The differences of runtime file, QEMU and node; they do not change the exit status.",
    REMARK,
  ),
  compared: COMPARED,
};
