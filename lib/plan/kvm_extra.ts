/**
 * What a VM must be started with, for hvparam `kvm_extra`. Pure.
 *
 * @module
 */

import type { StartOption } from "./kind.ts";

/**
 * The words for `kvm_extra`: QEMU merges the options of `-m` and of `-smp`. They
 * have two dashes: behind `-m` and `-smp` Ganeti expects the number that it
 * wrote there itself, and raises at anything else (SPEC 13); it passes over
 * `--m` and `--smp`, which mean the same to QEMU.
 *
 * @returns null without options
 */
export function kvmExtra(options: readonly StartOption[]): string | null {
  const groups = Map.groupBy(options, ({ option }) => option);
  const words = [...groups].map(([option, all]) =>
    `--${option} ${[...new Set(all.map(({ value }) => value))].join()}`
  );
  return words.length === 0 ? null : words.join(" ");
}

/** What a person can do, with the words that {@linkcode kvmExtra} gives. */
export function startHint(words: string): string {
  return `for the next start, add to hvparam kvm_extra: ${words}`;
}
