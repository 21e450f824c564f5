/**
 * The two directions of a session's socket, without what the messages mean.
 *
 * @module
 */

import { isShortage } from "../errors.ts";
import { DeadlineError } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import { pause } from "../sys/pause.ts";
import { UnixSocket } from "../sys/unix_socket.ts";
import {
  QmpClosedError,
  QmpNoGreetingError,
  QmpProtocolError,
  QmpTimeoutError,
} from "./errors.ts";
import { Inbox } from "./inbox.ts";
import type { QmpTrace } from "./session_options.ts";

/** What one read came to. */
export type Progress = "messages" | "timeout" | "aborted";

/** Of all streams: what was read is copied before anything else happens. */
const buffer = new Uint8Array(64 * 1024);
/** Longest time that reading may keep the event loop waiting, in ms. */
const BREATH_MS = 50;
/** What is read at most of a stream that is about to be closed, in bytes. */
const MAX_REST = 1024 * 1024;

/** A connected stream of messages; it owns its socket. */
export class QmpStream {
  /** Whatever was received. */
  readonly inbox: Inbox = new Inbox();
  /** The command whose reply is awaited, for messages. */
  command = "qmp_capabilities";
  /** Whether it has ended. */
  isClosed = false;
  #lastBreath = performance.now();
  readonly #socket: UnixSocket;
  readonly #trace: QmpTrace | undefined;

  private constructor(socket: UnixSocket, trace: QmpTrace | undefined) {
    this.#socket = socket;
    this.#trace = trace;
  }

  /**
   * Connects.
   *
   * @param timeoutMs longest wait for a place in the socket's queue
   * @throws {SysError} if nobody listens there
   * @throws {QmpNoGreetingError} if the queue stays full
   */
  static async connect(
    path: string,
    timeoutMs: number,
    trace: QmpTrace | undefined,
  ): Promise<QmpStream> {
    trace?.("connect", path);
    try {
      const socket = await UnixSocket.connect(path, { timeoutMs });
      return new QmpStream(socket, trace);
    } catch (error) {
      // The backlog stayed full: others wait for the same monitor.
      const full = error instanceof DeadlineError;
      throw full ? new QmpNoGreetingError(timeoutMs) : error;
    }
  }

  /** Credentials of whoever listens on the socket; may be a proxy. */
  peer() {
    return this.#socket.peerCredentials();
  }

  /** Ends the stream. */
  close(): void {
    this.isClosed = true;
    this.#socket.close();
  }

  /**
   * Sends messages, all in one piece.
   *
   * @param fd goes with the first byte; stays the caller's to close
   * @param timeoutMs longest wait for the peer to take them
   * @throws {QmpTimeoutError} | {QmpClosedError} | {ShortageError} the stream
   * has then ended
   */
  async send(
    lines: readonly string[],
    { fd, timeoutMs }: { fd?: Fd | undefined; timeoutMs: number },
  ): Promise<void> {
    if (this.isClosed) {
      throw new QmpClosedError(
        `cannot send ${this.command}: the session has ended`,
      );
    }
    for (const line of lines) this.#trace?.("send", line, fd);
    const bytes = new TextEncoder()
      .encode(lines.map((line) => `${line}\r\n`).join(""));
    try {
      await this.#socket.sendAll(bytes, { timeoutMs, fd });
    } catch (error) {
      // Half a command may be out: this stream cannot be used any more.
      this.close();
      if (error instanceof DeadlineError) {
        throw new QmpTimeoutError(this.command, timeoutMs);
      }
      throw this.#endBy(error);
    }
  }

  /**
   * Reads what there is, or waits for something to come.
   *
   * @param deadline on the clock of `performance.now()`
   * @param signal ends the wait at once
   * @throws {QmpClosedError} | {QmpProtocolError} the stream has then ended
   * @throws {ShortageError}
   */
  async read(deadline: number, signal?: AbortSignal): Promise<Progress> {
    for (let isReady = false;;) {
      const left = Math.max(deadline - performance.now(), 0);
      // What came in time is read, however late we are told of it.
      if (left === 0 && !isReady) return "timeout";
      if (signal?.aborted) return "aborted";
      const bytes = this.#receive();
      if (bytes === 0) throw this.#endBy(undefined);
      if (bytes !== "would-block") {
        const progress = this.#accept(buffer.subarray(0, bytes));
        await this.#breathe();
        return progress;
      }
      const ready = await this.#socket.waitReadable(
        { timeoutMs: left, signal },
      );
      if (ready !== "readable") return ready;
      isReady = true;
    }
  }

  /** Takes what has come already, up to some size, and fails for nothing. */
  readRest(): void {
    try {
      for (let bytes = 0; !this.isClosed && bytes < MAX_REST;) {
        const count = this.#receive();
        if (typeof count !== "number" || count === 0) return;
        this.#accept(buffer.subarray(0, count));
        bytes += count;
      }
    } catch {
      // The stream has ended, or is none of QMP: nothing more comes.
    }
  }

  /** A peer that never pauses must not keep timers and signals waiting. */
  async #breathe(): Promise<void> {
    if (performance.now() - this.#lastBreath < BREATH_MS) return;
    await pause(0);
    this.#lastBreath = performance.now();
  }

  #receive(): number | "would-block" {
    try {
      return this.#socket.receive(buffer);
    } catch (error) {
      throw this.#endBy(error);
    }
  }

  #endBy(cause: unknown): Error {
    this.close();
    if (isShortage(cause)) return cause;
    return new QmpClosedError(
      `QEMU closed the QMP socket during or after ${this.command}`,
      { cause },
    );
  }

  #accept(chunk: Uint8Array): Progress {
    try {
      const trace = this.#trace;
      this.inbox.accept(chunk, trace && ((text) => trace("receive", text)));
      return "messages";
    } catch (error) {
      if (error instanceof QmpProtocolError) this.close();
      throw error;
    }
  }
}
