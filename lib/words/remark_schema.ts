/**
 * Common parts of all documents: remarks, and the reason of a failure. The
 * types are in ../errors.ts, for every room; the compiler compares the two.
 *
 * @module
 */

import {
  type QmpFault,
  type Remark,
  STATUS,
  type ToldDevice,
} from "../errors.ts";
import {
  always,
  list,
  type Members,
  named,
  object,
  orNull,
  type Schema,
  text,
  truth,
  whole,
  word,
} from "./json_schema.ts";

/** The names of a device. */
export const NAME_MEMBERS = {
  kind: text("The word of its kind, for example disk."),
  index: orNull(
    whole("Its place in the runtime file; null if it is not recorded."),
  ),
  uuid: orNull(text("Its uuid; null if it is not recorded.")),
  id: orNull(text("Its device id in QEMU; null if it has none.")),
};

/** The device that a remark is about. */
export const NAMED_DEVICE: Schema<ToldDevice> = named(
  "named_device",
  object("The names of a device.", NAME_MEMBERS),
);

const REMARK_MEMBERS = {
  code: text("For programs: the reason, a stable word.", {
    pattern: "^[a-z][a-z0-9-]*$",
  }),
  message: text("For people: one line."),
  hint: orNull(text("What to do next; null if nothing is known to help.")),
  device: orNull(NAMED_DEVICE),
};

/** A message for a person that a program may use. */
export const REMARK: Schema<Remark> = named(
  "remark",
  object("Something a person should know.", REMARK_MEMBERS),
);

/** A thing that is left unchanged. */
export const REMAINING: Schema<Remark & { readonly what: string }> = named(
  "remaining",
  object("Something that is left as it is: a remark.", {
    what: text("The message of the remark."),
    ...REMARK_MEMBERS,
  }),
);

/** Things that were repaired before a change. */
export const SETTLED: Schema<readonly Remark[]> = list(
  "Leftovers of an earlier call, which this call finished or undid first.",
  REMARK,
);

const QMP_FAULT: Schema<QmpFault> = named(
  "qmp_fault",
  object("The QMP command that QEMU refused.", {
    command: text("The command, for example device_add."),
    class: text("QEMU's error class, for example GenericError."),
    desc: text("QEMU's own words."),
  }),
);

/** Words of `error.code`. */
const CODES = Object.keys(STATUS) as (keyof typeof STATUS)[];

/**
 * The document of a failure, without the common members of all documents.
 *
 * @param device the schema of a whole device
 */
export function failureMembers<D>(device: Schema<D>) {
  return {
    ok: always(false, "It failed."),
    error: object("Why: a remark, and more.", {
      ...REMARK_MEMBERS,
      code: word(CODES, "For programs: it decides the exit status."),
      qmp: orNull(QMP_FAULT),
      candidates: orNull(
        list("The devices that an ambiguous word can mean.", NAMED_DEVICE),
      ),
    }),
    device: orNull(device),
    changed: truth("Whether something is different from before."),
    settled: SETTLED,
  } satisfies Members;
}
