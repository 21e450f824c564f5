/**
 * Checks of the steps on a NIC's tap, read back from a journal.
 *
 * @module
 */

import { isJson } from "../qmp/message.ts";
import { ATTACH_MODES } from "../host/attachment.ts";
import type { NicStep } from "../nic/steps.ts";
import {
  absolute,
  anything as kind,
  type Check,
  dictionary,
  LINE,
  object,
  orNull,
  text,
  whole,
  word,
} from "../engine/value_check.ts";

/** QEMU's ids of devices, nodes, backends and fds. */
export const ID: RegExp = /^[A-Za-z][A-Za-z0-9._-]{0,63}$/;
/** linux/if.h, without what a path or a shell takes for something else. */
export const TAP: RegExp = /^(?!\.\.?$)[A-Za-z0-9._:@+-]{1,15}$/;

/** A tap's name, or that of the one that was made. */
export const tapName: Check = (value): boolean =>
  text(TAP)(value) || object({ value: word("tap") })(value);

/** Queue pairs. */
const queues = whole(1, 64);
const onOrOff = word("on", "off");

const attachmentForm = object({
  mode: word(...ATTACH_MODES),
  link: orNull(text(LINE)),
  vlan: orNull(text(/^(?:[.:]?\d{1,4}(?::\d{1,4})*)?$/)),
  ip: orNull(text(/^[0-9A-Fa-f.:]{2,45}$/)),
  script: orNull(object({
    path: absolute,
    down: orNull(absolute),
    environment: dictionary(
      /^[A-Z][A-Z0-9_]*$/,
      (one) => typeof one === "string",
    ),
  })),
});

/** Only a script takes a link that is no name of the kernel's. */
const attachment: Check = (value) =>
  attachmentForm(value) && isJson(value) &&
  (value.script !== null || orNull(text(TAP))(value.link));

/** A check for each kind of these steps. */
export const NIC_CHECKS: {
  readonly [
    K in Exclude<NicStep["kind"], "nic-files" | "await-tap-gone">
  ]: Check;
} = {
  "open-tap": object({
    kind,
    name: orNull(text(TAP)),
    queues,
    vnetHdr: onOrOff,
  }),
  "open-vhost": object({ kind, queues }),
  "drop-netdev": object({
    kind,
    id: text(ID),
    back: object({
      tap: text(TAP),
      queues,
      vnetHdr: onOrOff,
      vhost: onOrOff,
      attachment,
    }),
  }),
  "attach-tap": object({
    kind,
    tap: tapName,
    from: orNull(attachment),
    to: orNull(attachment),
  }, { failure: word("told") }),
};
