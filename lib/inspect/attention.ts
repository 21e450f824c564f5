/**
 * What a person should look at.
 *
 * @module
 */

import { join } from "@std/path/posix";
import { titleOf } from "../device/select.ts";
import { HotplugError, messageOf } from "../errors.ts";
import { lookAt, readIfThere } from "../host/look.ts";
import {
  commandLine,
  type InstancePaths,
  OWN_DIRECTORY,
  ownPath,
} from "../state/instance.ts";
import { readOwnFacts } from "../engine/own_facts.ts";
import { loadNotes } from "../kinds.ts";
import { devicesOf } from "../state/runtime.ts";
import type { Asked, Subject } from "./ask_one.ts";

/** Whether somebody holds the lock: proc_locks(5). */
function isLocked(path: string): boolean {
  const inode = lookAt(path)?.ino;
  const locks = readIfThere("/proc/locks") ?? "";
  return locks.split("\n").some((line) =>
    line.includes(" FLOCK ") && line.split(/[\s:]+/).includes(`${inode}`)
  );
}

/** Whether an instance has a journal, and somebody works on it. */
export function unfinished(
  paths: InstancePaths,
): "interrupted" | "under-way" | undefined {
  if (lookAt(ownPath(paths, "journal")) === undefined) return undefined;
  return isLocked(ownPath(paths, "lock")) ? "under-way" : "interrupted";
}

function repairOf(paths: InstancePaths): string {
  return commandLine(paths, "repair", paths.name);
}

/** What an interrupted change tells a person; undefined if there is none. */
export function interrupted(paths: InstancePaths): string | undefined {
  return unfinished(paths) === "interrupted"
    ? `a change was interrupted: ${repairOf(paths)}`
    : undefined;
}

/** Why our own folder would be refused. */
function folderFault(path: string): string | undefined {
  const status = lookAt(path);
  if (status === undefined) return undefined;
  const { isDirectory, isSymlink, uid, mode } = status;
  const bits = (mode ?? 0) & 0o7777;
  if (isDirectory && uid === 0 && bits === 0o700) return undefined;
  const kind = isSymlink ? "a link" : isDirectory ? "a folder" : "no folder";
  return `every change is refused: ${path} must be a folder of root with mode 0700: it is ${kind} of uid ${uid} with mode 0${
    bits.toString(8)
  }; look who made it`;
}

/** Removals that are noted, and what has become of them. */
async function pendingRemovals(
  { paths, process }: Subject,
  asked: Asked,
): Promise<{ texts: string[]; ids: string[] }> {
  const { record } = await readOwnFacts(paths, process, loadNotes);
  const all = Object.values(record.devices)
    .flatMap(({ pending }) => pending ?? []);
  const isGone = (id: string) =>
    asked.monitor === "answered" &&
    asked.differences.some(({ device }) => device?.id === id);
  const of = (gone: boolean) =>
    all.filter(({ id }) => isGone(id) === gone).map(({ title }) => title)
      .join(", ");
  const [kept, released] = [of(false), of(true)];
  return {
    texts: [
      kept && `the guest has not released ${kept}`,
      released &&
      `the guest has released ${released}: ${repairOf(paths)}`,
    ].filter((text) => text !== ""),
    ids: all.map(({ id }) => id),
  };
}

/** States in which a VM does its work. */
const AT_WORK = "running";

function stateText(asked: Asked, { paths }: Subject): string | undefined {
  switch (asked.monitor) {
    case "answered":
      if (asked.runState === AT_WORK) return undefined;
      return asked.runState === "paused"
        ? `the VM is paused: ${commandLine(paths, "qmp", paths.name, "cont")}`
        : `the VM is in run state ${asked.runState}`;
    case "silent":
      return asked.why ?? "QEMU does not answer";
    default:
      return asked.why;
  }
}

/** Recorded devices that QEMU has lost, those with a removal noted aside. */
function lostDevices(
  { runtime, paths }: Subject,
  asked: Asked,
  pending: readonly string[],
): string | undefined {
  if (typeof runtime === "string" || asked.monitor !== "answered") {
    return undefined;
  }
  const lost = asked.differences.flatMap(({ device }) =>
    device === null || pending.includes(device.id ?? "") ? [] : [device.id]
  );
  const titles = devicesOf(runtime)
    .filter(({ hvinfo: { id = null } }) => id !== null && lost.includes(id))
    .map(titleOf);
  return titles.length === 0
    ? undefined
    : `not in QEMU: ${titles.join(", ")}; ${repairOf(paths)}`;
}

/** Whether Ganeti takes a VM for down that answers. */
function isMisled({ paths, process }: Subject, { monitor }: Asked): boolean {
  return monitor === "answered" && process === undefined &&
    lookAt(paths.pid) !== undefined;
}

/** What our own files and QEMU's answer say of an instance. */
async function findings(subject: Subject, asked: Asked): Promise<string[]> {
  const { paths, runtime } = subject;
  const broken = folderFault(join(paths.runDir, OWN_DIRECTORY)) ??
    interrupted(paths);
  const first = [
    typeof runtime === "string" ? runtime : undefined,
    broken,
    stateText(asked, subject),
    isMisled(subject, asked)
      ? `its QEMU answers, and ${paths.pid} leads elsewhere`
      : undefined,
  ].flatMap((text) => text ?? []);
  // An interrupted change explains the rest.
  if (broken !== undefined) return first;
  const pending = await pendingRemovals(subject, asked);
  const lost = lostDevices(subject, asked, pending.ids);
  return [...first, ...pending.texts, ...lost === undefined ? [] : [lost]];
}

/** What a person should know of an instance, most telling first; null if nothing. */
export async function attentionOf(
  subject: Subject,
  asked: Asked,
): Promise<string | null> {
  try {
    return (await findings(subject, asked)).join("; ") || null;
  } catch (error) {
    const known = error instanceof HotplugError ||
      error instanceof Deno.errors.PermissionDenied;
    if (known) return messageOf(error);
    throw error;
  }
}
