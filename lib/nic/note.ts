/**
 * Notes about NICs in the tool's own record.
 *
 * @module
 */

import { MTU, RATE } from "../device/nic_properties.ts";
import type { KeptTap } from "../host/access_record.ts";
import { INTERFACE_NAME, LINK_STATES } from "../host/network_words.ts";
import {
  askedRelease,
  heldTap,
  inventedUuid,
  pendingRemoval,
} from "../state/own_check.ts";
import {
  type Check,
  either,
  openObject,
  plainPath,
  text,
  whole,
  word,
} from "../state/value_check.ts";

/** A tap that was made to stay. */
export const keptTap: Check<KeptTap> = openObject({
  way: word("tap"),
  name: text(INTERFACE_NAME),
  uid: whole(0, 2 ** 32 - 2),
});

/** The note about a NIC. */
export const nicNote = openObject({ kind: word("nic") }, {
  access: either(keptTap, heldTap),
  // The carrier that the guest sees. @default "up"
  linkState: word(...LINK_STATES),
  // The network script that connected it. @default the usual one
  script: plainPath,
  // If it differs from the hvparams.
  vhost: word("on", "off"),
  // Of the tap; a virtio card has it in hvinfo.
  mtu: whole(MTU.min, MTU.max),
  rateIn: whole(1, RATE.max),
  rateOut: whole(1, RATE.max),
  replug: askedRelease,
  pending: pendingRemoval,
  ...inventedUuid,
});
