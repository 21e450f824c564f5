/**
 * `deno compile`, with the surroundings of the packed executable.
 *
 * What it makes takes arguments as they are, but reads the environment much as
 * Deno does (its libraries are the same), and refuses to start in a deleted
 * directory. So the start stub goes in here too, without arguments. `deno
 * compile` keeps the program in a PT_NOTE at the end of the ELF file, which
 * packElf leaves alone.
 *
 * Two things it does differently, both in its own code: an argument that is
 * not UTF-8 ends it with status 101, and a first argument that is the path of
 * the executable itself is dropped.
 *
 * @module
 */

import { packElf } from "./pack_elf.ts";
import { runDeno } from "./run_deno.ts";
import { ISOLATION, V8_FLAGS } from "./surroundings.ts";
import type { Arch } from "./target.ts";

/**
 * Compiles one ES module. Deno takes the runtime from `DENORT_BIN`, else from
 * its cache, else downloads it.
 *
 * @param folder an existing folder for the intermediate files, the caller's
 * to remove.
 * @throws {Error} if there is no runtime, or it is of another build and lacks
 * what packElf needs.
 */
export async function compile(
  code: string,
  folder: string,
  target: Arch = Deno.build.arch,
): Promise<Uint8Array<ArrayBuffer>> {
  // The names get into the executable; they must not tell where it was made.
  const [source, output] = ["kvm-hotplug.mjs", "kvm-hotplug"];
  await Deno.writeTextFile(`${folder}/${source}`, code);
  // So does the time of the file: with a fixed one builds are reproducible.
  await Deno.utime(`${folder}/${source}`, 0, 0);
  const { status, reason } = await runDeno([
    "compile",
    "--quiet",
    "--allow-all",
    "--no-check",
    "--no-code-cache", // would be written to the temporary folder
    ...ISOLATION,
    V8_FLAGS,
    ...target === Deno.build.arch
      ? []
      : [`--target=${target}-unknown-linux-gnu`],
    `--output=${output}`,
    source,
  ], { cwd: folder });
  if (status !== 0) throw new Error(`Cannot compile: ${reason}`);
  return packElf(await Deno.readFile(`${folder}/${output}`), []);
}
