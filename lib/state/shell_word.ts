/**
 * Words of command lines that are shown to be copied.
 *
 * @module
 */

const PLAIN = /^[\w./:@%+=,-]+$/;

/** A word as a POSIX shell reads it back: quoted if it has to be. */
export function shellWord(word: string): string {
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
