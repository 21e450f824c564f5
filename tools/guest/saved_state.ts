/**
 * Keeps the saved states of booted guests in the cache folder.
 *
 * @module
 */
import { cacheFolder, makeOnce, removeIfThere, shortHash } from "./cache.ts";

/** A state not used for so long is removed when a new one is made. */
const KEEP_MS = 7 * 24 * 3600 * 1000;

/**
 * The state saved under this key; `save` writes it if there is none. Two
 * processes that ask at once: one saves, the other waits.
 *
 * @param key everything the state depends on
 * @returns the path of the file
 */
export async function savedState(
  key: readonly unknown[],
  save: (file: string) => Promise<void>,
): Promise<string> {
  const folder = `${await cacheFolder()}/saved`;
  await Deno.mkdir(folder, { recursive: true });
  const name = `${await shortHash(JSON.stringify(key))}.state`;
  const file = await makeOnce(`${folder}/${name}`, async (temporary) => {
    await removeUnused(folder);
    await save(temporary);
  });
  const now = new Date();
  await Deno.utime(file, now, now);
  return file;
}

async function removeUnused(folder: string): Promise<void> {
  for await (const { name } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (!name.endsWith(".state")) continue;
    const { mtime } = await Deno.stat(path);
    if (Date.now() - (mtime?.getTime() ?? 0) > KEEP_MS) {
      await removeIfThere(path);
    }
  }
}
