/**
 * Following a VM's events for long, without keeping its monitor from others:
 * QEMU serves one client, so it is given up when another one waits, and taken
 * again afterwards.
 *
 * @module
 */

import { HotplugError, isFailure } from "../errors.ts";
import { startOf } from "../host/process_identity.ts";
import type { QmpSession } from "../qmp/client.ts";
import { QmpClosedError } from "../qmp/errors.ts";
import type { QmpEvent } from "../qmp/message.ts";
import { pause } from "../sys/pause.ts";
import {
  type UnixSocketClient,
  unixSocketConnections,
  unixSocketHolders,
} from "../sys/sock_diag.ts";
import { unchanged } from "./failure.ts";
import { type MonitorOptions, openMonitor } from "./monitor.ts";

/** A time in which events were not seen. */
export interface Gap {
  /** Milliseconds since 1970. */
  readonly fromMs: number;
  /** Likewise. */
  readonly toMs: number;
  /** Command line of who needed the monitor; text of another process. */
  readonly reason: string;
}

/** What a follower sees. */
export type EventOrGap =
  | { readonly kind: "event"; readonly event: QmpEvent }
  | { readonly kind: "gap"; readonly gap: Gap };

/** How long and for whom to follow events. */
export interface FollowOptions extends MonitorOptions {
  /** Ends the following at once. */
  readonly signal: AbortSignal;
  /** End, on the clock of `performance.now()`; Infinity for none. */
  readonly deadline: number;
  /** Called with the first session, before anything is seen. */
  readonly begin: (session: QmpSession) => Promise<void>;
  /** Called with the session when the time is over. @default nothing is done */
  readonly atDeadline?: (session: QmpSession) => Promise<void>;
  /** Tells who waits to follow events, too, from whoever needs the monitor. */
  readonly isFollower: IsFollower;
  /** Asked from time to time; false ends the following. */
  readonly isWanted: () => boolean;
  /** Called for each; `stop` ends the following. */
  readonly see: (seen: EventOrGap) => Promise<"go-on" | "stop">;
}

/** Why the following ended; `away`: in time, while another had the monitor. */
export type FollowEnd =
  | "stopped"
  | "aborted"
  | "timeout"
  | "away"
  | "vm-ended";

/** How often to look whether somebody waits, in milliseconds. */
const LOOK_MS = 400;

/** Whether the monitor is only in use, so that waiting makes sense. */
function isInUse(error: unknown): boolean {
  return isFailure(error, "monitor-busy", "monitor-timeout");
}

/** Work that needs the session, or needs it closed. */
interface Job {
  readonly needs: "session" | "free-monitor";
  readonly run: (session: QmpSession) => Promise<void>;
  /** Called instead if the following has ended. */
  readonly cancel: () => void;
}

/** What follow() stopped for. */
type Pause =
  | { readonly kind: "given-way"; readonly reason: string }
  | { readonly kind: "job"; readonly job: Job };

/**
 * Shows every event of a VM until told to stop, and does other work on the
 * same session between them.
 */
export class EventFollower {
  readonly #path: string;
  readonly #options: FollowOptions;
  readonly #jobs: Job[] = [];
  #wake = new AbortController();
  #isOver = false;

  /**
   * Opens nothing yet.
   *
   * @param path the QMP socket
   */
  constructor(path: string, options: FollowOptions) {
    this.#path = path;
    this.#options = options;
  }

  /** Does work on the session, once no other is under way. */
  do<T>(work: (session: QmpSession) => Promise<T>): Promise<T> {
    return this.#enqueue("session", work);
  }

  /** Gives the monitor up while work is done; then there is a gap. */
  without<T>(work: () => Promise<T>): Promise<T> {
    return this.#enqueue("free-monitor", work);
  }

