/**
 * A file system that hangs: its server has stopped reading.
 *
 * @module
 */

import { openFile } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import { unmount } from "../../lib/sys/mount.ts";

const PROGRAM = new URL("mute_fuse.py", import.meta.url).pathname;

/** The last kind of request that is answered. */
export type LastAnswered = "INIT" | "LOOKUP" | "OPEN" | "READ";

/** Whether this machine can have one. */
export function hasFuse(): boolean {
  try {
    Deno.openSync("/dev/fuse", { read: true, write: true }).close();
    return Deno.uid() === 0;
  } catch {
    return false;
  }
}

/** Owns the mount and its server. Every name in it is a file. */
export class MuteFuse implements AsyncDisposable {
  readonly #parent = Deno.makeTempDirSync({ prefix: "kvm-hotplug-mute-" });
  /** Where it is mounted. */
  readonly path = `${this.#parent}/fuse`;
  readonly #server: Deno.ChildProcess;

  private constructor(last: LastAnswered) {
    Deno.mkdirSync(this.path);
    this.#server = new Deno.Command("python3", {
      args: [PROGRAM, this.path, last],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
  }

  /**
   * Mounts one.
   *
   * @param last after the first such request it reads no more
   */
  static async mount(last: LastAnswered): Promise<MuteFuse> {
    const fuse = new MuteFuse(last);
    const reader = fuse.#server.stdout.getReader();
    const { value } = await reader.read();
    reader.releaseLock();
    if (value !== undefined) return fuse;
    await fuse[Symbol.asyncDispose]();
    throw new Error("The FUSE file system could not be mounted");
  }

  /** Ends the server: all that hangs goes on, with ENOTCONN. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stdin.close().catch(() => {});
    await this.#server.stdout.cancel();
    await this.#server.status;
    // No program is started for it: a new one closes all descriptors it was
    // born with, and where another such file is open, it would hang.
    using parent = openFile(this.#parent, O.PATH | O.DIRECTORY);
    unmount(parent, "fuse");
    Deno.removeSync(this.#parent, { recursive: true });
  }
}
