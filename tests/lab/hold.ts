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
  const program = new URL("./hold_monitor.ts", import.meta.url).pathname;
  await using holder = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", program, path],
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
