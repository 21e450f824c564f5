/**
 * Waits for descriptors, and for time to pass.
 *
 * All waits of the program share one thread: Deno has 32 threads for
 * everything, and a poll in a thread of its own for every instance would use
 * them up. The thread polls the descriptors of all waits together. It is woken
 * if a new wait would otherwise be noticed too late.
 *
 * Every deadline depends on this thread. There must be a thread for it whatever
 * hangs: thread_call.ts leaves one free.
 *
 * @module
 */

import { checked } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { POLL, POLLFD_SIZE } from "./layout.ts";
import { libc } from "./libc.ts";
import { type Deadline, startDeadline, whileInThread } from "./thread.ts";
import { WakeUp } from "./wake_up.ts";

export { WakeUp } from "./wake_up.ts";

/** One descriptor to wait for. */
export interface PollRequest {
  /** Must stay open until the wait is over. */
  readonly fd: Fd;
  /** Of {@linkcode POLL}; `ERR`, `HUP` and `NVAL` are always reported. */
  readonly events: number;
}

const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Waits on this thread, which does nothing else meanwhile.
 *
 * @param timeoutMs At least 0.
 * @returns The events of each request, 0 for none; all 0 when the time is over.
 * @throws {SysError} If the kernel refuses.
 */
export function pollSync(
  fds: readonly PollRequest[],
  timeoutMs: number,
): number[] {
  const deadline = startDeadline(timeoutMs);
  const memory = pollMemory(fds);
  // SAFETY: `memory` holds `fds.length` pollfds and outlives the synchronous
  // call; the result is checked by checked().
  const call = () =>
    libc.poll(memory, BigInt(fds.length), pollTimeout(deadline));
  checked("poll", null, call);
  return readEvents(memory);
}

/** One pollfd for all waits: none of them outlives its call. */
const single = new DataView(new ArrayBuffer(POLLFD_SIZE));

/**
 * As {@linkcode pollSync}, for one descriptor: most waits are for one.
 *
 * @returns Its events, 0 when the time is over.
 */
export function pollOne({ fd, events }: PollRequest, timeoutMs: number) {
  const deadline = startDeadline(timeoutMs);
  single.setInt32(0, fd.number, true);
  single.setInt16(4, events, true);
  // SAFETY: `single` is one pollfd and is never freed; the result is checked by
  // checked().
  checked("poll", null, () => libc.poll(single, 1n, pollTimeout(deadline)));
  return single.getInt16(6, true);
}

/**
 * Waits without stopping the event loop.
 *
 * The descriptors must stay open until the promise is settled. To end a wait
 * early, put a {@linkcode WakeUp} among them.
 *
 * @param timeoutMs At least 0.
 * @returns As {@linkcode pollSync}.
 * @throws {SysError} If the kernel refuses.
 */
export function poll(
  fds: readonly PollRequest[],
  timeoutMs: number,
): Promise<number[]> {
  return addWait(fds, timeoutMs).promise;
}

/** Whether the thread waits for something. */
export function isWaiting(): boolean {
  return waits.size > 0;
}

/** A running timer. */
export interface Timer {
  /**
   * Settled when the time is over: rejected with a {@linkcode SysError} if the
   * kernel refuses to wait. Never settled after the timer was stopped.
   */
  readonly over: Promise<void>;
  /** Stops the timer. May be repeated. */
  stop(): void;
}

/**
 * Waits for time alone, until it is over or the timer is stopped.
 *
 * @param timeMs At least 0.
 */
export function startTimer(timeMs: number): Timer {
  const { promise, wait } = addWait([], timeMs);
  const over = promise.then(() => {});
  // A rejection that is not awaited must not end the program.
  over.catch(() => {});
  return {
    over,
    stop() {
      // Without waits the thread ends, and then the event loop.
      if (waits.delete(wait) && waits.size === 0) wakeUp?.wake();
    },
  };
}

interface Wait {
  readonly fds: readonly PollRequest[];
  readonly deadline: Deadline;
  resolve(events: number[]): void;
  reject(error: unknown): void;
}

