/**
 * Devices of any kind, and the steps of a plan, in documents.
 *
 * @module
 */

import {
  foreign,
  list,
  named,
  object,
  orNull,
  text,
  whole,
  word,
} from "../words/json_schema.ts";

/** The members of every device. */
export const DEVICE_MEMBERS = {
  kind: text("The word of its kind."),
  index: orNull(
    whole(
      "Its place in the list of the runtime file, from 0; null if it is not recorded.",
    ),
  ),
  uuid: orNull(
    text("Its uuid; null if QEMU has the device and the file does not."),
  ),
  name: orNull(text("Its name; null for most devices: names are optional.")),
  id: orNull(text("QEMU's device id; null if it has none.")),
  driver: orNull(
    text("QEMU's name of its driver; null if the runtime file has none."),
  ),
  bus: orNull(
    text("The bus it is on, for example pci.0; null if unknown."),
  ),
  slot: orNull(
    whole("Its PCI slot; null on a SCSI bus, or if unknown.", { max: 31 }),
  ),
  addr: orNull(
    text("The slot as QEMU writes it, for example 0xd; null with slot.", {
      pattern: "^0x[0-9a-f]+$",
    }),
  ),
};

/** The action of a change. */
export const ACTION = word(
  ["add", "remove", "resize", "set", "upgrade", "mend", "adopt", "modify"],
  "The kind of change, even if there was nothing to do.",
);

/** One step of a plan. */
export const STEP = named(
  "step",
  object("One step of a plan: QEMU or this node does it.", {
    step: text("One line that describes the step."),
    qmp: orNull(object("The QMP command; null if this node acts.", {
      execute: text("The name of the command."),
      arguments: foreign("Its arguments."),
    })),
    host: orNull(text("The action on this node; null if QEMU acts.")),
    undo: orNull(text("How it is undone; null if there is nothing to undo.")),
  }),
);

/** The steps that a dry run did not carry out. */
export const PLAN = orNull(
  list("The steps, in their order; null without --dry-run.", STEP),
);
