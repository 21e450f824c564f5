/**
 * As much of an ELF64 file as packing needs: headers, and two pointers.
 *
 * Names and offsets are those of elf.h (Elf64_Ehdr, Elf64_Phdr, Elf64_Dyn,
 * Elf64_Rela, Elf64_Sym).
 *
 * @module
 */

/** p_type: mapped by the kernel. */
export const PT_LOAD = 1;
/** p_type: what ld.so reads. */
export const PT_DYNAMIC = 2;
/** p_type: notes, such as the build id. */
export const PT_NOTE = 4;
/** p_type: thread-local data. */
export const PT_TLS = 7;
/** p_type: what ld.so makes read-only once it has relocated it. */
export const PT_GNU_RELRO = 0x6474e552;
/** p_flags: executable. */
export const PF_X = 1;
/** p_flags: writable. */
export const PF_W = 2;
/** p_flags: readable. */
export const PF_R = 4;

/** Bytes of one Elf64_Phdr. */
export const PHDR_SIZE = 56;

const DT_STRTAB = 5;
const DT_SYMTAB = 6;
const DT_RELA = 7;
const DT_RELASZ = 8;
const DT_PLTRELSZ = 2;
const DT_JMPREL = 23;
const DT_RELACOUNT = 0x6ffffff9;

/** R_X86_64_GLOB_DAT and R_AARCH64_GLOB_DAT, by `e_machine`. */
const GLOB_DAT: Readonly<Record<number, number>> = { 62: 6, 183: 1025 };

/** One Elf64_Phdr; offsets and sizes in bytes. */
export interface ProgramHeader {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly vaddr: number;
  readonly filesz: number;
  readonly memsz: number;
  readonly align: number;
}

/** The headers of a little-endian ELF64 executable. */
export interface ElfHeaders {
  readonly machine: number;
  readonly entry: number;
  readonly phoff: number;
  readonly programHeaders: readonly ProgramHeader[];
}

/** A view on all of `bytes`. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Reads the headers.
 *
 * @throws {TypeError} if it is no little-endian ELF64 file.
 */
export function readHeaders(file: Uint8Array): ElfHeaders {
  const view = viewOf(file);
  // e_ident: magic, ELFCLASS64, ELFDATA2LSB.
  const isElf64 = file.length >= 64 && view.getUint32(0) === 0x7f454c46 &&
    file[4] === 2 && file[5] === 1 && view.getUint16(54, true) === PHDR_SIZE;
  if (!isElf64) {
    throw new TypeError(
      "Cannot pack this executable: it must be a little-endian ELF64 file",
    );
  }
  const phoff = u64(view, 32);
  const programHeaders: ProgramHeader[] = [];
  for (let i = 0; i < view.getUint16(56, true); i++) {
    programHeaders.push(readProgramHeader(view, phoff + i * PHDR_SIZE));
  }
  return {
    machine: view.getUint16(18, true),
    entry: u64(view, 24),
    phoff,
    programHeaders,
  };
}

function readProgramHeader(view: DataView, at: number): ProgramHeader {
  return {
    type: view.getUint32(at, true),
    flags: view.getUint32(at + 4, true),
    offset: u64(view, at + 8),
    vaddr: u64(view, at + 16),
    filesz: u64(view, at + 32),
    memsz: u64(view, at + 40),
    align: u64(view, at + 48),
  };
}

/** Writes one program header at byte `at`; p_paddr is set to p_vaddr. */
export function writeProgramHeader(
  view: DataView,
  at: number,
  header: ProgramHeader,
): void {
  view.setUint32(at, header.type, true);
  view.setUint32(at + 4, header.flags, true);
  const { offset, vaddr, filesz, memsz, align } = header;
  [offset, vaddr, vaddr, filesz, memsz, align].forEach((value, i) =>
    view.setBigUint64(at + 8 + 8 * i, BigInt(value), true)
  );
}

/** One Elf64_Rela. */
export interface Relocation {
  readonly place: number;
  readonly type: number;
  readonly addend: number;
  /** Empty if it is about none. */
  readonly symbol: string;
}

/** Where the bytes of a virtual address are in the file; 0 if nowhere. */
export function fileOffset(
  { programHeaders }: ElfHeaders,
  vaddr: number,
): number {
  const home = programHeaders.find((h) =>
    h.type === PT_LOAD && vaddr >= h.vaddr && vaddr < h.vaddr + h.filesz
  );
  return home ? vaddr - home.vaddr + home.offset : 0;
}

