/**
 * Words of command lines that can be copied.
 *
 * @module
 */

const PLAIN = /^[\w./:@%+=,-]+$/;

/** A word for a POSIX shell: quoted if necessary. */
export function shellWord(word: string): string {
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
