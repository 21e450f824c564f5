/**
 * One QMP session on a raw unix socket, which is what lets a file descriptor
 * travel with the command that takes it.
 *
 * @module
 */

import type { Fd } from "../sys/fd.ts";
import { DeadlineError } from "../sys/errno.ts";
import { UnixSocket } from "../sys/unix_socket.ts";
import {
  QmpClosedError,
  QmpCommandError,
  QmpNoGreetingError,
  QmpProtocolError,
  QmpTimeoutError,
} from "./errors.ts";
import {
  type Json,
  MessageFramer,
  type QmpEvent,
  type QmpMessage,
  type QmpVersion,
  readMessage,
} from "./message.ts";

/** Sees every message as text, with what travels beside it. */
export type QmpTrace = (
  direction: "send" | "receive",
  text: string,
  fd?: Fd,
) => void;

export interface SessionOptions {
  /** Longest wait for one reply, in milliseconds. */
  readonly timeoutMs: number;
  readonly trace?: QmpTrace | undefined;
}

export interface ExecuteOptions {
  /** Sent in the same message as the command; stays the caller's to close. */
  readonly fd?: Fd | undefined;
}

export interface WaitOptions {
  readonly timeoutMs: number;
  /** Ends the wait at once. */
  readonly signal?: AbortSignal | undefined;
  /** Events older than this mark do not count: {@linkcode QmpSession.mark}. */
  readonly since: number;
}

type State = "negotiating" | "ready" | "closed";

/** What one read of the socket came to. */
type Progress = "messages" | "timeout" | "aborted";

/** More events than this are not kept: a peer may not fill our memory. */
const MAX_EVENTS = 10_000;
const READ_BYTES = 64 * 1024;

/** A session; it owns its socket. Commands run one after the other. */
export class QmpSession implements Disposable {
  #state: State = "negotiating";
  #version: QmpVersion | undefined;
  #lastId = 0;
  #events: QmpEvent[] = [];
  /** How many events came before the first one that is kept. */
  #forgotten = 0;
  #replies: QmpMessage[] = [];
  readonly #framer = new MessageFramer();
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
      while (session.#version === undefined) {
        const progress = await session.#read(deadline);
        if (progress !== "messages") throw new QmpNoGreetingError(timeoutMs);
      }
      session.#state = "ready";
      await session.execute("qmp_capabilities");
      return session;
    } catch (error) {
      session.close();
      throw error;
    }
  }

  get state(): State {
    return this.#state;
  }

  /** QEMU's version, from the greeting. */
  get version(): QmpVersion {
    if (this.#version === undefined) throw new TypeError("no greeting yet");
    return this.#version;
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
    this.#expectReady(command);
    const { timeoutMs } = this.#options;
    const deadline = performance.now() + timeoutMs;
    const id = `kvm-hotplug-${++this.#lastId}`;
    await this.#send({ execute: command, arguments: args, id }, { fd });
    for (;;) {
      const reply = this.#takeReply(id, command);
      if (reply !== undefined) return reply.value;
      const progress = await this.#read(deadline);
      if (progress !== "messages") {
        throw new QmpTimeoutError(command, timeoutMs);
      }
    }
  }

  /** A mark in the stream of events: what comes later counts as since. */
  mark(): number {
    return this.#forgotten + this.#events.length;
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
      const fresh = this.#events.slice(Math.max(next - this.#forgotten, 0));
      const found = fresh.find(match);
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

  #expectReady(command: string) {
    if (this.#state === "ready") return;
    throw new QmpClosedError(`cannot send ${command}: the session has ended`);
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
      throw new QmpClosedError("QEMU closed the QMP socket", { cause: error });
    }
  }

  #takeReply(id: string, command: string): { value: unknown } | undefined {
    const replies = this.#replies;
    this.#replies = [];
    for (const reply of replies) {
      if (reply.kind === "error" && (reply.id === id || reply.id == null)) {
        throw new QmpCommandError(command, reply.class, reply.desc);
      }
      // A reply with another id answers a command we no longer wait for.
      if (reply.kind === "return" && reply.id === id) return reply;
    }
    return undefined;
  }

  /** Reads what there is, or waits for something to come. */
  async #read(deadline: number, signal?: AbortSignal): Promise<Progress> {
    for (;;) {
      const left = deadline - performance.now();
      if (left <= 0) return "timeout";
      const bytes = this.#receive();
      if (bytes !== "would-block") {
        return this.#accept(this.#buffer.subarray(0, bytes));
      }
      const ready = await this.#socket.waitReadable(
        signal ? { timeoutMs: left, signal } : { timeoutMs: left },
      );
      if (ready !== "readable") return ready;
    }
  }

  #receive(): number | "would-block" {
    let bytes: number | "would-block";
    try {
      bytes = this.#socket.receive(this.#buffer);
    } catch (error) {
      this.close();
      throw new QmpClosedError("QEMU closed the QMP socket", { cause: error });
    }
    if (bytes === 0) {
      this.close();
      throw new QmpClosedError("QEMU closed the QMP socket");
    }
    return bytes;
  }

  #accept(chunk: Uint8Array): Progress {
    try {
      for (const line of this.#framer.push(chunk)) this.#dispatch(line);
      return "messages";
    } catch (error) {
      if (error instanceof QmpProtocolError) this.close();
      throw error;
    }
  }

  #dispatch(line: Uint8Array) {
    const message = readMessage(line);
    this.#options.trace?.("receive", new TextDecoder().decode(line));
    switch (message.kind) {
      case "greeting":
        this.#version ??= message.version;
        return;
      case "event":
        this.#events.push(message.event);
        if (this.#events.length > MAX_EVENTS) {
          this.#events.shift();
          this.#forgotten++;
        }
        return;
      case "return":
      case "error":
        this.#replies.push(message);
        return;
      default:
        message satisfies never;
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
