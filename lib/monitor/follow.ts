/**
 * Follows a VM's events for a long time without blocking its monitor: QEMU
 * serves one client, so the monitor is given up when another client waits, and
 * taken again afterwards.
 *
 * @module
 */

import { HotplugError, isFailure } from "../errors.ts";
import type { QmpSession } from "../qmp/client.ts";
import { QmpClosedError } from "../qmp/errors.ts";
import type { QmpEvent } from "../qmp/message.ts";
import { pause, within } from "../sys/pause.ts";
import { unixSocketConnections } from "../sys/sock_diag.ts";
import { unchanged } from "./failure.ts";
import { type MonitorOptions, openMonitor } from "./monitor.ts";
import { RelayInbox } from "./relay.ts";
import { type IsFollower, whoWaits } from "./who_waits.ts";

/** A time without events. */
export interface Gap {
  /** Milliseconds since 1970. */
  readonly fromMs: number;
  /** Milliseconds since 1970. */
  readonly toMs: number;
  /**
   * Command line of the client that needed the monitor; text of another
   * process.
   */
  readonly reason: string;
  /** Number of events in the gap that another kvm-hotplug relayed. */
  readonly relayed: number;
  /** Number of events in the gap that kvm-hotplug did not relay: too many. */
  readonly lost: number;
}

/** Counters while another client has the monitor. */
type Missed = { -readonly [key in "relayed" | "lost"]: Gap[key] };

/** An event or a gap for the caller. */
export type EventOrGap =
  | {
    readonly kind: "event";
    readonly event: QmpEvent;
    /** Received by another kvm-hotplug, or by another session of our own. */
    readonly relayed: boolean;
  }
  | { readonly kind: "gap"; readonly gap: Gap };

/** Options of following events. */
export interface FollowOptions extends Omit<MonitorOptions, "runDir"> {
  /** The run directory for relayed events of this VM. @default none */
  readonly relayDir?: string | undefined;
  /** Ends the following at once. */
  readonly signal: AbortSignal;
  /** End, on the clock of `performance.now()`; Infinity for none. */
  readonly deadline: number;
  /** Called with the first session, before the first event. */
  readonly begin: (session: QmpSession) => Promise<void>;
  /** Called with the session when the time is over. @default nothing is done */
  readonly atDeadline?: (session: QmpSession) => Promise<void>;
  /** Whether a waiting client only follows events, too. */
  readonly isFollower: IsFollower;
  /** Polled from time to time; false ends the following. */
  readonly isWanted: () => boolean;
  /** Called for each event; `stop` ends the following. */
  readonly see: (seen: EventOrGap) => Promise<"go-on" | "stop">;
}

/**
 * Why the following ended; `away`: the time was over while another client had
 * the monitor.
 */
export type FollowEnd =
  | "stopped"
  | "aborted"
  | "timeout"
  | "away"
  | "vm-ended";

/** Time between two looks for a waiting client, in milliseconds. */
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

/** Why follow() stopped. */
type Pause =
  | {
    readonly kind: "given-way";
    readonly reason: string;
    readonly fromMs: number;
  }
  | { readonly kind: "job"; readonly job: Job };

/**
 * Shows every event of a VM until it is stopped, and does other work on the
 * same session between events.
 */
export class EventFollower {
  readonly #path: string;
  readonly #options: FollowOptions;
  readonly #jobs: Job[] = [];
  #wake = new AbortController();
  #isOver = false;
  #inbox: RelayInbox | undefined;
  /** Whether a waiting client has asked for the monitor. */
  #isAsked = false;
  #session: QmpSession | undefined;
  /** Set while another client has the monitor. */
  #left: Extract<Pause, { kind: "given-way" }> | undefined;

  /**
   * Opens nothing yet.
   *
   * @param path the QMP socket
   */
  constructor(path: string, options: FollowOptions) {
    this.#path = path;
    this.#options = options;
  }

  /** Does work on the session, when no other work is running. */
  do<T>(work: (session: QmpSession) => Promise<T>): Promise<T> {
    return this.#enqueue("session", work);
  }

  /** Gives the monitor up while work is done; this makes a gap. */
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
    using inbox = this.#openInbox();
    this.#inbox = inbox;
    const first = await openMonitor(this.#path, this.#options);
    this.#session = first;
    const end = new AbortController();
    const hearing = this.#hear(inbox, end.signal);
    try {
      // Earlier events are not shown.
      for (const _ of inbox?.take() ?? []);
      await unchanged(() => begin(first));
      for (let session = first;;) {
        const pause = await this.#follow(session);
        if (typeof pause === "string") return pause;
        session.close();
        const next = await this.#return(pause, session);
        if (typeof next === "string") return next;
        session = next;
      }
    } finally {
      end.abort();
      await hearing;
      signal.removeEventListener("abort", stop);
      this.#session.close();
      this.#isOver = true;
      this.#cancel();
    }
  }

  /** Without it, no events of a gap are shown. */
  #openInbox(): RelayInbox | undefined {
    const { relayDir: runDir } = this.#options;
    if (runDir === undefined) return undefined;
    try {
      return RelayInbox.open({ qmp: this.#path, runDir });
    } catch {
      // Not root, a full disk: events can still be followed.
      return undefined;
    }
  }

  /** A client that asks for the monitor ends the wait for an event. */
  async #hear(
    inbox: RelayInbox | undefined,
    end: AbortSignal,
  ): Promise<void> {
    try {
      while (inbox !== undefined && await inbox.asked(end)) {
        this.#isAsked = true;
        this.#wake.abort();
      }
    } catch {
      // No descriptor is left: the looks from time to time go on.
    }
  }

