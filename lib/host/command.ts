/**
 * Programs of this node, run without a shell, with an end.
 *
 * @module
 */

import { HotplugError, messageOf } from "../errors.ts";

/** How a program is run. */
export interface CommandOptions {
  /** After the program's name; no shell sees them. */
  readonly args: readonly string[];
  /** Added to our own environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Given on its standard input. */
  readonly input?: string;
  /** Longest run, in milliseconds. */
  readonly timeoutMs: number;
}

/** No more of a program's output is kept than this, in bytes. */
const MAX_OUTPUT = 4_000;

function shorten(output: Uint8Array[]): string {
  const text = output.map((part) => new TextDecoder().decode(part)).join("");
  return text.trim().slice(-MAX_OUTPUT).replaceAll(/\s*\n\s*/g, "; ");
}

async function finish(
  process: Deno.ChildProcess,
  input: string | undefined,
): Promise<Deno.CommandOutput> {
  if (input !== undefined) {
    const writer = process.stdin.getWriter();
    await writer.write(new TextEncoder().encode(input)).catch(() => {});
    await writer.close().catch(() => {});
  }
  return await process.output();
}

/**
 * Runs a program to its end.
 *
 * @throws {HotplugError} `host-error` if it cannot be started, does not end in
 * time (it is then killed) or fails; its output is in the message
 */
export async function runCommand(
  program: string,
  { args, environment = {}, input, timeoutMs }: CommandOptions,
): Promise<void> {
  const failed = (why: string, cause?: unknown) =>
    new HotplugError("host-error", `${program} ${args.join(" ")} ${why}`, {
      cause,
    });
  let output: Deno.CommandOutput;
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const process = new Deno.Command(program, {
      args: [...args],
      env: environment,
      cwd: "/",
      stdin: input === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
      signal,
    }).spawn();
    output = await finish(process, input);
  } catch (error) {
    throw failed(`cannot be run: ${messageOf(error)}`, error);
  }
  if (signal.aborted) {
    throw failed(`did not end within ${timeoutMs / 1000} s`);
  }
  if (output.success) return;
  const text = shorten([output.stdout, output.stderr]);
  const how = output.signal ?? `exit code ${output.code}`;
  throw failed(`failed (${how})${text === "" ? "" : `: ${text}`}`);
}
