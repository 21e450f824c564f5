/**
 * The guest's kernel and busybox, unpacked into the cache folder, never
 * installed: the machine's own /boot stays as it is.
 *
 * @module
 */
import { dependency, isKnown, refreshing, unpack } from "./apt.ts";
import { makeOnce } from "./cache.ts";
import type { InitrdInputs } from "./initrd.ts";
import { exists } from "./run.ts";
import type { Log } from "./types.ts";

/** Meta packages: Debian's, then Ubuntu's. */
const META = [
  "linux-image-cloud-amd64",
  "linux-image-virtual",
  "linux-image-generic",
];

/** The kernel, its modules and a busybox; downloaded once. */
export async function ensureKernel(
  cache: string,
  log: Log,
): Promise<InitrdInputs> {
  if (Deno.build.arch !== "x86_64") {
    throw new Error(
      `Cannot get the guest's kernel: needs x86_64, this is ${Deno.build.arch}`,
    );
  }
  const folder = await makeOnce(`${cache}/kernel`, async (temporary) => {
    await refreshing(log, async () => {
      const packages = [...await kernelPackages(), "busybox-static"];
      log(`download for the guest: ${packages.join(" ")}`);
      await unpack(packages, temporary);
    });
    await findInputs(temporary);
  });
  return await findInputs(folder);
}

async function kernelPackages(): Promise<string[]> {
  for (const meta of META) {
    const image = await dependency(meta, /^linux-image-\d/);
    if (image === undefined) continue;
    // Ubuntu, and Debian after 13, keep the modules in their own package.
    const modules = image.replace("linux-image-", "linux-modules-");
    return await isKnown(modules) ? [image, modules] : [image];
  }
  throw new Error(`Cannot find a kernel package: none of ${META.join(", ")}`);
}

async function findInputs(folder: string): Promise<InitrdInputs> {
  const image = await firstEntry([`${folder}/boot`], /^vmlinuz-/);
  const libraries = [`${folder}/usr/lib/modules`, `${folder}/lib/modules`];
  const modules = await firstEntry(libraries, /^\d/);
  const programs = [`${folder}/usr/bin`, `${folder}/bin`];
  const busybox = await firstEntry(programs, /^busybox$/);
  return { kernel: image, modules, busybox };
}

async function firstEntry(
  folders: readonly string[],
  pattern: RegExp,
): Promise<string> {
  for (const folder of folders) {
    if (!await exists(folder)) continue;
    for await (const { name } of Deno.readDir(folder)) {
      if (pattern.test(name)) return `${folder}/${name}`;
    }
  }
  throw new Error(`Cannot find ${pattern} in ${folders.join(", ")}`);
}
