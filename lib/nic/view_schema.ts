/**
 * A NIC in documents.
 *
 * @module
 */

import { ATTACH_MODES, LINK_STATES } from "../host/network_words.ts";
import { PLACED_MEMBERS } from "../plan/view_schema.ts";
import {
  always,
  dictionary,
  object,
  orNull,
  text,
  type Told,
  truth,
  whole,
  word,
} from "../words/json_schema.ts";

/** The members of every NIC. */
export const NIC_MEMBERS = {
  ...PLACED_MEMBERS,
  kind: always("nic", "It is a NIC."),
  mac: orNull(text("Its MAC address.")),
  mode: orNull(
    text(`How its tap is joined to a network: ${ATTACH_MODES.join(", ")}.`),
  ),
  link: orNull(
    text("The bridge, switch or routing table; null if there is none."),
  ),
  link_state: orNull(
    word(LINK_STATES, "The carrier that the guest sees; null if unknown."),
  ),
  tap: orNull(text("The name of its tap; null if unknown.")),
  queues: orNull(
    whole("Its queue pairs; null if QEMU does not tell.", { min: 1 }),
  ),
  vhost: orNull(truth("Whether the kernel moves its packets: vhost-net.")),
  mtu: orNull(whole("The MTU that was given; null if none was.", { min: 1 })),
  rate: orNull(
    dictionary(
      "The limits of its traffic: in (towards the guest), out (from it); null if there are none.",
      whole("Bytes per second.", { min: 1 }),
    ),
  ),
  migratable: orNull(
    truth(
      "Whether Ganeti can start or migrate it from the runtime file; null where it depends on the node's network script (modes none and ext), or is not known.",
    ),
  ),
};

const NIC = object("A NIC.", NIC_MEMBERS);

/** A NIC in the form that a caller gets. */
export type NicView = Told<typeof NIC>;
