/**
 * Which tests may notice a fault, and in what order they are run.
 *
 * @module
 */

import type { Coverage } from "./cover.ts";
import type { Mutant } from "./mutate.ts";
import type { Group } from "./run.ts";

/** Tests of the rooms that take longer are run by themselves, and late. */
const QUICK_SECONDS = 4;

/**
 * The tests that cover a fault's line: most likely and quickest first.
 *
 * @param fame how often a test has noticed a fault of this file
 */
export function groupsOf(
  { path, line }: Pick<Mutant, "path" | "line">,
  coverage: Coverage,
  fame: (test: string) => number,
): { rooms: Group[]; others: Group[] } {
  const tests = Object.entries(coverage)
    .filter(([, { lines }]) => lines[path]?.includes(line))
    .map(([test, { seconds }]) => ({ test, seconds }))
    .sort((a, b) => a.seconds - b.seconds);
  // lib/ROOM/NAME.ts: tests/ROOM/NAME_test.ts, NAME_odd_test.ts.
  const mirrored = path.replace(/^lib\//, "tests/").replace(/\.ts$/, "_");
  const [own, others] = parted(tests, ({ test }) => test.startsWith(mirrored));
  const [slow, quick] = parted(
    others,
    ({ test, seconds }) =>
      test.startsWith("tests/integration/") || seconds > QUICK_SECONDS,
  );
  const words = new Set(path.split(/\W|_/).slice(1, -1));
  const likely = ({ test }: { test: string }) =>
    fame(test) + test.split(/\W|_/).filter((word) => words.has(word)).length;
  return {
    rooms: [own, quick].filter(({ length }) => length > 0).map((group) => ({
      files: group.map(({ test }) => test),
      seconds: sum(group.map(({ seconds }) => seconds)) / PATIENT,
    })),
    others: slow.toSorted((a, b) => likely(b) - likely(a))
      .map(({ test, seconds }) => ({ files: [test], seconds })),
  };
}

/** Together they take less: each was measured with a start of its own. */
const PATIENT = 3;

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}

function parted<T>(
  all: readonly T[],
  isFirst: (one: T) => boolean,
): [T[], T[]] {
  return [all.filter(isFirst), all.filter((one) => !isFirst(one))];
}
