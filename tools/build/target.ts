/**
 * The Deno that an executable is made of: the one that runs us, or, for
 * another architecture, the same version from npm.
 *
 * @module
 */

import { emulateArm64 } from "../guest/arm64.ts";
import { cacheFolder, makeOnce } from "../guest/cache.ts";
import { run } from "../guest/run.ts";
import type { Log } from "../guest/types.ts";

/** An architecture that the stub is written for. */
export type Arch = typeof Deno.build.arch;

/** A Deno, and how this machine runs it. */
export interface TargetDeno {
  readonly path: string;
  /** The beginning of a command line; the path is its last word. */
  readonly command: readonly string[];
}

/**
 * The Deno of an architecture. For aarch64 elsewhere the first call downloads
 * 41 MB by npm, and what {@linkcode emulateArm64} needs.
 *
 * @throws {Error} if it cannot be had here
 */
export async function denoFor(arch: Arch, log: Log): Promise<TargetDeno> {
  if (arch === Deno.build.arch) {
    const path = Deno.execPath();
    return { path, command: [path] };
  }
  if (arch !== "aarch64") {
    throw new Error(
      `Cannot build for ${arch} here: needs ${arch}, this is ${Deno.build.arch}`,
    );
  }
  const path = await arm64Deno(log);
  return { path, command: [...await emulateArm64(log), path] };
}

/**
 * The package that npm itself installs on such a machine; npm compares its sum.
 */
async function arm64Deno(log: Log): Promise<string> {
  const version = Deno.version.deno;
  const target = `${await cacheFolder()}/deno-${version}-aarch64`;
  const folder = await makeOnce(target, async (temporary) => {
    const name = `@deno/linux-arm64-glibc@${version}`;
    log(`download ${name} by npm`);
    await Deno.mkdir(temporary);
    await run("npm", ["pack", "--silent", name], { cwd: temporary });
    const archive = [...Deno.readDirSync(temporary)][0]?.name ?? "";
    const args = ["-xzf", archive, "--strip-components=1", "--no-same-owner"];
    await run("tar", args, { cwd: temporary });
    await Deno.remove(`${temporary}/${archive}`);
  });
  return `${folder}/deno`;
}
