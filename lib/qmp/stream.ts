/**
 * The two directions of a session's socket, without the meaning of the
 * messages.
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

/** The result of one read. */
export type Progress = "messages" | "timeout" | "aborted";

/**
 * Shared by all streams: read bytes are copied before anything else happens.
 */
const buffer = new Uint8Array(64 * 1024);
/** Longest time that reading may block the event loop, in ms. */
const BREATH_MS = 50;
/** The most that is read from a stream that is about to be closed, in bytes. */
const MAX_REST = 1024 * 1024;

/** A connected stream of messages; it owns its socket. */
export class QmpStream {
  /** All received messages. */
  readonly inbox: Inbox = new Inbox();
  /** The command with the awaited reply, for messages. */
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
   * @throws {SysError} if no process listens there
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
      // The backlog stayed full: other clients wait for the same monitor.
      const full = error instanceof DeadlineError;
      throw full ? new QmpNoGreetingError(timeoutMs) : error;
    }
  }

  /**
   * Credentials of the process that listens on the socket; it may be a proxy.
   */
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
      .encode(lines.map((line) => `${line}\n`).join(""));
    try {
      await this.#socket.sendAll(bytes, { timeoutMs, fd });
    } catch (error) {
      // Half a command may have been sent: this stream cannot be used any more.
      this.close();
      if (error instanceof DeadlineError) {
        throw new QmpTimeoutError(this.command, timeoutMs);
      }
      throw this.#endBy(error);
    }
  }

  /**
   * Reads the waiting bytes, or waits for bytes.
   *
   * @param deadline on the clock of `performance.now()`
   * @param signal ends the wait at once
   * @throws {QmpClosedError} | {QmpProtocolError} the stream has then ended
   * @throws {ShortageError}
   */
  async read(deadline: number, signal?: AbortSignal): Promise<Progress> {
    for (;;) {
      const left = Math.max(deadline - performance.now(), 0);
      if (left === 0) return "timeout";
      if (signal?.aborted) return "aborted";
      // QEMU answers one command after the other: most often there is nothing.
      const ready = await this.#socket.waitReadable(
        { timeoutMs: left, signal },
      );
      if (ready !== "readable") return ready;
      // Bytes that came in time are read, even if we learn of them late.
      const bytes = this.#receive();
      if (bytes === 0) throw this.#endBy(undefined);
      if (bytes === "would-block") continue;
      const progress = this.#accept(buffer.subarray(0, bytes));
      await this.#breathe();
      return progress;
    }
  }

  /** Takes the bytes that have arrived, up to a limit, and never fails. */
  readRest(): void {
    try {
      for (let bytes = 0; !this.isClosed && bytes < MAX_REST;) {
        const count = this.#receive();
        if (typeof count !== "number" || count === 0) return;
        this.#accept(buffer.subarray(0, count));
        bytes += count;
      }
    } catch {
      // The stream has ended, or does not speak QMP: nothing more comes.
    }
  }

  /** A peer that never pauses must not block timers and signals. */
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
