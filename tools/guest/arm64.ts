/**
 * Programs for aarch64 on a machine of another architecture: an emulator of
 * one process (qemu-user), and the libraries that Deno needs beside it.
 *
 * @module
 */
import { candidate, refreshing, unpack } from "./apt.ts";
import { unpackBackports } from "./backports.ts";
import { cacheFolder, makeOnce } from "./cache.ts";
import type { Log } from "./types.ts";

/** Statically linked since 10.0; 7.2 does not know openat2(2), fsopen(2). */
const EMULATOR = "qemu-user";
const OLDEST = 10;
const PROGRAM = "usr/bin/qemu-aarch64";

/** Packages for any architecture: no foreign one need be configured. */
const LIBRARIES = ["libc6-arm64-cross", "libgcc-s1-arm64-cross"];
const LIBRARY_FOLDER = "usr/aarch64-linux-gnu";

/** Fetches packages, unpacked into a folder. */
type Fetch = (folder: string) => Promise<void>;

/**
 * The beginning of a command line that runs an aarch64 program here. The first
 * call downloads 64 MB (14 MB are kept); needs no root where apt's lists are
 * fresh.
 *
 * @throws {Error} if this machine's archive lacks the packages
 */
export async function emulateArm64(log: Log): Promise<readonly string[]> {
  const folder = `${await cacheFolder()}/arm64`;
  await makeOnce(folder, async (temporary) => {
    await keepOnly(temporary, [PROGRAM], (all) => fetchEmulator(all, log));
    await keepOnly(temporary, [LIBRARY_FOLDER], async (all) => {
      log(`download ${LIBRARIES.join(" ")}`);
      await refreshing(log, () => unpack(LIBRARIES, all));
    });
  });
  return [`${folder}/${PROGRAM}`, "-L", `${folder}/${LIBRARY_FOLDER}`];
}

async function fetchEmulator(folder: string, log: Log): Promise<void> {
  const version = /^(?:\d+:)?(\d+)/.exec(await candidate(EMULATOR) ?? "");
  if (Number(version?.[1] ?? 0) < OLDEST) {
    return await unpackBackports([EMULATOR], folder, log);
  }
  log(`download ${EMULATOR}, to be run where it is unpacked`);
  await refreshing(log, () => unpack([EMULATOR], folder));
}

/** The emulator's package has 50 others, of 350 MB. */
async function keepOnly(
  folder: string,
  paths: readonly string[],
  fetch: Fetch,
): Promise<void> {
  const all = `${folder}/all`;
  await fetch(all);
  for (const path of paths) {
    const parent = path.slice(0, path.lastIndexOf("/"));
    await Deno.mkdir(`${folder}/${parent}`, { recursive: true });
    await Deno.rename(`${all}/${path}`, `${folder}/${path}`);
  }
  await Deno.remove(all, { recursive: true });
}
