/**
 * A program that answers lines with lines.
 *
 * @module
 */

import { within } from "../../tools/guest/deadline.ts";

/** How it is started. */
export interface LineProcessOptions {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const DEADLINE_MS = 60_000;

/** Owns the process, which ends when its input does. */
export class LineProcess implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: AsyncIterator<string>;

  constructor(program: string, { args, env }: LineProcessOptions) {
    this.#process = new Deno.Command(program, {
      args: [...args],
      env: { ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#writer = this.#process.stdin.getWriter();
    this.#lines = linesOf(this.#process.stdout)[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Sends a JSON document and awaits the next one that comes. */
  async ask(message: unknown): Promise<unknown> {
    const line = JSON.stringify(message) + "\n";
    await this.#writer.write(new TextEncoder().encode(line));
    const { value, done } = await within(
      this.#lines.next(),
      DEADLINE_MS,
      `answer to ${line.slice(0, 80)}`,
    );
    if (done) throw new Error("The program has ended");
    return JSON.parse(value);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close();
    await within(this.#process.status, DEADLINE_MS, "end of the program");
    await this.#lines.return?.();
  }
}

async function* linesOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
