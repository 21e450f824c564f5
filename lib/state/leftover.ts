/**
 * Names of files that only our own operations can leave. Pure.
 *
 * @module
 */

import { basename, dirname } from "@std/path/posix";
import type { InstancePaths } from "./instance.ts";

/**
 * Whether a name has the form of a staged runtime file: eight letters, `.new`.
 */
export function isStagedName(
  value: unknown,
  { runtime }: InstancePaths,
): value is string {
  const name = basename(runtime);
  return typeof value === "string" && value.startsWith(name) &&
    /^[a-z0-9]{8}\.new$/.test(value.slice(name.length));
}

/**
 * Whether only our own operations can have left this file: a staged runtime
 * file, or a NIC file that was being written.
 */
export function isLeftover(
  path: unknown,
  paths: InstancePaths,
): path is string {
  const { runtime, nicDir } = paths;
  if (typeof path !== "string") return false;
  const name = basename(path);
  switch (dirname(path)) {
    case dirname(runtime):
      return isStagedName(name, paths);
    case nicDir:
      return /^\d{1,3}\.new$/.test(name);
  }
  return false;
}