  /** Comes back when the monitor is free again, and reports the gap. */
  async #return(
    pause: Pause,
    session: QmpSession,
  ): Promise<QmpSession | FollowEnd> {
    const fromMs = pause.kind === "job" ? Date.now() : pause.fromMs;
    if (pause.kind === "job") await pause.job.run(session);
    const missed: Missed = { relayed: 0, lost: 0 };
    const next = await this.#reopen(missed);
    if (typeof next === "string") return next;
    const reason = pause.kind === "job" ? "ourselves" : pause.reason;
    const gap = { fromMs, toMs: Date.now(), reason, ...missed };
    const shown = await this.#show({ kind: "gap", gap });
    return shown === "go-on" ? next : "stopped";
  }

  /** Follows one session until its end, or until there is other work. */
  async #follow(session: QmpSession): Promise<FollowEnd | Pause> {
    const { signal } = this.#options;
    let since = 0;
    let lookedMs = performance.now();
    try {
      for (;;) {
        const found = await this.#next(session, since);
        if (signal.aborted) return "aborted";
        if (typeof found !== "string") {
          since++;
          if (await this.#see(found, "own") === "stop") return "stopped";
        } else if (this.#left !== undefined) return this.#left;
        // A VM with a steady stream of events must not block others.
        const isTime = performance.now() - lookedMs >= LOOK_MS;
        if (typeof found !== "string" && !isTime && !this.#isAsked) continue;
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
    const left = this.#left === undefined
      ? this.#options.deadline - performance.now()
      : 0;
    if (this.#jobs.length === 0 && !this.#isAsked) {
      this.#wake = new AbortController();
    }
    return await session.waitEvent(() => true, {
      timeoutMs: Math.max(Math.min(left, LOOK_MS), 0),
      signal: this.#wake.signal,
      since,
    });
  }

  /** The work while no event comes. */
  async #between(
    session: QmpSession,
    why: "timeout" | "aborted",
  ): Promise<FollowEnd | Pause | undefined> {
    if (this.#left !== undefined) return undefined;
    const job = this.#jobs.shift();
    if (job?.needs === "free-monitor") return { kind: "job", job };
    await job?.run(session);
    if (this.#isAsked) {
      this.#isAsked = false;
      this.#giveWay(session);
      return undefined;
    }
    if (why === "aborted") return undefined;
    if (performance.now() >= this.#options.deadline) {
      await this.#options.atDeadline?.(session);
      return "timeout";
    }
    if (!this.#options.isWanted()) return "stopped";
    this.#giveWay(session);
    return undefined;
  }

  /**
   * Gives the monitor to the waiting client; received events are still shown.
   */
  #giveWay(session: QmpSession) {
    const reason = whoWaits(this.#path, this.#options.isFollower);
    if (reason === undefined) return;
    session.close();
    this.#left = { kind: "given-way", reason, fromMs: Date.now() };
  }

  /** Queues for the monitor until it is free again. */
  async #reopen(missed: Missed): Promise<QmpSession | FollowEnd> {
    const { deadline, signal } = this.#options;
    while (performance.now() < deadline) {
      if (signal.aborted) return "aborted";
      const opened = await this.#tryOpen();
      if (typeof opened !== "string") {
        this.#session = opened;
        this.#left = undefined;
      }
      if (await this.#showRelayed(missed) === "stop") return "stopped";
      if (opened !== "in-use") return opened;
      await pause(LOOK_MS / 4, signal);
    }
    return "away";
  }

  async #tryOpen(): Promise<QmpSession | "in-use" | "vm-ended"> {
    // QEMU allows two waiting clients. If both were followers, a client that
    // needs the monitor could not even be seen.
    if (unixSocketConnections(this.#path) >= 2) return "in-use";
    try {
      return await openMonitor(this.#path, this.#options);
    } catch (error) {
      return isInUse(error) ? "in-use" : "vm-ended";
    }
  }

  /** Shows the events that others have relayed meanwhile. */
  async #showRelayed(missed: Missed): Promise<"go-on" | "stop"> {
    for (const { events, lost } of this.#inbox?.take() ?? []) {
      missed.lost += lost;
      for (const event of events) {
        missed.relayed++;
        if (await this.#see(event, "relayed") === "stop") return "stop";
      }
    }
    return "go-on";
  }

  #see(event: QmpEvent, from: "own" | "relayed"): Promise<"go-on" | "stop"> {
    const relayed = from === "relayed";
    return this.#show({ kind: "event", event, relayed });
  }

  /** A slow reader blocks neither the monitor nor this program. */
  async #show(seen: EventOrGap): Promise<"go-on" | "stop"> {
    const showing = this.#options.see(seen);
    for (;;) {
      const next = await within(showing, LOOK_MS / 4);
      if (next !== undefined) return next;
      if (this.#options.signal.aborted) return "stop";
      if (this.#session?.state === "ready") this.#giveWay(this.#session);
      else this.#inbox?.gather();
    }
  }
}
