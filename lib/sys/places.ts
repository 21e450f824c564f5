/**
 * The number of calls that may be in threads at once.
 *
 * A thread that is in a system call cannot be interrupted. With a dead NFS
 * server, a FUSE file system without its server or a DRBD without its peer it
 * hangs until the server or peer comes back. Deno has 32 threads for
 * everything, and further calls wait for a free thread. So calls that may hang
 * get at most 24 threads: the others are for the wait of all waits, on which
 * every deadline depends (poll.ts), for stdin, for stdout, and for Deno itself.
 * One file system gets at most 16 threads, so that a dead file system leaves
 * room for the others.
 *
 * @module
 */

import { HotplugError } from "../errors.ts";
import { type Mount, mountOf, readMounts } from "./mounts.ts";
import { within } from "./pause.ts";
import type { Deadline } from "./thread.ts";

/** Calls that may be outstanding at once. */
const MAX_CALLS = 24;
/** Of these, the calls to file systems that others are waiting for. */
const MAX_SHARED = 16;
/** A call that has taken longer is said to hang. */
const HANGS_MS = 1_000;

/** A call that has not returned yet. */
interface Outstanding {
  /** The path it is applied to. */
  readonly path: string;
  readonly startMs: number;
}

/** A call that waits for a place. */
interface Queued {
  readonly path: string;
  /** Tells it that it has a place now. */
  admit(place: Place): void;
}

/** Gives a place back: to be called when the call has returned. */
export type Place = () => void;

const outstanding = new Set<Outstanding>();
/** In the order of arrival. */
const queue = new Set<Queued>();

/**
 * Types of file systems that do not hang themselves; the files that they name
 * may hang.
 */
const OF_NAMES = ["devtmpfs", "tmpfs", "proc", "sysfs", "ramfs"];

/**
 * The shared resource of a path: its mount, by the name of the path, or the
 * path itself if the file system contains only names of things that may hang.
 */
function sharedBy(path: string, mounts: readonly Mount[]): string {
  const mount = mountOf(path, mounts);
  const isOfNames = mount === undefined || OF_NAMES.includes(mount.type);
  return isOfNames ? path : mount.point;
}

/** The calls for which there is a place, while there is one. */
function* admissible<T extends { readonly path: string }>(
  calls: Iterable<T>,
): Generator<T> {
  let mounts: readonly Mount[] | undefined;
  for (const call of calls) {
    if (outstanding.size >= MAX_CALLS) return;
    if (outstanding.size >= MAX_SHARED) {
      const known = mounts ??= readMounts();
      const wanted = sharedBy(call.path, known);
      const isTaken = [...outstanding]
        .some(({ path }) => sharedBy(path, known) === wanted);
      if (isTaken) continue;
    }
    yield call;
  }
}

/** Whether a call is in a thread, or has returned at this moment. */
export function isCalling(): boolean {
  return outstanding.size > 0;
}

function keep(path: string): Place {
  const one: Outstanding = { path, startMs: performance.now() };
  outstanding.add(one);
  return () => {
    outstanding.delete(one);
    for (const next of admissible(queue)) {
      queue.delete(next);
      next.admit(keep(next.path));
    }
  };
}

/** Takes a place if there is one. */
function placeNow(path: string): Place | undefined {
  const [one] = admissible([{ path }]);
  return one && keep(path);
}

/** Time until all outstanding calls count as hanging, in milliseconds. */
function patienceMs(): number {
  const youngest = Math.max(...[...outstanding].map(({ startMs }) => startMs));
  return Math.max(0, youngest + HANGS_MS - performance.now());
}

function busy(path: string): HotplugError {
  const hanging = new Set([...outstanding].map((one) => one.path));
  return new HotplugError(
    "busy",
    `Cannot open ${path}: ${outstanding.size} calls of this process already wait for files that do not answer: ${
      [...hanging].sort().join(", ")
    }`,
    {
      hint: "check the file systems and devices of these files",
    },
  );
}

/** Joins the queue. */
function join(path: string): {
  readonly admitted: Promise<Place>;
  /** `too late`: the call was admitted before. */
  leave(): "left" | "too late";
} {
  const { promise, resolve } = Promise.withResolvers<Place>();
  const one: Queued = { path, admit: resolve };
  queue.add(one);
  return {
    admitted: promise,
    leave: () => queue.delete(one) ? "left" : "too late",
  };
}

/**
 * Takes a place for a call, at once or as soon as one is free. Calls that do
 * not hang only queue.
 *
 * @param path The path to which the call is applied.
 * @param deadline Ends the queueing.
 * @throws {HotplugError} `busy`, with the files that hang, if no place becomes
 * free.
 */
export async function takePlace(
  path: string,
  deadline: Deadline,
): Promise<Place> {
  const now = placeNow(path);
  if (now !== undefined) return now;
  const { admitted, leave } = join(path);
  for (;;) {
    const timeMs = Math.min(patienceMs(), deadline.remainingMs());
    const place = timeMs === 0 ? undefined : await within(admitted, timeMs);
    if (place !== undefined) return place;
    // Other calls may have come and gone meanwhile.
    if (deadline.remainingMs() > 0 && patienceMs() > 0) continue;
    if (leave() === "too late") return await admitted;
    throw busy(path);
  }
}

/**
 * Takes a place for a call for which no caller waits, however long that takes.
 */
export async function awaitPlace(path: string): Promise<Place> {
  return placeNow(path) ?? await join(path).admitted;
}
