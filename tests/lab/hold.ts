/**
 * A monitor that somebody else holds.
 *
 * @module
 */

/** A second process that is connected to a socket while the body runs. */
export async function withHolder(
  path: string,
  body: (pid: number) => Promise<void>,
): Promise<void> {
  // Where it lies is no part of its command line, which is shown cut.
  const program = "hold_monitor.ts";
  await using holder = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", program, path],
    cwd: import.meta.dirname ?? ".",
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = holder.stdout.getReader();
  await reader.read();
  try {
    await body(holder.pid);
  } finally {
    await holder.stdin.close();
    await reader.cancel();
    await holder.status;
  }
}