  #enqueue<T>(
    needs: Job["needs"],
    work: (session: QmpSession) => Promise<T>,
  ): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#jobs.push({
      needs,
      run: (session) => work(session).then(resolve, reject),
      cancel: () => reject(new HotplugError("not-running", "The VM has ended")),
    });
    if (this.#isOver) this.#cancel();
    this.#wake.abort();
    return promise;
  }

  #cancel() {
    for (const job of this.#jobs.splice(0)) job.cancel();
  }

  /**
   * Follows the events until the end.
   *
   * @throws {HotplugError} status 4 if the VM cannot be asked to begin with
   */
  async run(): Promise<FollowEnd> {
    const { signal, begin } = this.#options;
    const stop = () => this.#wake.abort();
    signal.addEventListener("abort", stop);
    let session = await openMonitor(this.#path, this.#options);
    try {
      const first = session;
      await unchanged(() => begin(first));
      for (;;) {
        const end = await this.#follow(session);
        if (typeof end === "string") return end;
        session.close();
        const next = await this.#return(end, session);
        if (typeof next === "string") return next;
        session = next;
      }
    } finally {
      signal.removeEventListener("abort", stop);
      session.close();
      this.#isOver = true;
      this.#cancel();
    }
  }

  /** Comes back once the monitor is free again, and tells what was missed. */
  async #return(
    pause: Pause,
    session: QmpSession,
  ): Promise<QmpSession | FollowEnd> {
    const fromMs = Date.now();
    if (pause.kind === "job") await pause.job.run(session);
    const next = await this.#reopen();
    if (typeof next === "string") return next;
    const reason = pause.kind === "job" ? "ourselves" : pause.reason;
    const gap = { fromMs, toMs: Date.now(), reason };
    if (await this.#options.see({ kind: "gap", gap }) === "go-on") return next;
    next.close();
    return "stopped";
  }

  /** Follows one session until its end, or until there is more to do. */
  async #follow(session: QmpSession): Promise<FollowEnd | Pause> {
    const { signal, see } = this.#options;
    let since = 0;
    let lookedMs = performance.now();
    try {
      for (;;) {
        const found = await this.#next(session, since);
        if (signal.aborted) return "aborted";
        if (typeof found !== "string") {
          since++;
          const next = await see({ kind: "event", event: found });
          if (next === "stop") return "stopped";
        }
        // A VM that always has something to tell must not keep others waiting.
        const isTime = performance.now() - lookedMs >= LOOK_MS;
        if (typeof found !== "string" && !isTime) continue;
        lookedMs = performance.now();
        const why = found === "aborted" ? found : "timeout";
        const end = await this.#between(session, why);
        if (end !== undefined) return end;
      }
    } catch (error) {
      if (error instanceof QmpClosedError) return "vm-ended";
      throw error;
    }
  }

  async #next(session: QmpSession, since: number) {
    const left = this.#options.deadline - performance.now();
    if (this.#jobs.length === 0) this.#wake = new AbortController();
    return await session.waitEvent(() => true, {
      timeoutMs: Math.max(Math.min(left, LOOK_MS), 0),
      signal: this.#wake.signal,
      since,
    });
  }

  /** What is done while no event comes. */
  async #between(
    session: QmpSession,
    why: "timeout" | "aborted",
  ): Promise<FollowEnd | Pause | undefined> {
    const job = this.#jobs.shift();
    if (job?.needs === "free-monitor") return { kind: "job", job };
    await job?.run(session);
    if (why === "aborted") return undefined;
    if (performance.now() >= this.#options.deadline) {
      await this.#options.atDeadline?.(session);
      return "timeout";
    }
    if (!this.#options.isWanted()) return "stopped";
    const reason = whoWaits(this.#path, this.#options.isFollower);
    return reason === undefined ? undefined : { kind: "given-way", reason };
  }

  /** Queues for the monitor until it is free again. */
  async #reopen(): Promise<QmpSession | FollowEnd> {
    const { deadline, signal } = this.#options;
    while (performance.now() < deadline) {
      if (signal.aborted) return "aborted";
      try {
        return await openMonitor(this.#path, this.#options);
      } catch (error) {
        if (!isInUse(error)) return "vm-ended";
        await pause(LOOK_MS / 4, signal);
      }
    }
    return "away";
  }
}

/** Whether a command line is of a program that follows events as we do. */
export type IsFollower = (argv: readonly string[]) => boolean;

/**
 * Whether somebody is given way to. Between two followers the older one gives
 * way: a person has just started the other one. Else they would only swap.
 */
function goesFirst(
  { pid, argv }: UnixSocketClient,
  isFollower: IsFollower,
): boolean {
  if (!isFollower(argv)) return true;
  const [its, ours] = [startOf(pid), startOf(Deno.pid)];
  return its !== undefined && ours !== undefined && its > ours;
}

/** Command line of somebody else who waits for the monitor, if one does. */
export function whoWaits(
  path: string,
  isFollower: IsFollower,
): string | undefined {
  if (unixSocketConnections(path) < 2) return undefined;
  const { clients } = unixSocketHolders(path);
  return clients.find((one) =>
    one.state === "waiting" && goesFirst(one, isFollower)
  )?.command;
}
