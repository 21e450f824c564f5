/**
 * One QMP session on a raw unix socket, which is what lets a file descriptor
 * travel with the command that takes it.
 *
 * @module
 */

import { DeadlineError } from "../sys/errno.ts";
import { UnixSocket } from "../sys/unix_socket.ts";
import {
  QmpClosedError,
  QmpNoGreetingError,
  QmpProtocolError,
  QmpTimeoutError,
} from "./errors.ts";
import { Inbox } from "./inbox.ts";
import type { Json, QmpEvent, QmpVersion } from "./message.ts";
import type {
  ExecuteOptions,
  SessionOptions,
  WaitOptions,
} from "./session_options.ts";

type State = "negotiating" | "ready" | "closed";

/** What one read of the socket came to. */
type Progress = "messages" | "timeout" | "aborted";

const READ_BYTES = 64 * 1024;
const READS_BETWEEN_BREATHS = 16;

/** A session; it owns its socket. Commands run one after the other. */
export class QmpSession implements Disposable {
  #state: State = "negotiating";
  #lastId = 0;
  #reads = 0;
  /** The command whose reply is awaited. */
  #command = "qmp_capabilities";
  readonly #inbox = new Inbox();
  readonly #buffer = new Uint8Array(READ_BYTES);
  readonly #socket: UnixSocket;
  readonly #options: SessionOptions;

  private constructor(socket: UnixSocket, options: SessionOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  /**
   * Connects and negotiates.
   *
   * @param path the socket's path, of any length
   * @throws {SysError} if nobody listens there
   * @throws {QmpNoGreetingError} connected, but somebody else is being served
   * @throws {QmpProtocolError} | {QmpClosedError} | {QmpTimeoutError}
   */
  static async open(
    path: string,
    options: SessionOptions,
  ): Promise<QmpSession> {
    const { timeoutMs } = options;
    const deadline = performance.now() + timeoutMs;
    const socket = await connect(path, timeoutMs);
    const session = new QmpSession(socket, options);
    try {
      while (session.#inbox.version === undefined) {
        const progress = await session.#read(deadline);
        if (progress === "messages") continue;
        options.onSilence?.();
        throw new QmpNoGreetingError(timeoutMs);
      }
      session.#state = "ready";
      await session.execute("qmp_capabilities");
      return session;
    } catch (error) {
      session.close();
      throw error;
    }
  }

  /** Where the session stands. */
  get state(): State {
    return this.#state;
  }

  /** QEMU's version, from the greeting. */
  get version(): QmpVersion {
    const { version } = this.#inbox;
    if (version === undefined) throw new TypeError("no greeting yet");
    return version;
  }

  /** Credentials of whoever listens on the socket; may be a proxy. */
  peer(): { pid: number; uid: number; gid: number } {
    return this.#socket.peerCredentials();
  }

  /**
   * Sends one command and awaits its reply.
   *
   * @returns the reply's `return` value
   * @throws {QmpCommandError} QEMU refused it
   * @throws {QmpTimeoutError} the outcome is unknown
   * @throws {QmpClosedError} | {QmpProtocolError} the session is over
   */
  async execute(
    command: string,
    args: Json = {},
    { fd }: ExecuteOptions = {},
  ): Promise<unknown> {
    if (this.#state !== "ready") {
      throw new QmpClosedError(`cannot send ${command}: the session has ended`);
    }
    const { timeoutMs } = this.#options;
    const deadline = performance.now() + timeoutMs;
    const id = `kvm-hotplug-${++this.#lastId}`;
    this.#command = command;
    this.#inbox.expect(id);
    await this.#send({ execute: command, arguments: args, id }, { fd });
    for (;;) {
      const reply = this.#inbox.takeReply(command);
      if (reply !== undefined) return reply.value;
      const progress = await this.#read(deadline);
      if (progress !== "messages") {
        throw new QmpTimeoutError(command, timeoutMs);
      }
    }
  }

  /** A mark in the stream of events: what comes later counts as since. */
  mark(): number {
    return this.#inbox.events.mark();
  }

  /**
   * The first event since the mark that `match` accepts, among those that came
   * already and those to come.
   */
  async waitEvent(
    match: (event: QmpEvent) => boolean,
    { timeoutMs, signal, since }: WaitOptions,
  ): Promise<QmpEvent | "timeout" | "aborted"> {
    const deadline = performance.now() + timeoutMs;
    let next = since;
    for (;;) {
      const found = this.#inbox.events.find(match, next);
      if (found !== undefined) return found;
      next = this.mark();
      const progress = await this.#read(deadline, signal);
      if (progress !== "messages") return progress;
    }
  }

  /** Ends the session; QEMU then serves its next client. */
  close(): void {
    this.#state = "closed";
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #send(message: Json, { fd }: ExecuteOptions): Promise<void> {
    const text = JSON.stringify(message);
    this.#options.trace?.("send", text, fd);
    const { timeoutMs } = this.#options;
    try {
      await this.#socket.sendAll(
        new TextEncoder().encode(text + "\r\n"),
        fd === undefined ? { timeoutMs } : { timeoutMs, fd },
      );
    } catch (error) {
      // Half a command may be out: this stream cannot be used any more.
      this.close();
      if (error instanceof DeadlineError) {
        throw new QmpTimeoutError(String(message.execute), timeoutMs);
      }
      throw this.#ended(error);
    }
  }

  /** Reads what there is, or waits for something to come. */
  async #read(deadline: number, signal?: AbortSignal): Promise<Progress> {
    for (;;) {
      const left = deadline - performance.now();
      if (left <= 0) return "timeout";
      if (signal?.aborted) return "aborted";
      const bytes = this.#receive();
      if (bytes !== "would-block") {
        await this.#breathe();
        return this.#accept(this.#buffer.subarray(0, bytes));
      }
      const ready = await this.#socket.waitReadable(
        signal ? { timeoutMs: left, signal } : { timeoutMs: left },
      );
      if (ready !== "readable") return ready;
    }
  }

  /** A peer that never pauses must not keep timers and signals waiting. */
  async #breathe(): Promise<void> {
    if (++this.#reads % READS_BETWEEN_BREATHS !== 0) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
  }

  #receive(): number | "would-block" {
    let bytes: number | "would-block";
    try {
      bytes = this.#socket.receive(this.#buffer);
    } catch (error) {
      this.close();
      throw this.#ended(error);
    }
    if (bytes === 0) {
      this.close();
      throw this.#ended(undefined);
    }
    return bytes;
  }

  #ended(cause: unknown): QmpClosedError {
    return new QmpClosedError(
      `QEMU closed the QMP socket at or after ${this.#command}`,
      { cause },
    );
  }

  #accept(chunk: Uint8Array): Progress {
    try {
      const trace = this.#options.trace;
      this.#inbox.accept(chunk, (text) => trace?.("receive", text));
      return "messages";
    } catch (error) {
      if (error instanceof QmpProtocolError) this.close();
      throw error;
    }
  }
}

async function connect(path: string, timeoutMs: number): Promise<UnixSocket> {
  try {
    return await UnixSocket.connect(path, { timeoutMs });
  } catch (error) {
    // The backlog stayed full: others wait for the same monitor.
    if (error instanceof DeadlineError) throw new QmpNoGreetingError(timeoutMs);
    throw error;
  }
}
