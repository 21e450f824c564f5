/**
 * What the tool's own record has of NICs.
 *
 * @module
 */

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

/** What is noted of a NIC. */
export const nicNote = openObject({ kind: word("nic") }, {
  access: either(keptTap, heldTap),
  // The carrier that the guest sees. @default "up"
  linkState: word(...LINK_STATES),
  // The network script that joined it. @default the usual one
  script: plainPath,
  // Where it is not as the hvparams say.
  vhost: word("on", "off"),
  replug: askedRelease,
  pending: pendingRemoval,
  ...inventedUuid,
});
