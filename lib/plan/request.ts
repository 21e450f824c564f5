/**
 * Common parts of a user's requests about any device, before any look at this
 * node.
 *
 * @module
 */

import * as check from "../words/values.ts";
import { ID_SCHEMES, type IdScheme } from "../device/device_id.ts";
import { type Invocation, SLOT } from "../words/options.ts";
import { amount, choice, option } from "../words/request_words.ts";

/** A uuid, and whether the user gave it. */
export interface UuidChoice {
  /** Lower case. */
  readonly value: string;
  /** A random one does not identify an existing disk. */
  readonly origin: "given" | "made";
}

/** A device in a master's description: SPEC 5.4. */
export interface GanetiObject {
  /** JSON text of the entry's object, without `hvinfo`. */
  readonly object: string;
  /** JSON text of the instance's hvparams, for values that the file lacks. */
  readonly hvparams?: string | undefined;
}

/**
 * Whether a removal takes out what no entry records: nothing; all that the word
 * means; or only a backend that no device uses, and never a device.
 */
export type Unrecorded = "kept" | "forced" | "leftover";

/** The common members of adding a disk and adding a NIC. */
export interface Plug {
  /** Checked: it becomes part of paths. */
  readonly instance: string;
  /** Also the source of the device id. */
  readonly uuid: UuidChoice;
  /** Must be unique in the instance; none if undefined. */
  readonly name?: string | undefined;
  /** In the words of Ganeti or QEMU; undefined: the hvparam decides. */
  readonly driver?: string | undefined;
  /** PCI slot, 0 to 31; undefined: the first free one. */
  readonly slot?: number | undefined;
  /** QEMU's id of the bus; undefined: `pci.0`. */
  readonly bus?: string | undefined;
  /** Undefined: the scheme of the recorded devices. */
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

/** The common members of adding a disk and adding a NIC. */
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
