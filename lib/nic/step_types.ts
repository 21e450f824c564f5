/**
 * The steps on a NIC's tap, its network and its files, as plain JSON.
 *
 * @module
 */

import {
  absolute,
  type Check,
  dictionary,
  either,
  LINE,
  object,
  orNull,
  qemuId,
  shape,
  text,
  where,
  whole,
  word,
} from "../state/value_check.ts";
import type { Attachment } from "../host/attachment.ts";
import {
  ATTACH_MODES,
  FOUND_INTERFACE,
  INTERFACE_NAME,
} from "../host/network_words.ts";
import { openFiles, tapsOf } from "../host/process.ts";
import { accessBy } from "../state/own_check.ts";
import type { CheckContext, Value } from "../engine/verbs.ts";

/**
 * Makes a tap with an fd per queue, then called `tap:0`, `tap:1`, …; the name
 * the kernel gave is then the value `tap`.
 */
export interface OpenTapStep {
  /** {@linkcode OPEN_TAP_STEP}. */
  readonly kind: "open-tap";
  /** At most 15 characters; null for the kernel's choice. */
  readonly name: string | null;
  /** Queue pairs, 1 to 32. */
  readonly queues: number;
  /** `on`: virtio-net headers, where the kernel has them. */
  readonly vnetHdr: "on" | "off";
}

/** Opens /dev/vhost-net once per queue: `vhost:0`, `vhost:1`, … */
export interface OpenVhostStep {
  /** {@linkcode OPEN_VHOST_STEP}. */
  readonly kind: "open-vhost";
  /** As many as the tap has. */
  readonly queues: number;
}

/** Moves a tap from what it hangs on to something else. */
export interface AttachTapStep {
  /** {@linkcode ATTACH_TAP_STEP}. */
  readonly kind: "attach-tap";
  /** Which one. */
  readonly tap: TapName;
  /** What it hangs on; null: it is new. */
  readonly from: Attachment | null;
  /** What it is to hang on; null: it goes. */
  readonly to: Attachment | null;
  /** `told`: it goes whatever its network says. @default it fails the step */
  readonly failure?: "told";
}

/**
 * Takes the backend from a NIC that the guest has released and that is plugged
 * again with another one.
 */
export interface DropNetdevStep {
  /** {@linkcode DROP_NETDEV_STEP}. */
  readonly kind: "drop-netdev";
  /** QEMU's. */
  readonly id: string;
  /** What it is put back with. */
  readonly back: {
    /** Its name. */
    readonly tap: string;
    /** Queue pairs. */
    readonly queues: number;
    /** Whether it carries virtio-net headers. */
    readonly vnetHdr: "on" | "off";
    /** Whether the kernel accelerates it. */
    readonly vhost: "on" | "off";
    /** What it hangs on. */
    readonly attachment: Attachment;
  };
}

/** A NIC file's content: a tap's name, `{"value":"tap"}` for the new one. */
export type TapName = string | { readonly value: "tap" };

/** Brings the files `nic/INSTANCE/SEQ` from one content to another. */
export interface NicFilesStep {
  /** {@linkcode NIC_FILES_STEP}. */
  readonly kind: "nic-files";
  /** Absolute path of `nic/INSTANCE`: SPEC 1.2. */
  readonly directory: string;
  /** `missing`: it is made, and removed again on the way back. */
  readonly directoryWas: "there" | "missing";
  /** By file name; a file that is in one of them only is made or removed. */
  readonly before: Readonly<Record<string, string>>;
  /** Likewise. */
  readonly after: Readonly<Record<string, TapName>>;
}

/** Waits until the kernel has removed a tap. */
export interface AwaitTapGoneStep {
  /** {@linkcode AWAIT_TAP_GONE_STEP}. */
  readonly kind: "await-tap-gone";
  /** Its name in /sys/class/net. */
  readonly tap: string;
}

/** A tap that is there: whoever made its NIC may have named it. */
const foundTap = text(FOUND_INTERFACE);

/** The name that the kernel gave to the tap that was made. */
export const TAP_VALUE: Value = {
  name: "tap",
  check: foundTap,
  // Whoever made it is gone; without QEMU the name is somebody else's by now.
  isOurs: (tap, pid) => pid !== null && tapsOf(openFiles(pid)).has(tap),
  member: "tap",
};

/** A tap's name, or that of the one that was made. */
export const tapName: Check<TapName> = either(
  foundTap,
  object({ value: word("tap") }),
);

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
      (one): one is string => typeof one === "string",
    ),
  })),
});

/** Only a script takes a link that names no interface. */
const attachment: Check<Attachment> = where(
  attachmentForm,
  ({ script, link }) => script !== null || orNull(text(INTERFACE_NAME))(link),
);

/** A check of a step of kind `open-tap`. */
export const checkOpenTap: Check = shape({
  name: orNull(text(INTERFACE_NAME)),
  queues,
  vnetHdr: onOrOff,
});

/** A check of a step of kind `open-vhost`. */
export const checkOpenVhost: Check = shape({ queues });

/** A check of a step of kind `drop-netdev`. */
export const checkDropNetdev: Check = shape({
  id: qemuId,
  back: object({
    tap: foundTap,
    queues,
    vnetHdr: onOrOff,
    vhost: onOrOff,
    attachment,
  }),
});

/** A check of a step of kind `attach-tap`. */
export const checkAttach: Check = shape({
  tap: tapName,
  from: orNull(attachment),
  to: orNull(attachment),
}, { failure: word("told") });

/** A check of a step of kind `make-tap`. */
export const checkMakeTap: Check = shape({
  tap: accessBy("tap"),
  queues,
  vnetHdr: onOrOff,
});

/** A check of a step of kind `remove-tap`. */
export const checkRemoveTap: Check = shape({ tap: accessBy("tap") });

const SEQ = /^\d{1,3}$/;

/** A check of a step of kind `nic-files`. */
export function checkNicFiles({ paths }: CheckContext): Check {
  return shape({
    directory: word(paths.nicDir ?? "none"),
    directoryWas: word("there", "missing"),
    before: dictionary(SEQ, text(LINE)),
    after: dictionary(SEQ, tapName),
  });
}

/** A check of a step of kind `await-tap-gone`. */
export const checkTapGone: Check = shape({ tap: foundTap });
