/**
 * Asks the QEMUs of a node side by side, without disturbing other clients.
 *
 * @module
 */

import { remark } from "../errors.ts";
import { connectedSockets } from "../host/connected_sockets.ts";
import type { QmpTrace } from "../qmp/session_options.ts";
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

/** The questions to one node's QEMUs. */
class Round {
  readonly #answers = new Map<Subject, Asked>();
  readonly #options: AskOptions;
  readonly #end: number;
  #messages = 0;

  constructor(options: AskOptions) {
    this.#options = options;
    this.#end = performance.now() + options.deadlineMs;
  }

  get #leftMs(): number {
    return Math.max(this.#end - performance.now(), 0);
  }

  async run(subjects: readonly Subject[]): Promise<Asked[]> {
    for (const one of subjects) {
      const asked = unaskable(one);
      if (asked !== undefined) this.#answers.set(one, asked);
    }
    const open = subjects.filter((one) => !this.#answers.has(one));
    // To queue behind them would make `events` give way, which makes a gap.
    const glance = open.length === 0 ? new Set() : connectedSockets();
    const free = open.filter(({ paths }) => !glance.has(paths.qmp));
    await this.#ask(free, this.#options.deadlineMs * SHARE_OF_ONE);
    const taken = open.filter((one) => !free.includes(one));
    const silent = free.filter((one) => this.#of(one) === SILENT);
    // At the end, because no answer can be heard meanwhile.
    const { unheld, ours } = this.#findHolders(taken, silent);
    await this.#ask([...unheld, ...ours], Math.max(MIN_MS, this.#leftMs));
    for (const one of ours) if (this.#of(one) === SILENT) this.#hold(one, OURS);
    return subjects.map((one) => this.#of(one));
  }

  #of(subject: Subject): Asked {
    return this.#answers.get(subject) ?? SILENT;
  }

  /**
   * Asks for a limited time, and reads all messages that have arrived by then.
   */
  async #ask(subjects: readonly Subject[], timeoutMs: number): Promise<void> {
    if (subjects.length === 0) return;
    const trace: QmpTrace = (...message) => {
      this.#messages++;
      this.#options.trace?.(...message);
    };
    const options = {
      ...this.#options,
      ...{ timeoutMs, trace, holdersOf: () => NOBODY },
    };
    const all = Promise.all(subjects.map(async (one) => {
      this.#answers.set(one, await askOne(one, options));
    }));
    let done = await within(all, timeoutMs);
    let heard;
    // A blocked event loop may have seen the clock before the messages.
    do {
      if (done !== undefined || heard === this.#messages) return;
      heard = this.#messages;
      done = await within(all, QUIET_MS);
    } while (performance.now() < this.#end + GRACE_MS);
  }

  #hold(subject: Subject, who: string) {
    const why = remark("monitor-busy", `the monitor is in use by ${who}`);
    this.#answers.set(subject, { monitor: "held", why });
  }

  /**
   * Among monitors with a connected client: those without a holder, and those
   * held by a request of this process.
   */
  #findHolders(
    taken: readonly Subject[],
    silent: readonly Subject[],
  ): { readonly unheld: Subject[]; readonly ours: Subject[] } {
    if (taken.length + silent.length === 0) return { unheld: [], ours: [] };
    const found = unixSocketsHolders(
      [...taken, ...silent].map(({ paths }) => paths.qmp),
      Math.min(MAX_LOOK_MS, Math.max(MIN_MS, this.#leftMs / 2)),
    );
    for (const one of silent) {
      if (this.#of(one) !== SILENT) continue;
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
 * Asks QEMUs side by side; no wait is longer than the deadline.
 *
 * @returns the result of each, in their order
 */
export async function askInstances(
  subjects: readonly Subject[],
  options: AskOptions,
): Promise<Asked[]> {
  return await new Round(options).run(subjects);
}
