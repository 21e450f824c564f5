/**
 * The results of the set-up for code that starts machines.
 *
 * @module
 */

/** One QEMU that can be started. */
export interface QemuRelease {
  /** Major and minor version: "7.2", "10.0". */
  readonly name: string;
  /** The whole version: "7.2.22". */
  readonly version: string;
  readonly binary: string;
  /** `-L` options it needs to find its firmware; empty if installed. */
  readonly dataArgs: readonly string[];
}

/** All that a throw-away machine needs. */
export interface Tools {
  /** Path of the guest's kernel image. */
  readonly kernel: string;
  /** Path of the guest's initrd. */
  readonly initrd: string;
  /** At least one; the installed one first. */
  readonly qemus: readonly QemuRelease[];
}

/** Tells the person what is done, one line each. */
export type Log = (line: string) => void;
