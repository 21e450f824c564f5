/**
 * What a person should look at, found without asking QEMU.
 *
 * @module
 */

import { HotplugError, messageOf } from "../errors.ts";
import type { QemuProcess } from "../host/process.ts";
import { isStopped } from "../host/process_identity.ts";
import type { InstancePaths } from "../state/instance.ts";
import { readOwnFacts } from "./facts_own.ts";

/** Without FFI: a list is given on every platform. */
function inodeOf(path: string): number | undefined {
  try {
    return Deno.lstatSync(path).ino ?? undefined;
  } catch (error) {
    const none = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory;
    if (none) return undefined;
    throw error;
  }
}

/** Whether somebody holds the lock: proc_locks(5). */
function isLocked(path: string): boolean {
  const inode = inodeOf(path);
  if (inode === undefined) return false;
  try {
    return Deno.readTextFileSync("/proc/locks").split("\n")
      .some((line) =>
        line.includes(" FLOCK ") && line.split(/[\s:]+/).includes(`${inode}`)
      );
  } catch {
    return false;
  }
}

/** What an instance's journal tells a person, undefined if there is none. */
export function interrupted(
  { runDir, lockKey, name }: InstancePaths,
): string | undefined {
  const at = `${runDir}/kvm-hotplug/${lockKey}`;
  if (inodeOf(`${at}.journal`) === undefined) return undefined;
  if (isLocked(`${at}.lock`)) return undefined;
  return `a change was interrupted: kvm-hotplug repair ${name}`;
}

/** Why our own folder would be refused; again without FFI. */
function folderFault(path: string): string | undefined {
  try {
    const { isDirectory, isSymlink, uid, mode } = Deno.lstatSync(path);
    const bits = (mode ?? 0) & 0o7777;
    if (isDirectory && uid === 0 && bits === 0o700) return undefined;
    const kind = isSymlink ? "a link" : isDirectory ? "a folder" : "no folder";
    return `every change is refused: ${path} must be a folder of root with mode 0700: it is ${kind} of uid ${uid} with mode 0${
      bits.toString(8)
    }; look who made it`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** What our own files say that a person should know; null if nothing. */
export async function attentionOf(
  paths: InstancePaths,
  process: QemuProcess | undefined,
): Promise<string | null> {
  try {
    const broken = folderFault(`${paths.runDir}/kvm-hotplug`) ??
      interrupted(paths);
    if (broken !== undefined) return broken;
    if (process !== undefined && isStopped(process.pid)) {
      return `QEMU is stopped: kill -CONT ${process.pid} lets it go on`;
    }
    const { record } = await readOwnFacts(paths, process);
    const titles = Object.values(record.devices)
      .flatMap(({ pending }) => pending === undefined ? [] : [pending.title]);
    return titles.length === 0
      ? null
      : `the guest has not released ${titles.join(", ")}`;
  } catch (error) {
    const known = error instanceof HotplugError ||
      error instanceof Deno.errors.PermissionDenied;
    if (known) return messageOf(error);
    throw error;
  }
}
