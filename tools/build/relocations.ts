/**
 * Which relocations the start stub takes over from ld.so (stub_relocate.ts).
 *
 * @module
 */

import {
  type ElfHeaders,
  fileOffset,
  PF_W,
  type ProgramHeader,
  PT_GNU_RELRO,
  PT_LOAD,
  PT_TLS,
  readRelocationTable,
  type RelocationTable,
  viewOf,
} from "./elf.ts";

/** R_X86_64_RELATIVE and R_AARCH64_RELATIVE, by `e_machine`. */
const RELATIVE: Readonly<Record<number, number>> = { 62: 8, 183: 1027 };
/** R_X86_64_IRELATIVE and R_AARCH64_IRELATIVE. */
const IRELATIVE: Readonly<Record<number, number>> = { 62: 37, 183: 1032 };

/** Bytes of an Elf64_Rela: r_offset, r_info, r_addend. */
const RELA_SIZE = 24;
const PAGE = 4096;
/** Below this ld.so is as fast. */
const FEWEST = 1000;

/** What the stub relocates. */
export interface Relocated {
  /** Virtual address and bytes of the region: whole pages. */
  readonly vaddr: number;
  readonly size: number;
  /** Words of 64 bits, places relative to the region. */
  readonly table: BigUint64Array<ArrayBuffer>;
}

/** One relative relocation. */
interface Relative {
  readonly place: number;
  readonly addend: bigint;
}

/**
 * Takes the relative relocations of one segment out of ld.so's table, and puts
 * their addends in their places. Those of the segment that has most of them;
 * ld.so copies thread-local data before the stub runs, so it keeps theirs.
 *
 * @param file is changed.
 * @returns undefined if nothing was changed: the program has few, or functions
 * that ld.so calls to relocate it (IRELATIVE), or data that is read-only when
 * the stub begins (PT_GNU_RELRO; Deno 2.9.6 has none).
 */
export function takeRelocations(
  file: Uint8Array,
  elf: ElfHeaders,
): Relocated | undefined {
  const table = readRelocationTable(file, elf);
  const isProtected = elf.programHeaders.some(({ type }) =>
    type === PT_GNU_RELRO
  );
  if (table === undefined || isProtected) return undefined;
  const view = viewOf(file);
  const typeAt = (at: number) => view.getUint32(at + 8, true);
  const entries = (from: number, size: number) =>
    Array.from({ length: size / RELA_SIZE }, (_, i) => from + i * RELA_SIZE);
  const all = entries(table.offset, table.size);
  const called = [...all, ...entries(table.pltOffset, table.pltSize)]
    .some((at) => typeAt(at) === IRELATIVE[elf.machine]);
  if (called) return undefined;
  const placeAt = (at: number) => Number(view.getBigUint64(at, true));
  const relative = all.filter((at) =>
    typeAt(at) === RELATIVE[elf.machine] && placeAt(at) % 8 === 0
  );
  const segment = fullest(elf, relative.map(placeAt));
  if (segment === undefined) return undefined;
  const isTaken = (at: number) =>
    within(segment, placeAt(at)) && !isThreadLocal(elf, placeAt(at));
  const taken = relative.filter(isTaken);
  if (taken.length < FEWEST) return undefined;
  const found = taken
    .map((at) => ({
      place: placeAt(at),
      addend: view.getBigUint64(at + 16, true),
    }))
    .sort((one, other) => one.place - other.place);
  for (const { place, addend } of found) {
    view.setBigUint64(fileOffset(elf, place), addend, true);
  }
  const gone = new Set(taken);
  removeEntries(file, table, {
    kept: all.filter((at) => !gone.has(at)),
    relativeCount: table.relativeCount - taken.length,
  });
  const vaddr = Math.floor(segment.vaddr / PAGE) * PAGE;
  const end = Math.ceil((segment.vaddr + segment.filesz) / PAGE) * PAGE;
  return { vaddr, size: end - vaddr, table: encode(found, vaddr) };
}

function within({ vaddr, filesz }: ProgramHeader, place: number): boolean {
  return place >= vaddr && place + 8 <= vaddr + filesz;
}

function isThreadLocal(elf: ElfHeaders, place: number): boolean {
  return elf.programHeaders.some((one) =>
    one.type === PT_TLS && place + 8 > one.vaddr &&
    place < one.vaddr + one.memsz
  );
}

/** The writable segment with most of the places. */
function fullest(
  { programHeaders }: ElfHeaders,
  places: readonly number[],
): ProgramHeader | undefined {
  const count = (header: ProgramHeader) =>
    places.filter((place) => within(header, place)).length;
  return programHeaders
    .filter(({ type, flags }) => type === PT_LOAD && (flags & PF_W) !== 0)
    .map((header) => ({ header, places: count(header) }))
    .sort((one, other) => other.places - one.places)[0]?.header;
}

/**
 * The entries that are kept go to the end of the table, in their order: ld.so
 * wants the relative ones first.
 */
function removeEntries(
  file: Uint8Array,
  table: RelocationTable,
  { kept, relativeCount }: { kept: readonly number[]; relativeCount: number },
): void {
  const bytes = kept.map((at) => file.slice(at, at + RELA_SIZE));
  const size = kept.length * RELA_SIZE;
  const begin = table.offset + table.size - size;
  file.fill(0, table.offset, begin);
  bytes.forEach((entry, i) => file.set(entry, begin + i * RELA_SIZE));
  table.write({
    vaddr: table.vaddr + table.size - size,
    size,
    relativeCount,
  });
}

/** As the table of DT_RELR: a place, then bitmaps of 63 words each. */
function encode(
  relocations: readonly Relative[],
  start: number,
): BigUint64Array<ArrayBuffer> {
  const words: bigint[] = [];
  let at = 0;
  while (at < relocations.length) {
    const first = relocations[at++]?.place ?? 0;
    words.push(BigInt(first - start));
    for (let base = first + 8;; base += 63 * 8) {
      let bits = 0n;
      for (;;) {
        const place = relocations[at]?.place ?? Infinity;
        if (place >= base + 63 * 8) break;
        bits |= 1n << BigInt((place - base) / 8);
        at++;
      }
      if (bits === 0n) break;
      words.push(bits << 1n | 1n);
    }
  }
  return new BigUint64Array(words);
}
