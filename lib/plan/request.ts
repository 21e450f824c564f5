/**
 * What a user asked for, whatever the device; nothing of this node was looked at yet.
 *
 * @module
 */

import * as check from "../words/values.ts";
import { ID_SCHEMES, type IdScheme } from "../device/device_id.ts";
import { type Invocation, SLOT } from "../words/options.ts";
import { amount, choice, option } from "../words/request_words.ts";

/** A uuid and whether the user gave it. */
export interface UuidChoice {
  /** Lower case. */
  readonly value: string;
  /** A made one does not tell a new disk from one that is there. */
  readonly origin: "given" | "made";
}

/** A device as a master describes it: SPEC 5.4. */
export interface GanetiObject {
  /** JSON text of the entry's object, which lacks only `hvinfo`. */
  readonly object: string;
  /** JSON text of the instance's hvparams, for what the file's lack. */
  readonly hvparams?: string | undefined;
}

/**
 * Whether a removal takes out what no entry records: nothing; all that the word
 * means; or only a backend that no device uses, and never a device.
 */
export type Unrecorded = "kept" | "forced" | "leftover";

/** What adding a disk and adding a NIC have in common. */
export interface Plug {
  /** Checked: it becomes part of paths. */
  readonly instance: string;
  /** Also the source of the device id. */
  readonly uuid: UuidChoice;
  /** Must be unique in the instance; none if undefined. */
  readonly name?: string | undefined;
  /** Ganeti's or QEMU's word; undefined: the hvparam decides. */
  readonly driver?: string | undefined;
  /** PCI slot, 0 to 31; undefined: the first free one. */
  readonly slot?: number | undefined;
  /** QEMU's id of it; undefined: `pci.0`. */
  readonly bus?: string | undefined;
  /** Undefined: that of the devices already recorded. */
  readonly idScheme?: IdScheme | undefined;
  /** Recorded in place of an object of our own. */
  readonly ganeti?: GanetiObject | undefined;
}

function uuidChoice(invocation: Invocation): UuidChoice {
  const given = option(invocation, "uuid", check.uuid);
  return given === undefined
    ? { value: crypto.randomUUID(), origin: "made" }
    : { value: given, origin: "given" };
}

/** What adding a disk and adding a NIC have in common. */
export function plug(
  invocation: Invocation,
): Omit<Plug, "instance" | "ganeti"> {
  return {
    uuid: uuidChoice(invocation),
    name: option(invocation, "name", check.shortText),
    driver: option(invocation, "driver", check.qemuId),
    slot: amount(invocation, SLOT),
    bus: option(invocation, "bus", check.qemuId),
    idScheme: choice(invocation, "id-scheme", ID_SCHEMES),
  };
}
