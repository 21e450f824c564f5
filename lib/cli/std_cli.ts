/**
 * A typed face for what we use of `@std/cli`, whose package has no types.
 *
 * @module
 */

import { parseArgs as parse } from "@std/cli/parse-args";

/** Options of `parseArgs`. */
export interface ParseOptions {
  readonly string: readonly string[];
  readonly boolean: readonly string[];
  readonly negatable: readonly string[];
  readonly alias: Readonly<Record<string, string>>;
  /** Sees every word that is no known option; false leaves it out. */
  readonly unknown: (word: string, key?: string) => boolean;
}

/** Words in `_`, options by their names. */
export interface ParsedArgs {
  readonly _: readonly string[];
  readonly [option: string]: unknown;
}

/** `parseArgs` of `@std/cli`. */
export const parseArgs: (
  args: readonly string[],
  options: ParseOptions,
) => ParsedArgs = parse;
