/**
 * Counts tests from the JUnit file that `deno test` writes.
 *
 * @module
 */

export interface Count {
  readonly passed: number;
  readonly failed: number;
  /**
   * What failed: the test's name and the first line of its message. A test
   * whose steps failed counts as one failure more, and is not named again.
   */
  readonly failures: readonly string[];
  /** Names of the tests that were not run. */
  readonly skipped: readonly string[];
}

const CASE = /<testcase name="([^"]*)"[^>]*?(?:\/>|>([\s\S]*?)<\/testcase>)/g;

/** Characters of a message that are shown. */
const LONGEST = 200;

const FAILURE = /<(?:failure|error)\b(?: message="([^"]*)")?/;

const ENTITIES: Readonly<Record<string, string>> = {
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&apos;": "'",
  "&#39;": "'",
  "&amp;": "&",
};

function plain(xml: string): string {
  return xml.replaceAll(/&[#\w]+;/g, (entity) => ENTITIES[entity] ?? entity);
}

/** Counts the test cases of a JUnit document. */
export function countCases(xml: string): Count {
  let passed = 0;
  const failures: string[] = [];
  let failed = 0;
  const skipped: string[] = [];
  for (const [, name = "", body = ""] of xml.matchAll(CASE)) {
    const failure = FAILURE.exec(body);
    if (failure !== null) {
      failed++;
      const [why = ""] = plain(failure[1] ?? "").replace(/^Uncaught /, "")
        .split("\n");
      if (!/^\d+ test steps? failed$/.test(why)) {
        failures.push(`${plain(name)}: ${why.slice(0, LONGEST)}`);
      }
    } else if (/<skipped\b/.test(body)) skipped.push(plain(name));
    else passed++;
  }
  return { passed, failed, failures, skipped };
}

/**
 * Counts the tests of one process. One that failed without a failed test (a
 * file that does not load, a crash) counts as one failure, and so does one
 * that has no test. All of its tests may be left out: they are told, and
 * counted, as such.
 */
export async function countJunit(
  path: string,
  succeeded: boolean,
): Promise<Count> {
  const xml = await Deno.readTextFile(path).catch(() => "");
  const count = countCases(xml);
  const seen = count.passed + count.skipped.length;
  const silent = count.failed === 0 && (!succeeded || seen === 0);
  if (!silent) return count;
  const failures = ["a process without a failed test, or without any test"];
  return { ...count, failed: 1, failures };
}

/**
 * The failures. In CI a test that was left out is a failure, because no person
 * reads the output there, unless the test says that it need not be run
 * (`ifPossible()` of the tests).
 */
export function failuresOf(
  { failed, skipped }: Count,
  where: "CI" | "elsewhere",
): number {
  if (where === "elsewhere") return failed;
  return failed + skipped.filter((name) => !/ \(not run: /.test(name)).length;
}