/** The relocations that ld.so carries out. */
export function* relocations(
  file: Uint8Array,
  elf: ElfHeaders,
): Generator<Relocation> {
  const view = viewOf(file);
  const tags = readDynamic(view, elf);
  const at = (tag: number) => fileOffset(elf, tags.get(tag) ?? 0);
  const [rela, symtab, strtab] = [at(DT_RELA), at(DT_SYMTAB), at(DT_STRTAB)];
  const end = rela + (tags.get(DT_RELASZ) ?? 0);
  for (let entry = rela; entry < end; entry += 24) {
    // r_info: type in the low half, symbol in the high half.
    const index = view.getUint32(entry + 12, true);
    const name = strtab + view.getUint32(symtab + 24 * index, true);
    yield {
      place: u64(view, entry),
      type: view.getUint32(entry + 8, true),
      addend: u64(view, entry + 16),
      symbol: index === 0 ? "" : textAt(file, name),
    };
  }
}

/** Where ld.so finds the relocations (DT_RELA, DT_JMPREL). */
export interface RelocationTable {
  readonly vaddr: number;
  /** In the file. */
  readonly offset: number;
  readonly size: number;
  /** How many relative relocations are at its beginning. */
  readonly relativeCount: number;
  readonly pltOffset: number;
  readonly pltSize: number;
  /** Tells ld.so that the table is another one. */
  write(
    other: Pick<RelocationTable, "vaddr" | "size" | "relativeCount">,
  ): void;
}

/** The tables of relocations; undefined if ld.so would not find one. */
export function readRelocationTable(
  file: Uint8Array,
  elf: ElfHeaders,
): RelocationTable | undefined {
  const view = viewOf(file);
  const tags = readDynamic(view, elf);
  const [vaddr, size] = [tags.get(DT_RELA), tags.get(DT_RELASZ)];
  const relativeCount = tags.get(DT_RELACOUNT);
  if (
    vaddr === undefined || size === undefined || relativeCount === undefined
  ) return undefined;
  return {
    ...{ vaddr, size, relativeCount, offset: fileOffset(elf, vaddr) },
    pltOffset: fileOffset(elf, tags.get(DT_JMPREL) ?? 0),
    pltSize: tags.get(DT_PLTRELSZ) ?? 0,
    write(other) {
      writeDynamic(
        view,
        elf,
        new Map([
          [DT_RELA, other.vaddr],
          [DT_RELASZ, other.size],
          [DT_RELACOUNT, other.relativeCount],
        ]),
      );
    },
  };
}

/**
 * Virtual address of the GOT slot in which ld.so stores the address of
 * `environ`: the place of the GLOB_DAT relocation against that symbol.
 *
 * @throws {TypeError} if the executable has none (it is static, say).
 */
export function findEnvironSlot(file: Uint8Array, elf: ElfHeaders): number {
  for (const { place, type, symbol } of relocations(file, elf)) {
    if (type === GLOB_DAT[elf.machine] && symbol === "environ") return place;
  }
  throw new TypeError(
    "Cannot pack this executable: it must refer to `environ` of a shared libc",
  );
}

/** Where the Elf64_Dyn are in the file: d_tag and d_un. */
function* dynamicEntries(elf: ElfHeaders): Generator<number> {
  const dynamic = elf.programHeaders.find((h) => h.type === PT_DYNAMIC);
  if (dynamic === undefined) return;
  const { offset, filesz } = dynamic;
  for (let at = offset; at < offset + filesz; at += 16) yield at;
}

function readDynamic(view: DataView, elf: ElfHeaders): Map<number, number> {
  const tags = new Map<number, number>();
  for (const at of dynamicEntries(elf)) {
    tags.set(u64(view, at), u64(view, at + 8));
  }
  return tags;
}

function writeDynamic(
  view: DataView,
  elf: ElfHeaders,
  values: ReadonlyMap<number, number>,
): void {
  for (const at of dynamicEntries(elf)) {
    const value = values.get(u64(view, at));
    if (value !== undefined) view.setBigUint64(at + 8, BigInt(value), true);
  }
}

/** The C string at a place of the file. */
export function textAt(file: Uint8Array, at: number): string {
  const bytes = file.subarray(at, file.indexOf(0, at));
  return new TextDecoder().decode(bytes);
}

function u64(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}
