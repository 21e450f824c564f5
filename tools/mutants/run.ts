/**
 * One test file in a copy of the tree.
 *
 * @module
 */

import { inOwnNetwork } from "../test/own_network.ts";
import { type Ended, runWithin } from "../test/process.ts";

/** Test files at once: each may start processes of its own. */
export const WIDTH = 2;

/**
 * Runs a test file by itself, in a network namespace of its own (root).
 *
 * @param options.coverage a folder for what Deno saw it run, calls of the tool
 * included
 */
export async function runAlone(
  tree: string,
  test: string,
  { limitMs, coverage }: { limitMs: number; coverage?: string },
): Promise<Ended> {
  const deno = Deno.execPath();
  const options = ["-A", "--no-check", "--quiet", "--fail-fast"];
  if (coverage) options.push(`--coverage=${coverage}`);
  const set = [
    `MUTANTS_DENO=${deno}`,
    ...coverage ? [`MUTANTS_COVERAGE=${coverage}`] : [],
  ];
  const command = [deno, "test", ...options, test];
  return await runWithin(inOwnNetwork(["env", ...set, ...command]), {
    cwd: tree,
    log: `${tree}/log`,
    limitMs,
  });
}
