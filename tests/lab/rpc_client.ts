/**
 * A master: speaks to `kvm-hotplug rpc`, which runs in this process.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { main } from "../../lib/cli/main.ts";
import { responseOf } from "../support/document.ts";
import type { Doc } from "./runtime_text.ts";

const DEADLINE_MS = 10_000;

/** A promise's value, within a deadline. */
async function soon<T>(promise: Promise<T>, what: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`no ${what} within ${DEADLINE_MS} ms`)),
    DEADLINE_MS,
  );
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Owns one run of `rpc`. */
export class RpcClient implements AsyncDisposable {
  /** The exit status, when it has ended. */
  readonly ended: Promise<number>;
  /** What it wrote on stderr. */
  err = "";
  readonly #lines: string[] = [];
  readonly #input = new TransformStream<Uint8Array, Uint8Array>(
    undefined,
    { highWaterMark: 1000 },
  );
  readonly #writer = this.#input.writable.getWriter();
  readonly #stop = new AbortController();
  #arrived = Promise.withResolvers<void>();
  #reader: "reads" | "has gone" = "reads";
  #lastId = 0;

  constructor(...args: readonly string[]) {
    this.ended = main({
      args: ["rpc", ...args],
      env: () => undefined,
      signal: this.#stop.signal,
      stdoutIsTerminal: false,
      stderrIsTerminal: false,
      readInput: () => "",
      out: (text) => this.#take(text),
      err: (text) => this.err += text,
      streams: () => ({
        input: this.#input.readable,
        write: (text) => {
          if (this.#reader === "has gone") return Promise.resolve("gone");
          this.#take(text);
          return Promise.resolve("written");
        },
      }),
    });
  }

  #take(text: string) {
    assertEquals(text.indexOf("\n"), text.length - 1, "one line a write");
    this.#lines.push(text);
    this.#arrived.resolve();
  }

  /** Sends text as it is. */
  async sendText(text: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(text));
  }

  /** Sends a request. */
  async send(request: Doc): Promise<void> {
    const message = { jsonrpc: "2.0", ...request };
    await this.sendText(JSON.stringify(message) + "\n");
  }

  /** The next line that comes. */
  async answer(method?: string): Promise<Doc> {
    while (this.#lines.length === 0) {
      this.#arrived = Promise.withResolvers();
      await soon(this.#arrived.promise, "answer");
    }
    return responseOf(this.#lines.shift() ?? "", method);
  }

  /** Sends a request and awaits its answer, which must be the next one. */
  async call(method: string, params?: unknown): Promise<Doc> {
    const id = ++this.#lastId;
    await this.send({
      id,
      method,
      ...(params === undefined ? {} : { params }),
    });
    const answer = await this.answer(method);
    assertEquals([answer.jsonrpc, answer.id], ["2.0", id]);
    return answer;
  }

  /** Whoever reads the answers goes away. */
  readerGoes(): void {
    this.#reader = "has gone";
  }

  /** A signal comes. */
  signal(): void {
    this.#stop.abort();
  }

  /** Ends the input and awaits the end; no answer may be left over. */
  async end(): Promise<number> {
    await this.#writer.close();
    const status = await soon(this.ended, "end");
    assertEquals(this.#lines, []);
    return status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await soon(this.ended, "end");
  }
}

/** An error's code and that of its document. */
export function codes(answer: Doc): unknown[] {
  const { code, data } = answer.error as Doc;
  const document = data as Doc;
  return [code, (document.error as Doc).code];
}
