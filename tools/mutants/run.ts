/**
 * One test file in a copy of the tree.
 *
 * @module
 */

import { inOwnNetwork } from "../test/own_network.ts";
import { type Ended, runWithin } from "../test/process.ts";
import { sharedModule } from "../test/shared_module.ts";

/** Test files at once: as `deno task test` does. */
export const WIDTH = navigator.hardwareConcurrency + 1;

/** A fault may make the tests slow, or hang. */
const PATIENCE = 3;
const LEAST_MS = 20_000;

/** Test files that one process runs. */
export interface Group {
  readonly files: readonly string[];
  /** Their time without a fault, with their lines counted. */
  readonly seconds: number;
}

/** The argument for Deno: several files become one module. */
async function joined(
  tree: string,
  files: readonly string[],
): Promise<readonly string[]> {
  if (files.length < 2) return files;
  const path = `${tree}/shared_test.ts`;
  const text = sharedModule(files.map((file) => `${tree}/${file}`));
  await Deno.writeTextFile(path, text);
  return [path];
}

/**
 * Runs test files alone, in a network namespace of their own (root), up to the
 * first that fails.
 *
 * @param options.coverage a folder for the coverage that Deno measures, with
 * calls of the tool
 */
export async function runAlone(
  tree: string,
  { files, seconds }: Group,
  { coverage }: { coverage?: string } = {},
): Promise<Ended> {
  const deno = Deno.execPath();
  const options = ["-A", "--no-check", "--quiet", "--fail-fast"];
  if (coverage) options.push(`--coverage=${coverage}`);
  const set = coverage ? [`MUTANTS_COVERAGE=${coverage}`] : [];
  const command = [deno, "test", ...options, ...await joined(tree, files)];
  return await runWithin(inOwnNetwork(["env", ...set, ...command]), {
    cwd: tree,
    log: `${tree}/log`,
    limitMs: Math.max(LEAST_MS, seconds * 1000 * PATIENCE),
  });
}
