/**
 * The executable: the only place with Deno.exit, Deno.args and signals.
 *
 * @module
 */

import { isTakenAtOnce, main } from "./lib/cli/main.ts";

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.addSignalListener(signal, () => stop.abort());
}

const stdoutIsTerminal = Deno.stdout.isTerminal();

const stderrIsTerminal = Deno.stderr.isTerminal();

function columns(): number | undefined {
  if (!stdoutIsTerminal && !stderrIsTerminal) return undefined;
  try {
    // A terminal that does not know its size says 0.
    return Deno.consoleSize().columns || undefined;
  } catch {
    return undefined;
  }
}

/** Whether the reader has closed the pipe: INTERFACE, promise 7. */
function isGone(error: unknown): boolean {
  // What a terminal that was hung up answers.
  const hungUp = stdoutIsTerminal && error instanceof Error &&
    "code" in error && error.code === "EIO";
  return hungUp || error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.BadResource;
}

/**
 * Writes all of a text; a reader that has gone is no reason to fail.
 *
 * @throws if it cannot be written for another reason, such as a full disk
 */
function writer(stream: typeof Deno.stdout) {
  return (text: string) => {
    let rest = new TextEncoder().encode(text);
    try {
      while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
    } catch (error) {
      // The status still tells what was done.
      if (!isGone(error)) throw error;
    }
  };
}

/** More on stdin than this is nothing that QEMU would take. */
const MAX_INPUT_BYTES = 16 * 1024 * 1024;

function readInput(): string {
  const decoder = new TextDecoder();
  const part = new Uint8Array(64 * 1024);
  let text = "";
  for (let count; (count = Deno.stdin.readSync(part)) !== null;) {
    text += decoder.decode(part.subarray(0, count), { stream: true });
    if (text.length > MAX_INPUT_BYTES) break;
  }
  return text + decoder.decode();
}

/**
 * Writes without keeping the program: its other work goes on.
 *
 * @throws if it cannot be written for another reason, such as a full disk
 */
async function write(text: string): Promise<"written" | "gone"> {
  let rest = new TextEncoder().encode(text);
  try {
    while (rest.length > 0) {
      // A thread for a short answer costs more than the answer.
      const written = isTakenAtOnce(rest.length)
        ? Deno.stdout.writeSync(rest)
        : await Deno.stdout.write(rest);
      rest = rest.subarray(written);
    }
    return "written";
  } catch (error) {
    if (!isGone(error)) throw error;
    return "gone";
  }
}

const writeErr = writer(Deno.stderr);
const status = await main({
  args: Deno.args,
  env: (name) => Deno.env.get(name),
  signal: stop.signal,
  out: writer(Deno.stdout),
  stdoutIsTerminal,
  stderrIsTerminal,
  columns: columns(),
  readInput,
  streams: () => ({
    // Who does not ask for it must leave stdin alone.
    get input() {
      return Deno.stdin.readable;
    },
    write,
  }),
  err: (text) => {
    try {
      writeErr(text);
    } catch {
      // No output is left for an error.
    }
  },
});
Deno.exit(status);
