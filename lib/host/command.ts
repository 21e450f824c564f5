/**
 * Runs programs of this node without a shell, with a time limit.
 *
 * @module
 */

import { HotplugError, messageOf } from "../errors.ts";
import { within } from "../sys/pause.ts";
import { untilStartable } from "../sys/slow_fd.ts";

/** Options of a run. */
export interface CommandOptions {
  /** Without the name of the program. */
  readonly args: readonly string[];
  /** Added to our own environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Its standard input. */
  readonly input?: string;
  /** Longest run, in milliseconds. */
  readonly timeoutMs: number;
}

/** That a program ended by itself, with a status other than 0. */
export class ExitCode extends Error {
  /** From 1 to 255. */
  readonly code: number;

  /** The status a program ended with. */
  constructor(code: number) {
    super(`exit code ${code}`);
    this.code = code;
  }
}

/** The longest part of a program's output that is kept, in characters. */
const MAX_OUTPUT = 4_000;

/**
 * A child that outlives the program may hold the pipes. Once the program has
 * ended, they are read for this time, in milliseconds.
 */
const LAST_WORDS_MS = 200;

/**
 * Longer than the longest wait for a call on a file of FUSE, in milliseconds.
 */
const START_TIMEOUT_MS = 6_000;

/** The end of a program's output. */
class Output {
  #text = "";
  readonly #reader: ReadableStreamDefaultReader<string>;
  /** Settled when the stream has ended. */
  readonly ended: Promise<void>;

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = stream.pipeThrough(new TextDecoderStream()).getReader();
    this.ended = this.#read();
  }

  get text(): string {
    return this.#text.trim().replaceAll(/\s*\n\s*/g, "; ");
  }

  stop(): void {
    this.#reader.cancel().catch(() => {});
  }

  async #read(): Promise<void> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return;
      this.#text = (this.#text + value).slice(-MAX_OUTPUT);
    }
  }
}

async function give(process: Deno.ChildProcess, input: string | undefined) {
  if (input === undefined) return;
  const writer = process.stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(input));
    await writer.close();
  } catch {
    // It ended without reading its input: its status tells whether this
    // matters.
  }
}

/** KILL: the time is over, and the program may ignore other signals. */
function kill(process: Deno.ChildProcess): void {
  try {
    process.kill("SIGKILL");
  } catch {
    // A program ended by itself, with a status other than 0.
  }
}

async function finish(process: Deno.ChildProcess, options: CommandOptions) {
  const outputs = [process.stdout, process.stderr]
    .map((stream) => new Output(stream));
  const given = give(process, options.input);
  let status: Deno.CommandStatus | undefined;
  try {
    status = await within(process.status, options.timeoutMs);
    if (status !== undefined) {
      const both = Promise.all([given, ...outputs.map(({ ended }) => ended)]);
      await within(both, LAST_WORDS_MS);
    }
  } finally {
    // Also if the wait itself failed, because no fd was left: the program must
    // not run beside our undo.
    if (status === undefined) kill(process);
    for (const output of outputs) output.stop();
  }
  const said = outputs.map(({ text }) => text).filter((text) => text !== "");
  return { status, text: said.join("; ") };
}

/**
 * Runs a program to its end.
 *
 * @returns the end of its output, lines joined by `; `
 * @throws {HotplugError} `host-error` if it cannot be started, does not end in
 * time (it is then killed) or fails; its output is in the message, its
 * {@linkcode ExitCode} the cause
 */
export async function runCommand(
  program: string,
  options: CommandOptions,
): Promise<string> {
  const failed = (why: string, cause?: unknown) =>
    new HotplugError(
      "host-error",
      [program, ...options.args, why].join(" "),
      { cause },
    );
  let process: Deno.ChildProcess;
  try {
    await untilStartable(START_TIMEOUT_MS);
    process = new Deno.Command(program, {
      args: [...options.args],
      env: options.environment ?? {},
      cwd: "/",
      stdin: options.input === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    throw failed(`cannot be run: ${messageOf(error)}`, error);
  }
  const { status, text } = await finish(process, options);
  const said = text === "" ? "" : `: ${text}`;
  if (status === undefined) {
    throw failed(`did not end within ${options.timeoutMs / 1000} s${said}`);
  }
  if (status.success) return text;
  const cause = new ExitCode(status.code);
  throw failed(`failed (${status.signal ?? cause.message})${said}`, cause);
}
