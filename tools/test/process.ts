/**
 * One process of tests, which may hang, or leave others that hold its pipes.
 *
 * @module
 */

import { networkOf, processesIn } from "./own_network.ts";

/** How a process ended. */
export interface Ended {
  readonly success: boolean;
  /** Whether it was ended because its time was over. */
  readonly late: boolean;
  /** Its text on both outputs. */
  readonly output: string;
}

/** Leaders of the process groups that run now. */
const running = new Set<number>();

/** Kills what runs. */
export function endAll(): void {
  for (const leader of running) killAll(leader);
}

/**
 * Runs a command to its end, at most so long. Then it, its process group and
 * whatever else runs in its network namespace, if it has one of its own, are
 * killed.
 *
 * The output goes to a file: a pipe has no end before the last process that
 * holds it.
 *
 * @param options.log a file to be made.
 */
export async function runWithin(
  command: readonly string[],
  { cwd, log, limitMs }: { cwd: string; log: string; limitMs: number },
): Promise<Ended> {
  const child = new Deno.Command("sh", {
    args: ["-c", 'exec >"$0" 2>&1; exec "$@"', log, ...command],
    cwd,
    stdin: "null",
    env: { NO_COLOR: "1" },
    detached: true, // a process group of its own
  }).spawn();
  running.add(child.pid);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    killAll(child.pid);
  }, limitMs);
  const { success } = await child.status;
  running.delete(child.pid);
  clearTimeout(timer);
  return { success, late, output: await Deno.readTextFile(log) };
}

function killAll(leader: number): void {
  const network = networkOf(leader);
  kill(-leader);
  if (network === undefined || network === networkOf("self")) return;
  for (const pid of processesIn(network)) kill(pid);
}

function kill(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    // It ended meanwhile.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
