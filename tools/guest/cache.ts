/**
 * A folder for things that take long to fetch or to make: filled completely or
 * not at all, by one process at a time.
 *
 * @module
 */
import { exists } from "./run.ts";

/**
 * The cache folder, made if missing: `$XDG_CACHE_HOME/kvm-hotplug-testbed`,
 * `~/.cache/kvm-hotplug-testbed` or `/var/tmp/kvm-hotplug-testbed`.
 *
 * @throws {Error} if the folder belongs to someone else: programs in it are
 * run, maybe by root.
 */
export async function cacheFolder(): Promise<string> {
  const home = Deno.env.get("HOME");
  const bases = [
    Deno.env.get("XDG_CACHE_HOME"),
    home ? `${home}/.cache` : undefined,
    "/var/tmp",
  ];
  for (const base of bases) {
    if (!base?.startsWith("/")) continue;
    const folder = `${base}/kvm-hotplug-testbed`;
    try {
      await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    } catch {
      continue; // A HOME that is read-only or not there: the next one.
    }
    const { uid } = await Deno.lstat(folder);
    if (uid === Deno.uid()) return folder;
    throw new Error(`Cannot use ${folder}: it belongs to uid ${uid}`);
  }
  throw new Error("Cannot make a cache folder: set XDG_CACHE_HOME");
}

/**
 * Runs `action` while no other process (and no other call here) holds the
 * lock file. The lock goes with the process, however that ends: flock(2).
 */
export async function withLock<T>(
  path: string,
  action: () => Promise<T>,
): Promise<T> {
  using file = await Deno.open(path, { create: true, write: true });
  await file.lock(true);
  return await action();
}

/**
 * Makes `target` (a file or a folder) unless it is there. `make` is given a
 * path beside it that does not exist; what it makes there is renamed, so
 * that an interrupted run leaves no half `target`.
 *
 * @returns `target`
 */
export async function makeOnce(
  target: string,
  make: (temporary: string) => Promise<void>,
): Promise<string> {
  if (await exists(target)) return target;
  return await withLock(`${target}.lock`, async () => {
    if (await exists(target)) return target;
    // Alone under the lock: a leftover of this name is of a dead process.
    const temporary = `${target}.part`;
    await removeIfThere(temporary);
    try {
      await make(temporary);
      await Deno.rename(temporary, target);
    } finally {
      await removeIfThere(temporary);
    }
    return target;
  });
}

/** Removes a file or a folder with all in it; missing is fine. */
export async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** SHA-256 of a text in hex, the first 16 digits: a key, not a signature. */
export async function shortHash(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return new Uint8Array(digest).toHex().slice(0, 16);
}
