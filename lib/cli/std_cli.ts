/**
 * A typed face for what we use of `@std/cli`, whose package has no types.
 *
 * @module
 */

import { parseArgs as parse } from "@std/cli/parse-args";

/** Options of `parseArgs`. */
export interface ParseOptions {
  /** Options with a value; `_` among them: operands are never numbers. */
  readonly string: readonly string[];
  /** Options without a value. */
  readonly boolean: readonly string[];
  /** Those of `boolean` that also have a `--no-` form. */
  readonly negatable: readonly string[];
  /** One-letter form to long name. */
  readonly alias: Readonly<Record<string, string>>;
  /** Sees every word that is no known option; false leaves it out. */
  readonly unknown: (word: string, key?: string) => boolean;
}

/** Words in `_`, options by their names. */
export interface ParsedArgs {
  /** Operands, and all words after `--`. */
  readonly _: readonly string[];
  /** Text of a `string` option, truth of a `boolean` one. */
  readonly [option: string]: unknown;
}

/** `parseArgs` of `@std/cli`. */
export const parseArgs: (
  args: readonly string[],
  options: ParseOptions,
) => ParsedArgs = parse;
