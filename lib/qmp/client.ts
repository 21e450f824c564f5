/**
 * One QMP session on a raw unix socket, so that a file descriptor can travel
 * with the command that takes it.
 *
 * @module
 */

import type { Fd } from "../sys/fd.ts";
import {
  QmpCommandError,
  QmpNoGreetingError,
  QmpTimeoutError,
} from "./errors.ts";
import type { Json, QmpEvent, QmpVersion } from "./message.ts";
import type {
  Command,
  SessionOptions,
  WaitOptions,
} from "./session_options.ts";
import { QmpStream } from "./stream.ts";

/** `negotiating` until qmp_capabilities is answered; `closed` is final. */
export type State = "negotiating" | "ready" | "closed";

/** Whether an error means that the object of the question does not exist. */
function isNothing(command: Command, error: unknown): boolean {
  if (!(error instanceof QmpCommandError)) return false;
  if (command.ifRefused === "nothing") return true;
  return command.ifMissing === "nothing" && error.class === "CommandNotFound";
}

/** A command on its way. */
interface Sent {
  readonly command: Command;
  /** The id of its reply. */
  readonly id: number;
}

/** The name of the first command, for messages. */
function nameOf([first]: readonly Command[]): string {
  return first?.execute ?? "";
}

/**
 * A command as text, as short as can be: QEMU reads a monitor byte by byte, and
 * goes round its main loop for each (monitor_can_read of monitor/monitor.c),
 * which takes 10 µs and more.
 */
function onWire({ execute, args = {} }: Command, id: number): string {
  const isPlain = Object.keys(args).length === 0;
  return JSON.stringify({ execute, ...(!isPlain && { arguments: args }), id });
}

/** A QEMU that serves no other client greets within this time, in ms. */
const GREETING_MS = 10;

/** @throws {QmpNoGreetingError} */
async function greeted(
  stream: QmpStream,
  deadline: number,
  { timeoutMs, onWait, onSilence }: SessionOptions,
): Promise<void> {
  let until = Math.min(performance.now() + GREETING_MS, deadline);
  while (stream.inbox.version === undefined) {
    if (await stream.read(until) === "messages") continue;
    if (until === deadline) {
      onSilence?.();
      throw new QmpNoGreetingError(timeoutMs);
    }
    onWait?.();
    until = deadline;
  }
}

/**
 * A session; it owns its socket. It does one thing at a time: two readers of
 * one stream would take each other's replies. A call beside another one that
 * has not ended throws a `TypeError` and sends nothing; send several questions
 * with one {@linkcode QmpSession.executeAll}.
 */
export class QmpSession implements Disposable {
  #isReady = false;
  #hasLeft = false;
  /** At first three digits by chance: others count their ids from 1. */
  #lastId = 100 + Math.floor(Math.random() * 800);
  /** The call that has not ended, for the error. */
  #busy: string | undefined;
  readonly #stream: QmpStream;
  readonly #options: SessionOptions;

  private constructor(stream: QmpStream, options: SessionOptions) {
    this.#stream = stream;
    this.#options = options;
  }

  /**
   * Connects and negotiates.
   *
   * @param path the socket's path, of any length
   * @throws {SysError} if no process listens there
   * @throws {QmpNoGreetingError} connected, but QEMU serves another client
   * @throws {QmpProtocolError} | {QmpClosedError} | {QmpTimeoutError}
   */
  static async open(
    path: string,
    options: SessionOptions,
  ): Promise<QmpSession> {
    const { timeoutMs } = options;
    const deadline = performance.now() + timeoutMs;
    const stream = await QmpStream.connect(path, timeoutMs, options.trace);
    const session = new QmpSession(stream, options);
    try {
      await greeted(stream, deadline, options);
      await session.execute("qmp_capabilities");
      session.#isReady = true;
      return session;
    } catch (error) {
      session.close();
      throw error;
    }
  }

