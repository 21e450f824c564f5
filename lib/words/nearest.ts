/**
 * The word a person probably meant.
 *
 * @module
 */

/** Edit distance (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, char] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (char === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** Whether two neighbouring letters changed places, and nothing else did. */
function isSwapped(a: string, b: string): boolean {
  const i = commonPrefix(a, b);
  const [one = "", other = ""] = a.slice(i, i + 2);
  return other !== "" &&
    b === a.slice(0, i) + other + one + a.slice(i + 2);
}

/** Longer words are not compared. */
const MAX_LENGTH = 64;

function commonPrefix(a: string, b: string): number {
  let i = 0;
  while (i < a.length && a[i] === b[i]) i++;
  return i;
}

/** Both without their common domain: it is not a likeness. */
function apart(a: string, b: string): readonly [string, string] {
  const dot = a.indexOf(".");
  const domain = dot > 0 ? a.slice(dot) : "";
  if (domain === "" || !b.endsWith(domain) || b === domain) return [a, b];
  return [a.slice(0, dot), b.slice(0, -domain.length)];
}

function compare(word: string, one: string) {
  const [a, b] = apart(word, one);
  const far = isSwapped(a, b) ? 1 : distance(a, b);
  const isNear = far <= Math.max(1, Math.floor(a.length / 3));
  return { one, far, isNear, same: commonPrefix(a, b) };
}

/** The nearest of the known words: all that are equally near. */
export function nearestWords(
  word: string,
  known: readonly string[],
  count = 3,
): string[] {
  if (word.length > MAX_LENGTH) return [];
  const near = known.map((one) => compare(word, one))
    .filter(({ isNear }) => isNear);
  const least = Math.min(...near.map(({ far }) => far));
  return near.filter(({ far }) => far === least)
    .sort((a, b) => b.same - a.same)
    .slice(0, count).map(({ one }) => one);
}

/** The nearest of the known words, undefined if none is near. */
export function nearest(
  word: string,
  known: readonly string[],
): string | undefined {
  return nearestWords(word, known, 1)[0];
}

/** A hint at the nearest words, undefined if none is near. */
export function didYouMean(
  word: string,
  known: readonly string[],
): string | undefined {
  const near = nearestWords(word, known);
  return near.length === 0 ? undefined : `did you mean ${near.join(" or ")}?`;
}
