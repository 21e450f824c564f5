/**
 * Which mutants are tried, and what each is called.
 *
 * @module
 */

import type { Mutant } from "./mutate.ts";

/** A fault without a visible effect; the number of a line would change. */
export interface Equivalent {
  readonly path: string;
  /** Its line's text without the blanks around it. @default any line's */
  readonly text?: string;
  readonly was: string;
  readonly now: string;
  /** For readers of the list. */
  readonly why: string;
}

/** Whether the list has it. */
export function isEquivalent(
  { path, text, was, now }: Mutant,
  list: readonly Equivalent[],
): boolean {
  return list.some((one) =>
    one.path === path && (one.text ?? text) === text && one.was === was &&
    one.now === now
  );
}

/** FNV-1a: the same for the same text, and even enough. */
function hash(text: string): number {
  let sum = 0x811c9dc5;
  for (const char of text) {
    sum = Math.imul(sum ^ (char.codePointAt(0) ?? 0), 0x01000193);
  }
  return sum >>> 0;
}

/** At most `max` of them, in their order; the same for the same seed. */
export function sampleOf(
  mutants: readonly Mutant[],
  { max, seed }: { max: number; seed: string },
): Mutant[] {
  const ranks = new Map(
    mutants.map((one) => [one, hash(`${seed} ${nameOf(one)} ${one.start}`)]),
  );
  const rank = (one: Mutant) => ranks.get(one) ?? 0;
  const chosen = mutants.toSorted((a, b) => rank(a) - rank(b)).slice(0, max);
  return chosen.toSorted((a, b) =>
    a.path < b.path ? -1 : a.path > b.path ? 1 : a.start - b.start
  );
}

/** One line: the place, the old text and the new text. */
export function nameOf({ path, line, kind, was, now }: Mutant): string {
  const [from, to] = [was, now].map((text) => text.replaceAll(/\s+/g, " "));
  return `${path}:${line} ${kind}: ${from} → ${to || "(nothing)"}`;
}
