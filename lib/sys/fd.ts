/**
 * An open file descriptor with an owner.
 *
 * @module
 */

import { libc } from "./libc.ts";

/**
 * Owns one file descriptor and closes it once.
 *
 * @example
 * ```ts
 * import { openFile } from "./file.ts";
 * import { O } from "./layout.ts";
 *
 * using fd = openFile("/dev/null", O.RDWR);
 * console.log(fd.label); // /dev/null
 * ```
 */
export class Fd implements Disposable {
  /** The name of the descriptor, for messages. */
  readonly label: string;
  #number: number;

  /**
   * Takes over the ownership of `number`.
   *
   * @param number An open descriptor, at least 0.
   * @param label Its name, for messages. Default `fd N`.
   * @throws {RangeError} If `number` is not an integer of at least 0.
   */
  constructor(number: number, label?: string) {
    if (!Number.isInteger(number) || number < 0) {
      throw new RangeError(
        `A file descriptor must be at least 0: current value is ${number}`,
      );
    }
    this.#number = number;
    this.label = label ?? `fd ${number}`;
  }

  /**
   * The descriptor's number.
   *
   * @throws {Error} If it is closed: its number may belong to another file.
   */
  get number(): number {
    if (this.#number < 0) throw new Error(`${this.label} is closed already`);
    return this.#number;
  }

  /** Whether it was closed or released. */
  get isClosed(): boolean {
    return this.#number < 0;
  }

  /**
   * Closes it. A second call does nothing.
   *
   * A failure is not reported: Linux frees the number in every case (close(2),
   * "Dealing with error returns"), and fsync makes written data safe.
   */
  close(): void {
    if (this.#number < 0) return;
    const number = this.release();
    // SAFETY: no memory; the number is ours and is forgotten before, so it
    // cannot be closed twice.
    libc.close(number);
  }

  /** Closes it, unless it was closed or released before. */
  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Gives up the ownership without closing.
   *
   * @returns The number, now the caller's to close.
   * @throws {Error} If it is closed.
   */
  release(): number {
    const number = this.number;
    this.#number = -1;
    return number;
  }
}
