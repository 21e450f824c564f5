/**
 * Runs one program and prints, as JSON, how it ended and its peak memory.
 *
 *     deno run -A tests/bench/peak.ts PROGRAM [ARGUMENT...]
 *
 * A process of its own: it becomes the parent of all that its descendants
 * leave behind.
 *
 * @module
 */

import { adoptOrphans, type ChildUsage, waitForChild } from "./rusage.ts";

/**
 * Starts the program in the background once told to, says its pid and ends.
 * It is told when the shell is gone and the program is ours to wait for.
 */
const ORPHAN = 'exec 3<&0; { read -r go <&3; exec "$@" 3<&-; } >/dev/null & ' +
  "echo $!";

async function measure(command: readonly string[]): Promise<ChildUsage> {
  adoptOrphans();
  const shell = new Deno.Command("/bin/sh", {
    args: ["-c", ORPHAN, "sh", ...command],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const go = shell.stdin.getWriter();
  const pid = Number(await new Response(shell.stdout).text());
  await shell.status;
  await go.write(new TextEncoder().encode("go\n"));
  await go.close();
  return waitForChild(pid);
}

/** Measures a program in a fresh process. */
export async function peakOf(command: readonly string[]): Promise<ChildUsage> {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", new URL(import.meta.url).pathname, ...command],
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`Cannot measure ${command.join(" ")}`);
  return JSON.parse(new TextDecoder().decode(stdout)) as ChildUsage;
}

if (import.meta.main) console.log(JSON.stringify(await measure(Deno.args)));
