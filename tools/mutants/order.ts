/**
 * The tests that may notice a fault, and their order.
 *
 * @module
 */

import type { Coverage } from "./cover.ts";
import type { Mutant } from "./mutate.ts";
import type { Group } from "./run.ts";

/** Tests of the rooms that take longer are run by themselves, and late. */
const QUICK_SECONDS = 20;

/**
 * Deno reports a line as not run if it ends in code that was not run, such as
 * an `if` with a false condition: lines this near count for each other.
 */
const NEAR = 2;

/** The data for the order of the tests. */
export interface Known {
  readonly coverage: Coverage;
  /** How often a test has noticed a fault of the same file. */
  readonly fame: (test: string) => number;
  /** Seconds of the tests with real guests; their lines are not measured. */
  readonly guests: Readonly<Record<string, number>>;
}

/**
 * The tests that cover a fault's line, most likely and quickest first; tests
 * with real guests by a similar name.
 */
export function groupsOf(
  { path, line }: Pick<Mutant, "path" | "line">,
  { coverage, fame, guests }: Known,
): Record<"rooms" | "others" | "guests", Group[]> {
  const all = Object.values(coverage);
  // A file that is newer than all measures counts as covered by the tests that
  // cover others of its room.
  const isNew = all.every(({ lines }) => lines[path] === undefined);
  const room = path.replace(/[^/]*$/, "");
  const runs = ({ lines }: Coverage[string]) =>
    isNew
      ? Object.entries(lines).some(([file, some]) =>
        file.startsWith(room) && some.length > 0
      )
      : lines[path]?.some((one) => Math.abs(one - line) <= NEAR);
  const tests = Object.entries(coverage)
    .filter(([, one]) => runs(one))
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
  const [kin, rest] = parted(
    quick,
    ({ test }) => fame(test) > 0 || test.split("/")[1] === path.split("/")[1],
  );
  const words = new Set(path.split(/\W|_/).slice(1, -1));
  const likely = ({ test }: { test: string }) =>
    fame(test) + test.split(/\W|_/).filter((word) => words.has(word)).length;
  type Test = { readonly test: string; readonly seconds: number };
  const worth = (one: Test) => (1 + likely(one)) / one.seconds;
  const byWorth = (tests: readonly Test[]) =>
    tests.toSorted((a, b) => worth(b) - worth(a))
      .map(({ test, seconds }) => ({ files: [test], seconds }));
  return {
    rooms: [own, kin, rest].filter(({ length }) => length > 0).map((group) => ({
      files: group.map(({ test }) => test),
      seconds: sum(group.map(({ seconds }) => seconds)) / PATIENT,
    })),
    others: byWorth(slow),
    guests: byWorth(
      Object.entries(guests).map(([test, seconds]) => ({ test, seconds }))
        .filter((one) => likely(one) > 0),
    ),
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
