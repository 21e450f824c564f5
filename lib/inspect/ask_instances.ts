/**
 * Asks the QEMUs of a node side by side, without disturbing other clients.
 *
 * @module
 */

import { remark } from "../errors.ts";
import { connectedSockets } from "../host/connected_sockets.ts";
import type { QmpTrace } from "../qmp/session_options.ts";
import { libcFault } from "../sys/libc.ts";
import { within } from "../sys/pause.ts";
import {
  type UnixSocketHolders,
  unixSocketsHolders,
} from "../sys/sock_diag.ts";
import {
  type Asked,
  askOne,
  type Question,
  SILENT,
  type Subject,
  unaskable,
} from "./ask_one.ts";
import type { MonitorOptions } from "../monitor/monitor.ts";

/** Options of the questions. */
export interface AskOptions extends Question {
  /** Time limit for all of them together, in milliseconds. */
  readonly deadlineMs: number;
  /** Gets every message. */
  readonly trace?: MonitorOptions["trace"];
}

/** Share of the deadline; the rest is for finding the holder of a monitor. */
const SHARE_OF_ONE = 0.8;
/**
 * After this time without a message, no other message has arrived, in
 * milliseconds.
 */
const QUIET_MS = 40;
/** Time after the deadline for messages that have arrived, in milliseconds. */
const GRACE_MS = 200;
/** Longest look at all processes, which blocks the event loop, in ms. */
const MAX_LOOK_MS = 500;
/** The look is not tried with less time, in milliseconds. */
const MIN_MS = 50;

/**
 * Another request of this process, which gives the monitor up when it is done.
 */
const OURS = "another request";

/** The client of a monitor, undefined if there is none. */
function servedBy(
  { clients, own, isServing }: UnixSocketHolders,
): string | undefined {
  const served = clients.find(({ state }) => state === "accepted");
  if (served !== undefined) return `${served.command} (pid ${served.pid})`;
  if (own === "accepted") return OURS;
  return isServing ? "a process that is not visible from here" : undefined;
}

/** What is done about an instance before and after the question. */
export interface Inquiry<S extends Subject, T> {
  /** Reads its files; called just before its QEMU is asked. */
  look(name: string): S;
  /** What is kept of it: all that was read would be too much of a thousand. */
  tell(subject: S, asked: Asked): Promise<T>;
}

/**
 * So many are asked at once: while a QEMU works on its answer, others are
 * served, and what was read of an instance is garbage before the collector
 * copies it.
 */
const PLACES = 16;
/** If none was done for so long, others are not kept waiting, in ms. */
const LONG_MS = 25;

/**
 * Does something for each, some at a time.
 *
 * @param options.isOver ends it: nothing more is begun
 */
async function sideBySide<T>(
  all: readonly T[],
  act: (one: T) => Promise<void>,
  { isOver }: { isOver(): boolean },
): Promise<void> {
  const rest = all.values();
  const workers: Promise<void>[] = [];
  let done = 0;
  const work = async () => {
    for (const one of rest) {
      await act(one);
      done++;
      if (isOver()) return;
    }
  };
  const begin = () => {
    for (let place = 0; place < PLACES; place++) workers.push(work());
  };
  begin();
  for (let before = done; !isOver(); before = done) {
    const end = Promise.all(workers).then(() => true);
    if (await within(end, LONG_MS)) return;
    if (before === done && !isOver()) begin();
  }
}

/** The questions to one node's QEMUs. */
class Round<S extends Subject, T> {
  /** What is told of each, by name. */
  readonly #told = new Map<string, Promise<T>>();
  /** Those without an answer yet, by name. */
  readonly #open = new Map<string, S>();
  /** Those with a client when we began. */
  readonly #taken: S[] = [];
  readonly #inquiry: Inquiry<S, T>;
  readonly #options: AskOptions;
  readonly #end: number;
  #connected: ReadonlySet<string> = new Set();
  #messages = 0;

  constructor(inquiry: Inquiry<S, T>, options: AskOptions) {
    this.#inquiry = inquiry;
    this.#options = options;
    this.#end = performance.now() + options.deadlineMs;
  }

  get #leftMs(): number {
    return Math.max(this.#end - performance.now(), 0);
  }

