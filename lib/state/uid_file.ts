/**
 * Ganeti's note of the user of a VM of the uid pool: SPEC 1.2.
 *
 * @module
 */

import { orNone, type Remark, remark } from "../errors.ts";
import { join } from "@std/path/posix";
import type { InstancePaths } from "./instance.ts";
import { SysError } from "../sys/errno.ts";
import { readRegularFile } from "../sys/regular_file.ts";

/** No uid is longer. */
const MAX_BYTES = 64;

/** Its path. */
export function uidFile({ runDir, name }: InstancePaths): string {
  return join(runDir, "kvm-hypervisor", "uid", name);
}

/** Its content, of any form; undefined if it cannot be read. */
export function readUidText(paths: InstancePaths): string | undefined {
  const read = () => readRegularFile(uidFile(paths), MAX_BYTES).bytes;
  const bytes = orNone(
    read,
    (error) => error instanceof SysError || error instanceof RangeError,
  );
  return bytes && new TextDecoder().decode(bytes).trim();
}

/** Its content, if it is a number; undefined otherwise. */
export function readUidFile(paths: InstancePaths): string | undefined {
  const text = readUidText(paths);
  return text !== undefined && /^\d+$/.test(text) ? text : undefined;
}

/** Ganeti's note, and the real user. */
export interface UidFacts {
  /** For the message. */
  readonly path: string;
  /** {@linkcode readUidText} */
  readonly text: string | undefined;
  /** QEMU's uid; undefined if its process is unknown. */
  readonly uid: number | undefined;
}

/**
 * The remark about a wrong note; undefined if the note is right, or the user is
 * unknown. Only a VM of the uid pool has a note. Pure.
 */
export function uidRemark(
  { path, text, uid }: UidFacts,
): Remark | undefined {
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text)) {
    return remark(
      "uid-file",
      `Uid file ${path} must hold a number: it holds ${
        JSON.stringify(text)
      }; without it Ganeti cannot free the uid when the instance stops`,
    );
  }
  if (uid === undefined || Number(text) === uid) return undefined;
  return remark(
    "uid-file",
    `Uid file ${path} says ${text}, but QEMU runs as uid ${uid}. kvm-hotplug uses the uid of the process; Ganeti will free uid ${text} when the instance stops`,
  );
}
