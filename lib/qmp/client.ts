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
function isNothing(command: Command | undefined, error: unknown): boolean {
  if (!(error instanceof QmpCommandError)) return false;
  if (command?.ifRefused === "nothing") return true;
  return command?.ifMissing === "nothing" && error.class === "CommandNotFound";
}

/** A session; it owns its socket. Commands run one after the other. */
export class QmpSession implements Disposable {
  #isReady = false;
  #hasLeft = false;
  #lastId = 0;
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
      while (stream.inbox.version === undefined) {
        const progress = await stream.read(deadline);
        if (progress === "messages") continue;
        options.onSilence?.();
        throw new QmpNoGreetingError(timeoutMs);
      }
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
   * @param options.fd as {@linkcode QmpSession.send}
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
    const replies = await this.send([{ execute: command, args }], fd);
    const [value] = await replies();
    return value;
  }

  /**
   * Sends several commands at once; QEMU runs them one after the other while
   * the caller does something else. For questions: if one is refused, QEMU
   * still runs the others.
   *
   * @param fd goes with the first command, in its message; stays the caller's
   * to close
   * @returns awaits the `return` values, in the commands' order; a caller that
   * sends another command before gives them up
   * @throws as {@linkcode QmpSession.execute}
   */
  async send(
    commands: readonly Command[],
    fd?: Fd,
  ): Promise<() => Promise<unknown[]>> {
    const messages = commands.map(({ execute, args = {} }) => ({
      execute,
      arguments: args,
      id: `kvm-hotplug-${++this.#lastId}`,
    }));
    this.#stream.inbox.expect(messages.map(({ id }) => id));
    const { timeoutMs } = this.#options;
    this.#stream.command = messages[0]?.execute ?? "";
    const lines = messages.map((message) => JSON.stringify(message));
    await this.#stream.send(lines, { fd, timeoutMs });
    return async () => {
      const values: unknown[] = [];
      for (const [i, { id, execute }] of messages.entries()) {
        try {
          values.push(await this.#reply(id, execute));
        } catch (error) {
          if (!isNothing(commands[i], error)) throw error;
          values.push(undefined);
        }
      }
      return values;
    };
  }

  /** Awaits one reply, for at most the time-out. */
  async #reply(id: string, command: string): Promise<unknown> {
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
    let next = since;
    for (;;) {
      const found = this.#stream.inbox.events.find(match, next);
      if (found !== undefined) return found;
      next = this.mark();
      const progress = await this.#stream.read(deadline, signal);
      if (progress !== "messages") return progress;
    }
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
