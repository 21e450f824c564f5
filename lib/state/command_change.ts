/**
 * Changes of whole options of `kvm_cmd`, such as `-device X`: the change, its
 * effect on the list, and its inverse. Every other word keeps its bytes and its
 * order. Pure.
 *
 * @module
 */

import { optionPlaces } from "./fixed_command.ts";
import type { JsonArray } from "./json.ts";
import { splice } from "./json_splice.ts";
import {
  type Check,
  list,
  object,
  type Of,
  text,
  where,
  whole,
} from "./value_check.ts";

/** An option and its value. */
type Pair = readonly [option: string, value: string];

function pairsOf(words: readonly string[] = []): Pair[] {
  return words.flatMap((option, at): Pair[] =>
    at % 2 === 0 ? [[option, words[at + 1] ?? ""]] : []
  );
}

/**
 * The check of a change that was read back from a journal.
 *
 * @param isWords whether some kind adds these words, or removes them
 */
export function commandCheck(isWords: Check<readonly string[]>) {
  const words = where(
    isWords,
    (all) =>
      all.length % 2 === 0 &&
      pairsOf(all).every(([option]) => /^--?[a-z]/.test(option)),
    "options of some kind of device, each with its value",
  );
  return object({
    // The owner of these words, for messages: a device id.
    title: text(/^[A-Za-z][A-Za-z0-9 ._-]{0,63}$/),
  }, {
    // The options to remove, and the options to add. The first added option
    // takes the place of the first removed one, and so on.
    take: words,
    put: words,
    // The places of added options without such a place, after the program.
    // Without it: the end.
    at: list(whole(1, 1e6)),
  });
}

/**
 * A change of `kvm_cmd`. Words to add must not be there before, words to remove
 * must be there; a part that is already done is not done again.
 */
export type CommandChange = Of<typeof commandCheck>;

/** The title of a change, for messages. */
export function commandTitle({ title, take, put }: CommandChange): string {
  if (put === undefined) return `the removal of ${title}`;
  return `${take === undefined ? "" : "the new "}${title}`;
}

function wordsOf(command: JsonArray): (string | undefined)[] {
  return command.items.map((item) =>
    item.type === "string" ? item.value : undefined
  );
}

/** The places at which options begin in it, and its end. */
function placesIn(words: readonly (string | undefined)[]): number[] {
  return optionPlaces(words.map((word = "") => word));
}

/** The place of an option with this value, -1 if there is none. */
function find(
  words: readonly (string | undefined)[],
  pair: Pair | undefined,
): number {
  if (pair === undefined) return -1;
  const [option, value] = pair;
  return placesIn(words).find((at) =>
    words[at] === option && words[at + 1] === value
  ) ?? -1;
}

function texts(pair: Pair): string[] {
  return pair.map((word) => JSON.stringify(word));
}

/** The list with one option replaced by another; either may be missing. */
function exchanged(
  command: JsonArray,
  gone: Pair | undefined,
  come: Pair | undefined,
): JsonArray {
  const words = wordsOf(command);
  const [from, to] = [find(words, gone), find(words, come)];
  if (from < 0 || from === to) return command;
  const insert = come === undefined || to >= 0 ? [] : texts(come);
  return splice(command, { at: from, remove: 2, insert });
}

/**
 * The list with an option inserted at a place, or at the last place before it.
 */
function inserted(
  command: JsonArray,
  pair: Pair,
  place = Infinity,
): JsonArray {
  const words = wordsOf(command);
  if (find(words, pair) >= 0) return command;
  const at = placesIn(words).findLast((one) => one <= place) ?? 0;
  return splice(command, { at, insert: texts(pair) });
}

/** Applies a change to the list; may be applied twice. */
export function changeCommand(
  command: JsonArray,
  { take, put, at = [] }: CommandChange,
): JsonArray {
  const [going, coming] = [pairsOf(take), pairsOf(put)];
  let after = command;
  const longest = going.length > coming.length ? going : coming;
  for (const i of longest.keys()) {
    after = exchanged(after, going[i], coming[i]);
  }
  // From the front: each place is a place in the whole list.
  const rest = coming.map((pair, i) => ({ pair, place: at[i] ?? Infinity }))
    .sort((one, other) => one.place - other.place);
  for (const { pair, place } of rest) after = inserted(after, pair, place);
  return after;
}

/** Whether a command line has the effect of a change. */
export function holdsCommand(
  words: readonly string[],
  { take, put }: CommandChange,
): boolean {
  const coming = pairsOf(put);
  const stays = ([option, value]: Pair) =>
    coming.some((one) => one[0] === option && one[1] === value);
  return coming.every((pair) => find(words, pair) >= 0) &&
    pairsOf(take).every((pair) => stays(pair) || find(words, pair) < 0);
}

/**
 * The change that undoes `change`.
 *
 * @param before the list for which it was made
 * @throws {TypeError} if that list lacks a word to remove
 */
export function inverseCommand(
  change: CommandChange,
  before: JsonArray,
): CommandChange {
  const { title, take, put } = change;
  // Words that were there before stay.
  if (changeCommand(before, change) === before) return { title };
  const at = pairsOf(take).map((pair) => find(wordsOf(before), pair));
  if (at.includes(-1)) throw new TypeError(`kvm_cmd has no ${title}`);
  return {
    title,
    ...(put && { take: put }),
    ...(take && { put: take, at }),
  };
}
