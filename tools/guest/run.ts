/**
 * Runs a program to its end, for the set-up of the test machines.
 *
 * @module
 */

/** How {@link run} starts a program. */
export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
}

/**
 * The standard output of a program that must succeed.
 *
 * @throws {Error} if it cannot be started or its exit status is not 0; the
 * message holds the last lines it wrote to stderr.
 */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  return new TextDecoder().decode(await runBytes(program, args, options));
}

/**
 * Like {@link run}, for output that is not text.
 *
 * @throws {Error} as {@link run} does.
 */
export async function runBytes(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  let result: Deno.CommandOutput;
  try {
    result = await new Deno.Command(program, {
      ...options,
      args: [...args],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).output();
  } catch (cause) {
    throw new Error(`Cannot run ${program}: ${cause}`, { cause });
  }
  if (result.success) return result.stdout;
  const stderr = new TextDecoder().decode(result.stderr).trim();
  const tail = stderr.split("\n").slice(-6).join("\n  ");
  throw new Error(
    `Cannot finish "${[program, ...args].join(" ")}": exit status ` +
      `${result.code}\n  ${tail}`,
  );
}

/** True if a file of this name is in a folder of PATH. */
export async function isInPath(program: string): Promise<boolean> {
  return await findInPath(program) !== undefined;
}

/** The first file of this name in the folders of PATH. */
export async function findInPath(
  program: string,
): Promise<string | undefined> {
  // Debian's sbin folders are not in the PATH of an ordinary user.
  const path = `${Deno.env.get("PATH") ?? ""}:/usr/sbin:/sbin:/usr/bin:/bin`;
  for (const folder of path.split(":")) {
    if (!folder.startsWith("/")) continue;
    if (await exists(`${folder}/${program}`)) return `${folder}/${program}`;
  }
  return undefined;
}

/** True if the path can be reached (one we may not look at cannot). Follows
 * links. */
export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    if (error instanceof Deno.errors.NotADirectory) return false;
    if (error instanceof Deno.errors.PermissionDenied) return false;
    throw error;
  }
}