  async run(names: readonly string[]): Promise<T[]> {
    if (names.length > 0) this.#connected = connectedSockets();
    const firstMs = this.#options.deadlineMs * SHARE_OF_ONE;
    // Without the C library none is asked, and there is no clock to wait by.
    if (libcFault() === undefined) {
      await this.#ask(names, firstMs, (name) => this.#begin(name));
    }
    for (const name of names) {
      if (!this.#told.has(name) && !this.#open.has(name)) this.#begin(name);
    }
    const taken = new Set(this.#taken);
    const silent = [...this.#open.values()].filter((one) => !taken.has(one));
    // At the end, because no answer can be heard meanwhile.
    const { unheld, ours } = this.#findHolders(this.#taken, silent);
    const leftMs = Math.max(MIN_MS, this.#leftMs);
    await this.#ask([...unheld, ...ours], leftMs, (one) => one);
    for (const one of ours) this.#hold(one, OURS);
    for (const one of this.#open.values()) this.#tell(one, SILENT);
    const told = names.flatMap((name) => this.#told.get(name) ?? []);
    return await Promise.all(told);
  }

  /** @returns undefined if it is not asked now */
  #begin(name: string): S | undefined {
    const subject = this.#inquiry.look(name);
    this.#open.set(name, subject);
    const asked = unaskable(subject);
    if (asked !== undefined) {
      this.#tell(subject, asked);
      return undefined;
    }
    // To queue behind them would make `events` give way, which makes a gap.
    if (!this.#connected.has(subject.paths.qmp)) return subject;
    this.#taken.push(subject);
    return undefined;
  }

  /** The first that is told of one counts. */
  #tell(subject: S, asked: Asked): Promise<T> | undefined {
    const { name } = subject.paths;
    if (!this.#open.delete(name)) return this.#told.get(name);
    const told = this.#inquiry.tell(subject, asked);
    // It is thrown at the end.
    told.catch(() => {});
    this.#told.set(name, told);
    return told;
  }

  /**
   * Asks for a limited time, and reads all messages that have arrived by then.
   *
   * @param begin undefined for one that is not asked
   */
  async #ask<One>(
    all: readonly One[],
    timeoutMs: number,
    begin: (one: One) => S | undefined,
  ): Promise<void> {
    if (all.length === 0) return;
    const trace: QmpTrace = (...message) => {
      this.#messages++;
      this.#options.trace?.(...message);
    };
    const options = { ...this.#options, trace, holdersOf: () => NOBODY };
    const end = performance.now() + timeoutMs;
    let isOver = false;
    const asking = sideBySide(all, async (one) => {
      const subject = begin(one);
      if (subject === undefined) return;
      // One that begins late must not hold the monitor when all is over.
      const leftMs = Math.max(end - performance.now(), QUIET_MS);
      const asked = await askOne(subject, { ...options, timeoutMs: leftMs });
      if (asked !== SILENT) await this.#tell(subject, asked);
    }, { isOver: () => isOver }).then(() => true);
    let heard;
    // A blocked event loop may have seen the clock before the messages.
    for (
      let waitMs = timeoutMs;
      !await within(asking, waitMs) && heard !== this.#messages &&
      performance.now() < this.#end + GRACE_MS;
      waitMs = QUIET_MS
    ) heard = this.#messages;
    isOver = true;
  }

  #hold(subject: S, who: string) {
    const why = remark("monitor-busy", `the monitor is in use by ${who}`);
    this.#tell(subject, { monitor: "held", why });
  }

  /**
   * Among monitors with a connected client: those without a holder, and those
   * held by a request of this process.
   */
  #findHolders(
    taken: readonly S[],
    silent: readonly S[],
  ): { readonly unheld: S[]; readonly ours: S[] } {
    if (taken.length + silent.length === 0) return { unheld: [], ours: [] };
    const found = unixSocketsHolders(
      [...taken, ...silent].map(({ paths }) => paths.qmp),
      Math.min(MAX_LOOK_MS, Math.max(MIN_MS, this.#leftMs / 2)),
    );
    for (const one of silent) {
      const { own, ...seen } = found.get(one.paths.qmp) ?? NOBODY;
      // Our own question may still be there.
      const isServing = seen.isServing && own === undefined;
      const who = servedBy({ ...seen, own: undefined, isServing });
      if (who !== undefined) this.#hold(one, who);
    }
    const served = Map.groupBy(
      taken,
      ({ paths }) => servedBy(found.get(paths.qmp) ?? NOBODY),
    );
    for (const [who, all] of served) {
      if (who === undefined || who === OURS) continue;
      for (const one of all) this.#hold(one, who);
    }
    const [unheld = [], ours = []] = [served.get(undefined), served.get(OURS)];
    return { unheld, ours };
  }
}

const NOBODY: UnixSocketHolders = {
  clients: [],
  own: undefined,
  isServing: false,
};

/**
 * Asks the QEMUs of these instances side by side; no wait is longer than the
 * deadline.
 *
 * @returns what is told of each, in their order
 * @throws what the inquiry throws
 */
export async function askInstances<S extends Subject, T>(
  names: readonly string[],
  inquiry: Inquiry<S, T>,
  options: AskOptions,
): Promise<T[]> {
  return await new Round(inquiry, options).run(names);
}
