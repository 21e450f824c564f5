/**
 * The least a client can do: sends given commands over a session that stands
 * already, and tells how long QEMU took. Nothing is planned, checked or
 * written; one thread, which sleeps in poll(2) only.
 *
 * @module
 */

import type { Fd } from "../../lib/sys/fd.ts";
import { POLL } from "../../lib/sys/layout.ts";
import { pollSync } from "../../lib/sys/poll.ts";
import { UnixSocket } from "../../lib/sys/unix_socket.ts";
import type { Batch, Command } from "./dialogue.ts";

const TIMEOUT_MS = 30_000;

interface Message {
  readonly id?: number;
  readonly error?: { readonly desc: string };
  readonly event?: string;
  readonly data?: { readonly device?: string };
}

/** One QMP session; owns its socket. */
export class MinimalClient implements Disposable {
  readonly #socket: UnixSocket;
  readonly #buffer = new Uint8Array(256 * 1024);
  readonly #decoder = new TextDecoder();
  #pending = "";
  #lastId = 0;
  /** QEMU may refuse them: a device may lack what is asked for. */
  readonly #questions = new Set<number>();
  #answered = 0;
  #released: string[] = [];

  private constructor(socket: UnixSocket) {
    this.#socket = socket;
  }

  /** Connects and negotiates. */
  static async connect(path: string): Promise<MinimalClient> {
    const socket = await UnixSocket.connect(path, { timeoutMs: TIMEOUT_MS });
    const client = new MinimalClient(socket);
    await client.time([[{ execute: "qmp_capabilities", withFd: false }]]);
    return client;
  }

  /**
   * Sends the batches one after the other.
   *
   * @param fd goes with the commands that want one; stays the caller's
   * @returns milliseconds from the first byte sent to the last reply, and to
   * the DEVICE_DELETED of what a device_del took out
   * @throws {Error} if QEMU refuses or does not answer
   */
  async time(batches: readonly Batch[], fd?: Fd): Promise<number> {
    // What others caused meanwhile is not waited for below.
    this.#takeWhatIsThere();
    this.#released = [];
    const messages = batches.flat().map((command) => this.#encode(command));
    let lastId = this.#lastId - messages.length;
    let next = 0;
    const begin = performance.now();
    for (const batch of batches) {
      for (const { withFd } of batch) {
        await this.#send(messages[next++], withFd ? fd : undefined);
      }
      lastId += batch.length;
      while (this.#answered < lastId) this.#wait(batch);
      this.#awaitReleases(batch);
    }
    return performance.now() - begin;
  }

  #encode({ execute, arguments: args }: Command): Uint8Array {
    const id = ++this.#lastId;
    if (/^(?:query|qom)-(?!set)/.test(execute)) this.#questions.add(id);
    const text = JSON.stringify({ execute, arguments: args, id });
    return new TextEncoder().encode(`${text}\n`);
  }

  async #send(bytes: Uint8Array = new Uint8Array(), fd?: Fd): Promise<void> {
    const timeoutMs = TIMEOUT_MS;
    await this.#socket.sendAll(bytes, fd ? { timeoutMs, fd } : { timeoutMs });
  }

  #awaitReleases(batch: Batch): void {
    for (const { execute, arguments: args } of batch) {
      if (execute !== "device_del") continue;
      while (!this.#released.includes(String(args?.id))) this.#wait(batch);
    }
  }

  #wait(batch: Batch): void {
    const request = { fd: this.#socket.fd, events: POLL.IN };
    const [ready] = pollSync([request], TIMEOUT_MS);
    const names = batch.map(({ execute }) => execute).join(", ");
    if (!ready) throw new Error(`QEMU does not answer ${names}`);
    this.#takeWhatIsThere();
  }

  #takeWhatIsThere(): void {
    for (;;) {
      const count = this.#socket.receive(this.#buffer);
      if (count === "would-block") return;
      if (count === 0) throw new Error("QEMU closed the QMP socket");
      const chunk = this.#buffer.subarray(0, count);
      this.#pending += this.#decoder.decode(chunk, { stream: true });
      const lines = this.#pending.split("\n");
      this.#pending = lines.pop() ?? "";
      for (const line of lines) this.#take(JSON.parse(line));
    }
  }

  #take({ id, error, event, data }: Message): void {
    const isAnswer = id !== undefined && this.#questions.has(id);
    if (error && !isAnswer) {
      throw new Error(`QEMU refuses command ${id}: ${error.desc}`);
    }
    if (id !== undefined) this.#answered = id;
    if (event === "DEVICE_DELETED" && data?.device) {
      this.#released.push(data.device);
    }
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
