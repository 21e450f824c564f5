/**
 * Devices with their place, and QEMU, in documents.
 *
 * @module
 */

import { DEVICE_MEMBERS } from "../engine/view_schema.ts";
import type { DeviceView } from "../engine/plan.ts";
import {
  about,
  type AnySchema,
  either,
  list,
  type Members,
  named,
  type None,
  object,
  type ObjectOf,
  orNull,
  type Schema,
  text,
  whole,
  word,
} from "../words/json_schema.ts";

const NUMBER = (what: string) =>
  orNull(whole(`${what}; null but on a SCSI bus.`));

/** The place of a device on a SCSI bus. */
export const TARGET_MEMBERS = {
  channel: NUMBER("Its channel"),
  scsi_id: NUMBER("Its target"),
  lun: NUMBER("Its logical unit"),
};

/** The members of every device, with its place on a SCSI bus. */
export const PLACED_MEMBERS = { ...DEVICE_MEMBERS, ...TARGET_MEMBERS };

/** A kind, and the members of its devices. */
export interface KindView {
  readonly word: string;
  readonly members: Members;
  /** What `list` tells of an instance because of it. @default nothing */
  readonly totals?: Members;
}

/**
 * A device of any of these kinds.
 *
 * @param form its name is `prefix` and the kind's word, or `device`
 */
export function deviceSchema<M extends Members>(
  kinds: readonly KindView[],
  { prefix = "", description, more }: {
    readonly prefix?: string;
    readonly description: string;
    readonly more: M;
  },
): Schema<DeviceView & NoInfer<ObjectOf<M, None>>> {
  const forms = kinds.map(({ word, members }) => {
    const form = object(`${description}: ${word}.`, { ...members, ...more });
    return named(`${prefix}${word}`, form);
  });
  const [only, ...others] = forms;
  if (only !== undefined && others.length === 0) return only as AnySchema;
  const device = either(`${description}.`, ...forms);
  return named(`${prefix}device`, device) as AnySchema;
}

const orUnknown = <T>(schema: Schema<T>) => {
  const { description } = schema.json;
  return about(
    `${description} Null if QEMU's process is unknown.`,
    orNull(schema),
  );
};

const NAMESPACE = ["ours", "another"] as const;

/** A QEMU. */
export const QEMU = named(
  "qemu",
  object("The QEMU of the instance.", {
    name: text("The name that QEMU was started with, option -name."),
    version: text("Its release, for example 7.2.22."),
    machine: text("The machine type, for example pc-i440fx-7.2."),
    pid: orUnknown(whole("Its process.")),
    run_state: text("QEMU's run state, for example running or paused."),
    migration: text(
      "The state of the last migration, as QEMU has it; none if there was none.",
    ),
    uid: orUnknown(whole("The user that the kernel judges it by.")),
    gid: orUnknown(whole("The group that the kernel judges it by.")),
    groups: orUnknown(list("Its further groups.", whole("A group."))),
    root: orUnknown(
      text("Its root directory; / if it has none of its own."),
    ),
    user_namespace: orUnknown(
      word(NAMESPACE, "Whether it has the user namespace of kvm-hotplug."),
    ),
    mount_namespace: orUnknown(
      word(NAMESPACE, "Whether it has the mount namespace of kvm-hotplug."),
    ),
    seccomp: orUnknown(
      whole("Its seccomp mode: 0 none, 1 strict, 2 filter.", { max: 2 }),
    ),
    options: orUnknown(
      list(
        "The options of its command line that confine it.",
        text("An option with its value, for example -runas kvm."),
      ),
    ),
    uid_file: orNull(
      text("The content of Ganeti's uid file; null if there is none."),
    ),
  }),
);

/** A repair. */
export const REPAIRED = named(
  "repaired",
  object("A repaired difference.", {
    what: text("The difference."),
    did: text("The repair."),
  }),
);

/** The depth of the comparison. */
export const COMPARED = orNull(
  word(
    ["whole"],
    "How deep runtime file, QEMU and node were compared: with all that they tell; null if they were not.",
  ),
);
