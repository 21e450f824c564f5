/**
 * Things that need a person's attention.
 *
 * @module
 */

import { join } from "@std/path/posix";
import { nameOfEntry } from "../device/select.ts";
import {
  isDenied,
  isFailure,
  permissionDenied,
  type Remark,
  remark,
  remarkOf,
} from "../errors.ts";
import { isThere, lookAt, readIfThere } from "../host/look.ts";
import {
  commandLine,
  type InstancePaths,
  OWN_DIRECTORY,
  ownPath,
  resumeLine,
} from "../state/instance.ts";
import { readOwnFacts } from "../engine/own_facts.ts";
import { loadNotes, recordedDevices } from "../kinds.ts";
import { pendingRemark, releaseAsked } from "../plan/compare_own.ts";
import type { Asked, Subject } from "./ask_one.ts";

/** Whether a process holds the lock: proc_locks(5). */
function isLocked(path: string): boolean {
  const inode = lookAt(path)?.ino;
  const locks = readIfThere("/proc/locks") ?? "";
  return locks.split("\n").some((line) =>
    line.includes(" FLOCK ") && line.split(/[\s:]+/).includes(`${inode}`)
  );
}

/** Whether an instance has a journal, and whether a process works on it. */
export function unfinished(
  paths: InstancePaths,
): "interrupted" | "under-way" | undefined {
  if (!isThere(ownPath(paths, "journal"))) return undefined;
  return isLocked(ownPath(paths, "lock")) ? "under-way" : "interrupted";
}

function repairOf(paths: InstancePaths): string {
  return commandLine(paths, "repair", paths.name);
}

/** The remark about an interrupted change; undefined if there is none. */
export function interrupted(paths: InstancePaths): Remark | undefined {
  return unfinished(paths) === "interrupted"
    ? remark("interrupted", "a change was interrupted", {
      hint: repairOf(paths),
    })
    : undefined;
}

/**
 * The differences beside an interrupted change: only differences of recorded
 * devices. Repair handles the others, and no other hint may come first.
 */
export function apartFrom<T extends { readonly device?: Remark["device"] }>(
  left: Remark | undefined,
  found: readonly T[],
): readonly T[] {
  if (left === undefined) return found;
  return found.filter(({ device }) => device && device.index !== null);
}

/** Why our own folder would be refused. */
function folderFault(path: string): Remark | undefined {
  // Deno makes an error, with a stack, if nothing is there.
  const status = isThere(path) ? lookAt(path) : undefined;
  if (status === undefined) return undefined;
  const { isDirectory, isSymlink, uid, mode } = status;
  const bits = (mode ?? 0) & 0o7777;
  if (isDirectory && uid === 0 && bits === 0o700) return undefined;
  const kind = isSymlink ? "a link" : isDirectory ? "a folder" : "a file";
  return remark(
    "own-folder",
    `every change is refused: ${path} must be a folder of root with mode 0700: it is ${kind} of uid ${uid} with mode 0${
      bits.toString(8)
    }`,
    { hint: "find out which program made it" },
  );
}

/** The devices that guests were asked to release, and their state. */
async function noted(
  { paths, process, runtime }: Subject,
  asked: Asked,
): Promise<{ remarks: Remark[]; ids: string[] }> {
  const { record } = await readOwnFacts(paths, process, loadNotes);
  const all = Object.values(record.devices)
    .flatMap(({ pending }) => pending ?? []);
  const isGone = (id: string) =>
    asked.monitor === "answered" &&
    asked.differences.some(({ code, device }) =>
      code === "not-in-qemu" && device?.id === id
    );
  const entries = "code" in runtime ? [] : recordedDevices(runtime);
  const { runState } = "runState" in asked ? asked : { runState: undefined };
  const entryOf = (id: string) =>
    entries.find(({ hvinfo }) => hvinfo.id === id);
  return {
    remarks: [
      ...all.filter(({ id }) => !isGone(id)).map((one) =>
        pendingRemark(one, entryOf(one.id), paths)
      ),
      ...all.filter(({ id }) => isGone(id)).map(({ id, title }) => {
        const entry = entryOf(id);
        const device = entry && nameOfEntry(entry);
        const hint = repairOf(paths);
        const message = `the guest has released ${title}`;
        return remark("removal-released", message, { device, hint });
      }),
      ...entries.filter(({ hvinfo: { id = "" } }) => !isGone(id))
        .flatMap((one) => releaseAsked(one, { paths, record, runState })),
    ],
    ids: all.map(({ id }) => id),
  };
}

/** The run state of a VM that works. */
const AT_WORK = "running";

function stateRemark(asked: Asked, { paths }: Subject): Remark | undefined {
  if (asked.monitor !== "answered") {
    const isSilent = asked.monitor === "silent";
    return asked.why ??
      (isSilent
        ? remark("monitor-timeout", "QEMU does not answer")
        : undefined);
  }
  if (asked.runState === AT_WORK) return undefined;
  return asked.runState === "paused"
    ? remark("paused", "the VM is paused", {
      hint: resumeLine(paths, paths.name),
    })
    : remark("run-state", `the VM is in run state ${asked.runState}`);
}

/** The differences, without noted removals. */
function differencesOf(asked: Asked, pending: readonly string[]): Remark[] {
  if (asked.monitor !== "answered") return [];
  return asked.differences
    .filter(({ device }) => !pending.includes(device?.id ?? ""))
    .map(remarkOf);
}

/** Whether Ganeti takes a VM that answers as down. */
function isMisled({ paths, process }: Subject, { monitor }: Asked): boolean {
  return monitor === "answered" && process === undefined &&
    isThere(paths.pid);
}

/** The findings from our own files and QEMU's answer about an instance. */
async function findings(subject: Subject, asked: Asked): Promise<Remark[]> {
  const { paths, runtime } = subject;
  const broken = folderFault(join(paths.runDir, OWN_DIRECTORY)) ??
    interrupted(paths);
  const misled = remark(
    "pid-file",
    `pid file ${paths.pid} does not name the pid of the VM's QEMU`,
  );
  const first = [
    "code" in runtime ? runtime : undefined,
    broken,
    stateRemark(asked, subject),
    isMisled(subject, asked) ? misled : undefined,
  ].flatMap((one) => one ?? []);
  // An interrupted change explains the other findings.
  if (broken !== undefined) return first;
  const told = await noted(subject, asked);
  const codes = [...first, ...told.remarks].map(({ code }) => code);
  const others = differencesOf(asked, told.ids)
    .filter(({ code }) => !codes.includes(code));
  return [...first, ...told.remarks, ...others];
}

/** The remarks about an instance, the most important first. */
export async function attentionOf(
  subject: Subject,
  asked: Asked,
): Promise<Remark[]> {
  try {
    return await findings(subject, asked);
  } catch (error) {
    if (isDenied(error)) {
      return [
        remarkOf(permissionDenied("not all of its data can be read", error)),
      ];
    }
    if (isFailure(error)) return [remarkOf(error)];
    throw error;
  }
}
