/**
 * Packing arguments and an environment into an executable.
 *
 * The executable gets one more page-aligned segment, at the end of the file
 * and above its highest address, with a start stub in it (stub.ts); e_entry
 * points there. No byte of the program moves. Most of its relocations are the
 * stub's (relocations.ts). The program header table stays where it is and keeps
 * its length, so AT_PHDR, AT_PHNUM and PT_PHDR stay true: the new PT_LOAD takes
 * the place of the PT_NOTE that holds the build id and the ABI tag. At run time
 * nobody looks for those in an executable: the kernel wants PT_GNU_PROPERTY
 * alone, ld.so checks the ABI tag of libraries.
 *
 * The section header table stays too, and does not know the new segment: do
 * not run `strip` or `objcopy` on the result.
 *
 * @module
 */

import {
  findEnvironSlot,
  PF_R,
  PF_X,
  PHDR_SIZE,
  type ProgramHeader,
  PT_LOAD,
  PT_NOTE,
  readHeaders,
  viewOf,
  writeProgramHeader,
} from "./elf.ts";
import { takeRelocations } from "./relocations.ts";
import { findLstatSlot } from "./code_cache/lstat_slot.ts";
import { buildSegment, STUB_OFFSET, stubFor } from "./stub.ts";
import type { Surroundings } from "./stub.ts";
import { SURROUNDINGS } from "./surroundings.ts";

/**
 * The executable that starts `deno` with `args`, followed by what the user
 * gives, in the given surroundings. Pure; `deno` is not changed.
 *
 * @param deno an x86_64 or aarch64 executable, dynamically linked to glibc.
 * @param args the beginning of argv, argv[0] included. Empty: argv stays as
 * the caller gave it, only the surroundings are set.
 * @param options.surroundings the environment. @default SURROUNDINGS
 * @param options.codeCache what code_cache/stub.ts gives to Deno. @default none
 * @param options.tail bytes for the end of the file, which are not mapped.
 * @default none
 * @throws {TypeError} if `deno` has not the shape this needs, or a string has
 * a NUL character in it.
 * @throws {RangeError} if it is for another machine.
 */
export function packElf(
  deno: Uint8Array,
  args: readonly string[],
  options: {
    surroundings?: Surroundings;
    codeCache?: Uint8Array;
    tail?: Uint8Array;
  } = {},
): Uint8Array<ArrayBuffer> {
  const none = new Uint8Array();
  const { surroundings = SURROUNDINGS, codeCache = none, tail = none } =
    options;
  const elf = readHeaders(deno);
  const stub = stubFor(elf.machine);
  const loads = elf.programHeaders.filter((h) => h.type === PT_LOAD);
  const align = Math.max(...loads.map((h) => h.align));
  const offset = roundUp(deno.length, align);
  const vaddr = roundUp(
    Math.max(...loads.map((h) => h.vaddr + h.memsz)),
    align,
  );
  const lstatSlot = findLstatSlot(deno, elf);
  const environSlot = findEnvironSlot(deno, elf);
  const program = deno.slice();
  const relocated = takeRelocations(program, elf);
  const segment = buildSegment(stub, args, {
    surroundings,
    codeCache,
    relocated,
    distances: {
      base: -vaddr,
      entry: elf.entry - vaddr,
      environSlot: environSlot - vaddr,
      lstatSlot: lstatSlot === undefined ? undefined : lstatSlot - vaddr,
    },
  });
  const size = segment.length;
  const headers = replaceNote(deno, elf.programHeaders, {
    type: PT_LOAD,
    flags: PF_R | PF_X,
    offset,
    vaddr,
    filesz: size,
    memsz: size,
    align,
  });
  const packed = new Uint8Array(offset + size + tail.length);
  packed.set(program);
  packed.set(segment, offset);
  packed.set(tail, offset + size);
  const view = viewOf(packed);
  view.setBigUint64(24, BigInt(vaddr + STUB_OFFSET), true); // e_entry
  headers.forEach((h, i) =>
    writeProgramHeader(view, elf.phoff + i * PHDR_SIZE, h)
  );
  return packed;
}

/**
 * The new header goes to the end: "loadable segment entries in the program
 * header table appear in ascending order, sorted on p_vaddr" (System V gABI).
 */
function replaceNote(
  file: Uint8Array,
  headers: readonly ProgramHeader[],
  added: ProgramHeader,
): ProgramHeader[] {
  const note = headers.findIndex((h) => h.type === PT_NOTE && isGnu(file, h));
  if (note < 0) {
    throw new TypeError(
      "Cannot pack this executable: it must have a PT_NOTE header to give up",
    );
  }
  return [...headers.filter((_, i) => i !== note), added];
}

/**
 * Are all its notes GNU's? `deno compile` keeps the program in a PT_NOTE of
 * its own (name "SUI"), which must stay.
 */
function isGnu(file: Uint8Array, { offset, filesz }: ProgramHeader): boolean {
  const view = viewOf(file);
  let at = offset;
  while (at < offset + filesz) {
    // Elf64_Nhdr: n_namesz, n_descsz, n_type; name and contents padded to 4.
    const [nameSize, size] = [
      view.getUint32(at, true),
      view.getUint32(at + 4, true),
    ];
    if (nameSize !== 4 || view.getUint32(at + 12) !== 0x474e5500) return false;
    at += 16 + roundUp(size, 4);
  }
  return true;
}

function roundUp(value: number, align: number): number {
  return Math.ceil(value / align) * align;
}
