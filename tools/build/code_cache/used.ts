/**
 * The functions of the program that common commands call. V8's code of the
 * executable is of these alone: the others are compiled when they are called.
 *
 * used.txt has a line for each: a hash of how the function begins, without the
 * names that minifying makes up. It stays true until that place of the sources
 * changes; a function that is not found any more is compiled when it is called.
 * `deno task profile` writes it anew (tests/bench/profile.ts).
 *
 * @module
 */

const FILE = new URL("./used.txt", import.meta.url);

/** Characters of a function's beginning that count. */
const LENGTH = 60;
/** As many have these when the names in them are long. */
const ENOUGH = 4 * LENGTH;

/** A line of used.txt for the function that begins here. */
export function functionKey(text: string, at: number): string {
  const beginning = text.slice(at, at + ENOUGH)
    .replace(/\d+/g, "0")
    .replace(/(?<![\w$])[A-Za-z_$][\w$]{0,2}(?![\w$])/g, "_")
    .slice(0, LENGTH);
  let hash = 0x811c9dc5; // FNV-1a
  for (let i = 0; i < beginning.length; i++) {
    hash = Math.imul(hash ^ beginning.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, "0");
}

/** Where functions begin, as coverage tells it, and some other places. */
const BEGINNINGS =
  /(?<![\w$.])(?:async\b|function\b|static\b|get\b|set\b|\(|[*#\w$]+(?=\(|=>))|[*#]/g;

/**
 * For each function that is used a place in it, and in no function before it.
 *
 * @param used keys, see {@linkcode functionKey}
 */
export function usedPlaces(text: string, used: ReadonlySet<string>): number[] {
  const places: number[] = [];
  for (const { index } of text.matchAll(BEGINNINGS)) {
    if (used.has(functionKey(text, index))) places.push(insideOf(text, index));
  }
  return places;
}

/** Its parameters are a part of a function for V8, the words before are not. */
function insideOf(text: string, at: number): number {
  const arrow = /^(?:async )?(?=[\w$]+=>)/.exec(text.slice(at, at + ENOUGH));
  return arrow === null ? text.indexOf("(", at) : at + arrow[0].length;
}

/** The keys in used.txt. */
export async function readUsed(): Promise<Set<string>> {
  return new Set((await Deno.readTextFile(FILE)).trim().split("\n"));
}

/** Writes used.txt. */
export async function writeUsed(used: ReadonlySet<string>): Promise<void> {
  await Deno.writeTextFile(FILE, [...used].sort().join("\n") + "\n");
}
