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
 * @param options.used as for {@linkcode makeCodeCache}.
 * @param options.folder an existing folder for intermediate files, the
 * caller's to remove.
 */
export async function packProgram(
  deno: Uint8Array,
  { code, texts }: Joined,
  options: {
    folder: string;
    command?: readonly string[];
    quick?: string;
    cacheFlags?: readonly string[];
    used?: ReadonlySet<string> | undefined;
  },
): Promise<Uint8Array<ArrayBuffer>> {
  const { folder, command = [Deno.execPath()], used } = options;
  const { quick = "", cacheFlags = RUN_FLAGS } = options;
  const encoded = texts.map((text) => new TextEncoder().encode(text));
  const reader = textReader(encoded.map(({ length }) => length));
  return packElf(deno, runArguments(quick + PRELUDE + reader + code), {
    codeCache: await makeCodeCache(texts, {
      ...{ command, flags: cacheFlags, used, folder },
    }),
    tail: new Uint8Array(await new Blob(encoded).arrayBuffer()),
  });
}
