/**
 * Checks of the steps that let QEMU get at a device, read back from a journal.
 *
 * @module
 */

import type { AccessRecord } from "../host/access_record.ts";
import { isJson } from "../qmp/message.ts";
import { checkAccess } from "../state/own_check.ts";
import type { AccessStep } from "../disk/way_steps.ts";
import {
  absolute,
  accepted,
  anything as kind,
  type Check,
  LINE,
  object,
  text,
  whole,
  word,
} from "../engine/value_check.ts";

/** What was changed on this node for a device, in this way. */
function accessBy(way: AccessRecord["way"]): Check {
  const fits = accepted((one) => checkAccess(one, "access"));
  return (value) => isJson(value) && value.way === way && fits(value);
}

const pid = whole(1, 2 ** 22);
const given = accessBy("chown");
const node = accessBy("mknod");

/** A check for each kind of these steps. */
export const ACCESS_CHECKS: { readonly [K in AccessStep["kind"]]: Check } = {
  "probe-path": object({
    kind,
    pid,
    path: absolute,
    identity: text(LINE),
    access: word("rw", "ro"),
  }),
  "verify-open": object({
    kind,
    pid,
    path: absolute,
    identity: text(LINE),
  }),
  "give-owner": object({ kind, given }),
  "return-owner": object({ kind, given }, { holder: pid }),
  "make-node": object({ kind, node }),
  "remove-node": object({ kind, node }, { holder: pid }),
  "make-tap": object({
    kind,
    tap: accessBy("tap"),
    queues: whole(1, 64),
    vnetHdr: word("on", "off"),
  }),
  "remove-tap": object({ kind, tap: accessBy("tap") }),
};
