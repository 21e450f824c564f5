/**
 * SQLite's pointer to lstat(2), in an executable that SQLite is part of.
 *
 * @module
 */

import { type ElfHeaders, fileOffset, relocations, textAt } from "../elf.ts";

/** R_X86_64_64 and R_AARCH64_ABS64. */
const ABSOLUTE: Readonly<Record<number, number>> = { 62: 1, 183: 257 };
/** R_X86_64_RELATIVE and R_AARCH64_RELATIVE. */
const RELATIVE: Readonly<Record<number, number>> = { 62: 8, 183: 1027 };

/**
 * Virtual address at which SQLite keeps its pointer to lstat(2). Its table of
 * system calls (os_unix.c, `aSyscall`) has three words an entry: the name, the
 * function in use, the default. The entry of lstat comes after the entry of
 * readlink, which is libc's own.
 *
 * @returns undefined if there is no such table, or it has another form
 */
export function findLstatSlot(
  file: Uint8Array,
  elf: ElfHeaders,
): number | undefined {
  const names = new Map<number, number>();
  const candidates: number[] = [];
  for (const { place, type, addend, symbol } of relocations(file, elf)) {
    if (type === RELATIVE[elf.machine]) names.set(place, addend);
    if (type === ABSOLUTE[elf.machine] && symbol === "readlink") {
      candidates.push(place);
    }
  }
  const named = (place: number, name: string) => {
    const address = names.get(place);
    return address !== undefined &&
      textAt(file, fileOffset(elf, address)) === name;
  };
  const table = candidates.find((place) =>
    named(place - 8, "readlink") && named(place + 16, "lstat")
  );
  return table === undefined ? undefined : table + 24;
}
