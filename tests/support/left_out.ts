/**
 * Tests that need what not every machine has.
 *
 * @module
 */

/**
 * The name and the `ignore` of a test. One that is left out says why in its
 * name: the end of a run lists it, and counts it as failed where CI runs.
 *
 * @param why none: it is run
 */
export function unless(
  why: string | undefined,
  name: string,
): { name: string; ignore: boolean } {
  if (why === undefined) return { name, ignore: false };
  return { name: `${name} (skipped: ${why})`, ignore: true };
}

/**
 * As {@linkcode unless}, of a test that also CI may leave out: it is said, and
 * is in neither count.
 */
export function ifPossible(
  why: string | undefined,
  name: string,
): { name: string; ignore: boolean } {
  if (why === undefined) return { name, ignore: false };
  return { name: `${name} (not run: ${why})`, ignore: true };
}

/** Why a test of a character device is left out: this machine has none. */
export function withoutDevice(path: string): string | undefined {
  try {
    return Deno.statSync(path).isCharDevice ? undefined : `no ${path}`;
  } catch {
    return `no ${path}`;
  }
}
