/**
 * A program in pieces, packed onto Deno with V8's code of it.
 *
 * @module
 */

import type { Joined } from "./chunks.ts";
import { makeCodeCache } from "./code_cache/make.ts";
import { packElf } from "./pack_elf.ts";
import { PRELUDE, RUN_FLAGS, runArguments } from "./surroundings.ts";
import { textReader } from "./texts.ts";

/**
 * The executable of a program.
 *
 * @param deno as for {@linkcode packElf}.
 * @param options.quick JavaScript that runs before all else.
 * @param options.command how `deno` is run here. @default it runs us
 * @param options.cacheFlags what V8's code is made under; it takes no other
 * than it runs with. @default those
 * @param options.folder an existing folder for intermediate files, the
 * caller's to remove.
 */
export async function packProgram(
  deno: Uint8Array,
  { code, texts }: Joined,
  { folder, command = [Deno.execPath()], quick = "", cacheFlags = RUN_FLAGS }: {
    folder: string;
    command?: readonly string[];
    quick?: string;
    cacheFlags?: readonly string[];
  },
): Promise<Uint8Array<ArrayBuffer>> {
  const encoded = texts.map((text) => new TextEncoder().encode(text));
  const reader = textReader(encoded.map(({ length }) => length));
  return packElf(deno, runArguments(quick + PRELUDE + reader + code), {
    codeCache: await makeCodeCache(texts, {
      ...{ command, flags: cacheFlags, folder },
    }),
    tail: new Uint8Array(await new Blob(encoded).arrayBuffer()),
  });
}
