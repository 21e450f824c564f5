/**
 * Debian's udev, unpacked and never installed: it runs in guests.
 *
 * @module
 */
import { missingLibraries, refreshing, unpack } from "./apt.ts";
import { cacheFolder, makeOnce } from "./cache.ts";
import type { Log } from "./types.ts";

/** The folder with udev, and with the libraries that this machine lacks. */
export async function ensureUdev(log: Log): Promise<string> {
  return await makeOnce(`${await cacheFolder()}/udev`, async (folder) => {
    log("download udev");
    await refreshing(log, async () => {
      await unpack(["udev", ...await missingLibraries("udev")], folder);
    });
  });
}
