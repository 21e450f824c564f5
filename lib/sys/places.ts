/**
 * How many calls may be in threads at once.
 *
 * A thread that is in a system call cannot be interrupted: with a dead NFS, a
 * FUSE file system without its server or a DRBD without its peer it hangs until
 * that comes back. Deno has 32 threads for everything, and calls beyond them
 * wait for one to be free. So no more than 24 are given to calls that may hang:
 * the others are for the wait of all waits, on which every deadline depends
 * (poll.ts), for stdin, for stdout, and for Deno itself. One file system gets
 * 16 of them, so that one that is dead leaves room for the others.
 *
 * @module
 */

import { HotplugError } from "../errors.ts";
import { type Mount, mountOf, readMounts } from "./mounts.ts";
import { within } from "./pause.ts";
import type { Deadline } from "./thread.ts";

/** Calls that may be outstanding at once. */
const MAX_CALLS = 24;
/** Of them, those to file systems that others are waiting for. */
const MAX_SHARED = 16;
/** A call that has taken longer is said to hang. */
const HANGS_MS = 1_000;

/** A call that has not returned yet. */
interface Outstanding {
  /** The path it is applied to. */
  readonly path: string;
  readonly startMs: number;
}

/** A call that there was no place for. */
interface Queued {
  readonly path: string;
  /** Tells it that it has one now. */
  admit(place: Place): void;
}

/** Gives a place back: to be called when the call has returned. */
export type Place = () => void;

const outstanding = new Set<Outstanding>();
/** Whoever came first is first. */
const queue = new Set<Queued>();

/** Types of file systems that do not hang themselves, but what they name may. */
const OF_NAMES = ["devtmpfs", "tmpfs", "proc", "sysfs", "ramfs"];

/**
 * What a path stands for: the mount it lies on by its name, or the path itself
 * where a file system only has names of what may hang.
 */
function sharedBy(path: string, mounts: readonly Mount[]): string {
  const mount = mountOf(path, mounts);
  const isOfNames = mount === undefined || OF_NAMES.includes(mount.type);
  return isOfNames ? path : mount.point;
}

/** Those of some calls that there is a place for, while there is one. */
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

/** Whether a call is in a thread, or has come back this very moment. */
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

/** Until all that is outstanding must be said to hang, in milliseconds. */
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
  /** `too late`: it was admitted before. */
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
 * Takes a place for a call, at once or as soon as one is free: many calls that
 * do not hang only queue.
 *
 * @param path What the call is applied to.
 * @param deadline Ends the queueing.
 * @throws {HotplugError} `busy`, naming what hangs, if none becomes free.
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
    // Others may have come and gone meanwhile.
    if (deadline.remainingMs() > 0 && patienceMs() > 0) continue;
    if (leave() === "too late") return await admitted;
    throw busy(path);
  }
}

/** Takes a place for a call that nobody waits for, however long that takes. */
export async function awaitPlace(path: string): Promise<Place> {
  return placeNow(path) ?? await join(path).admitted;
}
