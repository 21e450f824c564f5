/**
 * Options of a QEMU command line.
 *
 * @module
 */

/** The values of every occurrence of an option, e.g. `-device`. */
export function optionValues(
  words: readonly string[],
  option: string,
): string[] {
  return words.flatMap((word, i) => {
    const value = words[i + 1];
    // QEMU takes both `-name` and `--name`.
    const same = word === option || word === `-${option}`;
    return same && value !== undefined ? [value] : [];
  });
}
