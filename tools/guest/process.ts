/**
 * A daemon that must not outlive the test that started it.
 *
 * @module
 */
import { until } from "./deadline.ts";

/**
 * Watches over a process by its pid: kills it on {@link kill}, and also when
 * the process that made this object ends in whatever way.
 */
export class WatchedProcess {
  readonly pid: number;
  readonly #watchdog: Deno.ChildProcess;
  #over = false;

  constructor(pid: number) {
    this.pid = pid;
    // `read` fails when the other end of the pipe is gone, after a SIGKILL too:
    // then no other process can end this one.
    this.#watchdog = new Deno.Command("/bin/sh", {
      args: ["-c", 'read -r line || kill -KILL "$1"', "sh", String(pid)],
      stdin: "piped",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  /** Kills the process and returns when it is gone; idempotent. */
  async kill(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    if (await isAlive(this.pid)) Deno.kill(this.pid, "SIGKILL");
    await until(async () => await isAlive(this.pid) ? undefined : true, {
      what: `end of process ${this.pid}`,
    });
    const writer = this.#watchdog.stdin.getWriter();
    try {
      await writer.write(new TextEncoder().encode("over\n"));
      await writer.close();
    } catch {
      // The watchdog was ended from outside; its task is done anyway.
    }
    await this.#watchdog.status;
  }
}

/** False for a zombie too, once it holds no file any more. */
export async function isAlive(pid: number): Promise<boolean> {
  try {
    const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
    // proc_pid_stat(5): the state follows the name, which may hold ")".
    if (!/^\) [ZXx]/.test(stat.slice(stat.lastIndexOf(")")))) return true;
    // Its other threads may end later, and hold its files until then.
    const threads = await Array.fromAsync(Deno.readDir(`/proc/${pid}/task`));
    return threads.length > 1;
  } catch {
    return false;
  }
}
