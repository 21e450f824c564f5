/**
 * Running Deno for a build step: the one that runs us, or another.
 *
 * @module
 */

/** How a step ended. */
export interface Finished {
  readonly status: number;
  /** One line about a failure. */
  readonly reason: string;
}

/**
 * Runs Deno to its end; its standard output is thrown away.
 *
 * @param options.command how Deno is run. @default the one that runs us
 * @param options.cwd its working directory. @default ours
 * @param options.env variables beside ours. @default none
 */
export async function runDeno(
  args: readonly string[],
  options: {
    command?: readonly string[];
    cwd?: string;
    env?: Record<string, string>;
  } = {},
): Promise<Finished> {
  const { cwd, env, command = [Deno.execPath()] } = options;
  const [program = "", ...before] = command;
  const { code, stderr } = await new Deno.Command(program, {
    args: [...before, ...args],
    // A trace of Deno's own frames would hide the one line that matters.
    env: { NO_COLOR: "1", RUST_BACKTRACE: "0", ...env },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    ...(cwd === undefined ? {} : { cwd }),
  }).output();
  return { status: code, reason: lastCause(new TextDecoder().decode(stderr)) };
}

/** The innermost of Deno's "Caused by", without its number. */
function lastCause(stderr: string): string {
  const [message = ""] = stderr.split("\nStack backtrace:");
  const line = message.trim().split("\n").at(-1) ?? "";
  return line.trim().replace(/^\d+: /, "").replace(/^error: /, "");
}
