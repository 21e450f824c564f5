/**
 * Instances that run, as Ganeti's pid files tell.
 *
 * @module
 */

import { passShortage } from "../errors.ts";
import { join } from "@std/path/posix";
import { findQemu } from "../host/process.ts";
import { isInstanceName } from "../state/instance.ts";

/** Names of other instances whose pid file leads to their QEMU. */
export function runningBeside(
  runDir: string,
  known: readonly string[],
): string[] {
  const folder = join(runDir, "kvm-hypervisor", "pid");
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name)
      .filter((name) => isInstanceName(name) && !known.includes(name))
      .filter((name) => findQemu(join(folder, name), name) !== undefined);
  } catch (error) {
    passShortage(error);
    // Who has a runtime file is listed all the same.
    return [];
  }
}
