/**
 * Words of `kvm_cmd` that come and go with an entry. Pure.
 *
 * @module
 */

import type { JsonArray } from "./json.ts";
import { splice, withItem } from "./json_splice.ts";

/** Place of `kvm_cmd` in the file. */
const PLACE = 0;

/** Where these words stand one behind the other, -1 if nowhere. */
function findWords(command: JsonArray, words: readonly string[]): number {
  return command.items.findIndex((_, at) =>
    words.every((word, i) => {
      const item = command.items[at + i];
      return item?.type === "string" && item.value === word;
    })
  );
}

/** The file with some words at the end of its `kvm_cmd`, or without them. */
export function withWords(
  root: JsonArray,
  words: readonly string[],
  are: "there" | "gone",
): JsonArray {
  const command = root.items[PLACE];
  if (command?.type !== "array") throw new TypeError("no list kvm_cmd");
  const at = findWords(command, words);
  if ((at >= 0) === (are === "there")) return root;
  const changed = are === "there"
    ? splice(command, {
      at: command.items.length,
      insert: words.map((word) => JSON.stringify(word)),
    })
    : splice(command, { at, remove: words.length });
  return withItem(root, PLACE, changed);
}