  /** The state of the session. */
  get state(): State {
    if (this.#stream.isClosed) return "closed";
    return this.#isReady ? "ready" : "negotiating";
  }

  /** QEMU's version, from the greeting. */
  get version(): QmpVersion {
    const { version } = this.#stream.inbox;
    if (version === undefined) throw new TypeError("no greeting yet");
    return version;
  }

  /**
   * Credentials of the process that listens on the socket; it may be a proxy.
   */
  peer() {
    return this.#stream.peer();
  }

  /**
   * Sends one command and awaits its reply.
   *
   * @param options.fd as {@linkcode QmpSession.executeAll}
   * @returns the reply's `return` value
   * @throws {QmpCommandError} QEMU refused it
   * @throws {QmpTimeoutError} the outcome is unknown
   * @throws {QmpClosedError} | {QmpProtocolError} the session is over
   */
  async execute(
    command: string,
    args: Json = {},
    { fd }: { readonly fd?: Fd | undefined } = {},
  ): Promise<unknown> {
    const [value] = await this.executeAll([{ execute: command, args }], fd);
    return value;
  }

  /**
   * Sends several commands at once and awaits their replies. For questions: if
   * one is refused, QEMU still runs the others.
   *
   * @param fd goes with the first command, in its message; stays the caller's
   * to close
   * @returns the `return` values, in the commands' order
   * @throws as {@linkcode QmpSession.execute}
   */
  async executeAll(commands: readonly Command[], fd?: Fd): Promise<unknown[]> {
    return await this.#alone(nameOf(commands), async () => {
      const batch = await this.#send(commands, fd);
      return await this.#replies(batch);
    });
  }

  /**
   * Sends several commands at once, as {@linkcode QmpSession.executeAll}; QEMU
   * runs them one after the other while the caller does something else.
   *
   * @returns awaits the `return` values; a caller that sends another command
   * before gives them up, and gets a `TypeError` instead
   * @throws as {@linkcode QmpSession.execute}
   */
  async send(
    commands: readonly Command[],
  ): Promise<() => Promise<unknown[]>> {
    const name = nameOf(commands);
    const batch = await this.#alone(name, () => this.#send(commands));
    const lastId = this.#lastId;
    return async () => {
      if (lastId !== this.#lastId) {
        throw new TypeError(`the reply to ${name} was given up`);
      }
      return await this.#alone(name, () => this.#replies(batch));
    };
  }

  async #send(commands: readonly Command[], fd?: Fd): Promise<Sent[]> {
    const batch = commands.map((command) => ({
      command,
      id: ++this.#lastId,
    }));
    this.#stream.inbox.expect(batch.map(({ id }) => id));
    const { timeoutMs } = this.#options;
    this.#stream.command = nameOf(commands);
    const lines = batch.map(({ command, id }) => onWire(command, id));
    await this.#stream.send(lines, { fd, timeoutMs });
    return batch;
  }

  async #replies(batch: readonly Sent[]): Promise<unknown[]> {
    const values: unknown[] = [];
    for (const { command, id } of batch) {
      try {
        values.push(await this.#reply(id, command.execute));
      } catch (error) {
        if (!isNothing(command, error)) throw error;
        values.push(undefined);
      }
    }
    return values;
  }

  /** @throws {TypeError} at once, before anything is sent or read */
  async #alone<T>(what: string, work: () => Promise<T>): Promise<T> {
    if (this.#busy !== undefined) {
      throw new TypeError(
        `the session cannot do ${what} while it does ${this.#busy}`,
      );
    }
    this.#busy = what;
    try {
      return await work();
    } finally {
      this.#busy = undefined;
    }
  }

  /** Awaits one reply, for at most the time-out. */
  async #reply(id: number, command: string): Promise<unknown> {
    const { timeoutMs } = this.#options;
    const deadline = performance.now() + timeoutMs;
    this.#stream.command = command;
    for (;;) {
      const reply = this.#stream.inbox.takeReply(id, command);
      if (reply !== undefined) return reply.value;
      const progress = await this.#stream.read(deadline);
      if (progress !== "messages") {
        throw new QmpTimeoutError(command, timeoutMs);
      }
    }
  }

  /** A mark in the stream of events: later events count as since the mark. */
  mark(): number {
    return this.#stream.inbox.events.mark();
  }

  /**
   * The first event since the mark that `match` accepts, received or still to
   * come.
   */
  async waitEvent(
    match: (event: QmpEvent) => boolean,
    { timeoutMs, signal, since }: WaitOptions,
  ): Promise<QmpEvent | "timeout" | "aborted"> {
    const deadline = performance.now() + timeoutMs;
    return await this.#alone("a wait for an event", async () => {
      let next = since;
      for (;;) {
        const found = this.#stream.inbox.events.find(match, next);
        if (found !== undefined) return found;
        next = this.mark();
        const progress = await this.#stream.read(deadline, signal);
        if (progress !== "messages") return progress;
      }
    });
  }

  /**
   * Ends the session; QEMU then serves its next client. Received events can
   * still be read.
   */
  close(): void {
    if (!this.#hasLeft) {
      this.#hasLeft = true;
      this.#stream.readRest();
      this.#options.onLeave?.(this.#stream.inbox.events);
    }
    this.#stream.close();
  }

  /** As {@linkcode QmpSession.close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}
