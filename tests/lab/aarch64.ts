/**
 * The executable for aarch64, run here: the tool is emulated, kernel and QEMU
 * are this machine's own.
 *
 * @module
 */

import { buildExecutable } from "../../tools/build/executable.ts";
import { denoFor, type TargetDeno } from "../../tools/build/target.ts";

/** Its Deno; undefined if it cannot be had here. */
export async function arm64Deno(): Promise<TargetDeno | undefined> {
  try {
    return await denoFor("aarch64", console.error);
  } catch (error) {
    console.error(`${error}`);
    return undefined;
  }
}

/**
 * Builds the executable.
 *
 * @param folder where it is put
 * @returns the beginning of a command line that runs it
 */
export async function buildArm64(
  { command }: TargetDeno,
  folder: string,
): Promise<readonly string[]> {
  const { path } = await buildExecutable({
    target: "aarch64",
    out: `${folder}/kvm-hotplug-aarch64`,
  });
  return [...command.slice(0, -1), path];
}
