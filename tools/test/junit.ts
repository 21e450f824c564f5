/**
 * Counts tests from the JUnit file that `deno test` writes.
 *
 * @module
 */

export interface Count {
  readonly passed: number;
  readonly failed: number;
  /** Names of the tests that were not run. */
  readonly skipped: readonly string[];
}

const CASE = /<testcase name="([^"]*)"[^>]*?(?:\/>|>([\s\S]*?)<\/testcase>)/g;

/** Counts the test cases of a JUnit document. */
export function countCases(xml: string): Count {
  let passed = 0;
  let failed = 0;
  const skipped: string[] = [];
  for (const [, name = "", body = ""] of xml.matchAll(CASE)) {
    if (/<(?:failure|error)\b/.test(body)) failed++;
    else if (/<skipped\b/.test(body)) skipped.push(name);
    else passed++;
  }
  return { passed, failed, skipped };
}

/**
 * Counts the tests of one process. One that failed without a failed test (a
 * file that does not load, a crash) counts as one failure, and so does one
 * that ran nothing.
 */
export async function countJunit(
  path: string,
  succeeded: boolean,
): Promise<Count> {
  const xml = await Deno.readTextFile(path).catch(() => "");
  const count = countCases(xml);
  const silent = count.failed === 0 && (!succeeded || count.passed === 0);
  return silent ? { ...count, failed: 1 } : count;
}
