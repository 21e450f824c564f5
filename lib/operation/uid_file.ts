/**
 * Ganeti's note of the user a VM of the uid pool runs as: SPEC 1.2.
 *
 * @module
 */

import { join } from "@std/path/posix";
import type { InstancePaths } from "../state/instance.ts";
import { SysError } from "../sys/errno.ts";
import { readRegularFile } from "../sys/regular_file.ts";

/** No uid is longer. */
const MAX_BYTES = 64;

/** Where it lies. */
export function uidFile({ runDir, name }: InstancePaths): string {
  return join(runDir, "kvm-hypervisor", "uid", name);
}

/** Its content, if it is a number; undefined if there is none. */
export function readUidFile(paths: InstancePaths): string | undefined {
  try {
    const { bytes } = readRegularFile(uidFile(paths), MAX_BYTES);
    const text = bytes && new TextDecoder().decode(bytes).trim();
    return text !== undefined && /^\d+$/.test(text) ? text : undefined;
  } catch (error) {
    const none = error instanceof SysError || error instanceof RangeError;
    if (!none) throw error;
    return undefined;
  }
}
