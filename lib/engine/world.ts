/**
 * What steps act on, and the values that exist only while they run.
 *
 * @module
 */

import type { LeftAlone } from "../host/access_record.ts";
import { QmpSession } from "../qmp/client.ts";
import { QmpClosedError } from "../qmp/errors.ts";
import type { SessionOptions } from "../qmp/session_options.ts";
import type { Watcher } from "../state/waiting.ts";
import type { Fd } from "../sys/fd.ts";

/** How a world reaches QEMU, and how long it waits. */
export interface WorldOptions extends SessionOptions {
  /** Where a new session is opened, should the first one end. */
  readonly qmpPath: string;
  /** Longest wait for the guest to release a device, in milliseconds. */
  readonly unplugTimeoutMs: number;
  /** Ends a wait for the guest at once. */
  readonly signal?: AbortSignal | undefined;
  /** Asked every second of a wait for the guest: a no ends it. */
  readonly isWanted?: (() => boolean) | undefined;
  /** Told every second of a wait for the guest. */
  readonly waiting?: Watcher | undefined;
}

/** Owns the session and every fd on its way to QEMU. */
export class World implements Disposable {
  /** Also those of a session that is opened anew. */
  readonly options: WorldOptions;
  /** Values that steps found out: `tap`, the texts staged changes base on. */
  readonly values = new Map<string, string>();
  /** What steps found to be another's by now, and left alone. */
  readonly leftAlone: LeftAlone[] = [];
  readonly #fds = new Map<string, Fd>();
  #session: QmpSession | undefined;

  /** Takes over the session; there is none if the VM does not run. */
  constructor(session: QmpSession | undefined, options: WorldOptions) {
    this.#session = session;
    this.options = options;
  }

  /** Whether there is a QEMU to ask. */
  get hasQemu(): boolean {
    return this.#session !== undefined;
  }

  /**
   * The session; may have ended.
   *
   * @throws {QmpClosedError} if there never was one
   */
  get qmp(): QmpSession {
    if (this.#session !== undefined) return this.#session;
    throw new QmpClosedError("The VM does not run");
  }

  /** Opens a new session if the old one has ended: undoing needs one. */
  async reconnect(): Promise<void> {
    if (this.qmp.state !== "closed") return;
    this.#session = await QmpSession.open(this.options.qmpPath, this.options);
  }

  /** Keeps an fd under a name; it is then ours to close. */
  keepFd(name: string, fd: Fd): void {
    this.#fds.get(name)?.close();
    this.#fds.set(name, fd);
  }

  /** An fd that a step can do without; stays ours. */
  heldFd(name: string): Fd | undefined {
    return this.#fds.get(name);
  }

  /**
   * An fd that is kept here, and stays ours.
   *
   * @throws {TypeError} if no step before opened it
   */
  fd(name: string): Fd {
    const fd = this.#fds.get(name);
    if (fd === undefined) throw new TypeError(`no step opened fd ${name}`);
    return fd;
  }

  /** Remembers what a person is to be told of, if there is anything. */
  leave(one: LeftAlone | undefined): void {
    if (one !== undefined) this.leftAlone.push(one);
  }

  /** Closes our copy, if there is one; QEMU's own stays open. */
  closeFd(name: string): void {
    this.#fds.get(name)?.close();
    this.#fds.delete(name);
  }

  /** Closes every fd whose name begins so. */
  closeFds(prefix: string): void {
    for (const name of [...this.#fds.keys()]) {
      if (name.startsWith(prefix)) this.closeFd(name);
    }
  }

  /**
   * A value that exists only at run time.
   *
   * @throws {TypeError} if no step before found it out
   */
  value(name: string): string {
    const value = this.values.get(name);
    if (value === undefined) throw new TypeError(`no step made value ${name}`);
    return value;
  }

  /** Closes every fd that is still here, and the session. */
  [Symbol.dispose](): void {
    this.closeFds("");
    this.#session?.close();
  }
}