const waits = new Set<Wait>();
/** Interrupts the thread. It is made once and stays: one fd. */
let wakeUp: WakeUp | undefined;
/** Whether the thread runs, or will run soon. */
let isRunning = false;
/** The end of its current poll. */
let polling: Deadline | undefined;

function addWait(fds: readonly PollRequest[], timeoutMs: number) {
  const { promise, resolve, reject } = Promise.withResolvers<number[]>();
  const deadline = startDeadline(timeoutMs);
  const wait: Wait = { fds, deadline, resolve, reject };
  waits.add(wait);
  if (!isRunning) run();
  else if (fds.length > 0 || isSooner(deadline)) wakeUp?.wake();
  return { promise, wait };
}

/** Whether the thread would miss a deadline. */
function isSooner(deadline: Deadline): boolean {
  return polling === undefined ||
    deadline.remainingMs() < polling.remainingMs();
}

async function run(): Promise<void> {
  isRunning = true;
  try {
    wakeUp ??= new WakeUp();
    while (waits.size > 0) await round(wakeUp);
  } catch (error) {
    for (const wait of waits) wait.reject(error);
    waits.clear();
  } finally {
    isRunning = false;
  }
}

/**
 * One poll of all waits. A wait that is added meanwhile takes part in the next
 * poll.
 */
async function round(wakeUp: WakeUp): Promise<void> {
  const polled = [...waits].filter(isOpen);
  if (polled.length === 0) return;
  const requests = [
    { fd: wakeUp.fd, events: POLL.IN },
    ...polled.flatMap((wait) => wait.fds),
  ];
  polling = soonest(polled);
  const all = await pollInThread(requests, polling);
  wakeUp.clear();
  let offset = 1;
  for (const wait of polled) {
    const events = all.slice(offset, offset += wait.fds.length);
    const isOver = wait.deadline.remainingMs() === 0 ||
      events.some((event) => event !== 0);
    // A wait that was stopped meanwhile is left alone.
    if (isOver && waits.delete(wait)) wait.resolve(events);
  }
}

/** Rejects a wait if its descriptor was closed against the rule. */
function isOpen(wait: Wait): boolean {
  if (wait.fds.every(({ fd }) => !fd.isClosed)) return true;
  waits.delete(wait);
  wait.reject(new Error("A descriptor was closed while it was waited for"));
  return false;
}

function soonest(polled: readonly Wait[]): Deadline {
  return {
    remainingMs: () =>
      Math.min(...polled.map((wait) => wait.deadline.remainingMs())),
  };
}

async function pollInThread(
  requests: readonly PollRequest[],
  deadline: Deadline,
): Promise<number[]> {
  const memory = pollMemory(requests);
  const result = await whileInThread(
    [memory],
    // SAFETY: `memory` holds that many pollfds and is held by whileInThread
    // until the thread is done. The errno of -1 stays with the thread, see
    // below.
    () =>
      libc.pollInThread(memory, BigInt(requests.length), pollTimeout(deadline)),
  );
  // Most likely a signal; if not, this call tells the reason.
  return result === -1 ? pollSync(requests, 0) : readEvents(memory);
}

function pollMemory(requests: readonly PollRequest[]): ArrayBuffer {
  const memory = new ArrayBuffer(requests.length * POLLFD_SIZE);
  const view = new DataView(memory);
  requests.forEach(({ fd, events }, index) => {
    view.setInt32(index * POLLFD_SIZE, fd.number, true);
    view.setInt16(index * POLLFD_SIZE + 4, events, true);
  });
  return memory;
}

function readEvents(memory: ArrayBuffer): number[] {
  const view = new DataView(memory);
  return Array.from(
    { length: memory.byteLength / POLLFD_SIZE },
    (_, index) => view.getInt16(index * POLLFD_SIZE + 6, true),
  );
}

/**
 * Rounded up: a poll that ends too early would be repeated until the time is
 * over.
 */
function pollTimeout(deadline: Deadline): number {
  return Math.min(Math.ceil(deadline.remainingMs()), MAX_TIMEOUT_MS);
}
