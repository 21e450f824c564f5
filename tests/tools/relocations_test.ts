/** The relocations that the start stub takes over from ld.so. */
import { assert, assertEquals } from "@std/assert";
import {
  PF_R,
  PF_W,
  PT_DYNAMIC,
  PT_GNU_RELRO,
  PT_LOAD,
  PT_TLS,
  readHeaders,
  relocations,
  writeProgramHeader,
} from "../../tools/build/elf.ts";
import { takeRelocations } from "../../tools/build/relocations.ts";

const [RELATIVE, GLOB_DAT, IRELATIVE] = [8, 6, 37]; // R_X86_64_*
const TABLE = 0x400;
const DATA = { offset: 0x20010, vaddr: 0x40010, filesz: 0x8000 };
/** Every third word, then a gap, then one of a place alone. */
const PLACES = [
  ...Array.from({ length: 1200 }, (_, i) => DATA.vaddr + 0x100 + 24 * i),
  DATA.vaddr + 0x7f00,
];
const THREAD_LOCAL = DATA.vaddr + 8;

/** A program with these relocations; the last one is of this type. */
function program(last = GLOB_DAT) {
  const file = new Uint8Array(0x30000);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(18, 62, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 4, true);
  const header = { flags: PF_R, align: 4096 };
  const text = { offset: 0, vaddr: 0, filesz: 0x10000, memsz: 0x10000 };
  const dynamic = { offset: 0x300, vaddr: 0x300, filesz: 80, memsz: 80 };
  [
    { ...header, ...text, type: PT_LOAD },
    {
      ...header,
      ...DATA,
      type: PT_LOAD,
      flags: PF_R | PF_W,
      memsz: DATA.filesz,
    },
    { ...header, ...DATA, type: PT_TLS, filesz: 16, memsz: 16 },
    { ...header, ...dynamic, type: PT_DYNAMIC },
  ].forEach((one, i) => writeProgramHeader(view, 64 + 56 * i, one));
  const entries = [THREAD_LOCAL, ...PLACES].map((place) => [place, RELATIVE]);
  entries.push([DATA.vaddr + 0x7f08, last]);
  entries.forEach(([place = 0, type = 0], i) => {
    const at = TABLE + 24 * i;
    view.setBigUint64(at, BigInt(place), true);
    view.setBigUint64(at + 8, BigInt(type), true);
    view.setBigUint64(at + 16, BigInt(place + 1), true);
  });
  // DT_STRTAB, DT_SYMTAB, DT_RELA, DT_RELASZ, DT_RELACOUNT
  const count = entries.length;
  const tags = [5, 0, 6, 0, 7, TABLE, 8, 24 * count, 0x6ffffff9, count - 1];
  tags.forEach((n, i) => view.setBigUint64(0x300 + 8 * i, BigInt(n), true));
  return file;
}

/** What the table says, by the rules of DT_RELR. */
function places(table: BigUint64Array): number[] {
  const found: number[] = [];
  let next = 0;
  for (const word of table) {
    if ((word & 1n) === 0n) {
      found.push(Number(word));
      next = Number(word) + 8;
      continue;
    }
    for (let bit = 1; bit < 64; bit++) {
      if (word >> BigInt(bit) & 1n) found.push(next + 8 * (bit - 1));
    }
    next += 63 * 8;
  }
  return found;
}

Deno.test("takeRelocations() leaves ld.so what it must do before the stub", () => {
  const file = program();
  const elf = readHeaders(file);
  const taken = takeRelocations(file, elf);
  if (taken === undefined) throw new Error("nothing was taken");
  // The whole pages of the segment.
  assertEquals([taken.vaddr, taken.size], [0x40000, 0x9000]);
  assertEquals(places(taken.table).map((at) => at + taken.vaddr), PLACES);
  assert(taken.table.length < PLACES.length / 15);
  const view = new DataView(file.buffer);
  for (const place of PLACES) {
    const at = place - DATA.vaddr + DATA.offset;
    assertEquals(view.getBigUint64(at, true), BigInt(place + 1));
  }
  const left = [...relocations(file, elf)].map(({ place, type }) => [
    place,
    type,
  ]);
  assertEquals(left, [
    [THREAD_LOCAL, RELATIVE],
    [DATA.vaddr + 0x7f08, GLOB_DAT],
  ]);
  assertEquals(view.getBigUint64(0x300 + 72, true), 1n); // DT_RELACOUNT
});

Deno.test("takeRelocations() leaves all to ld.so if it calls the program", () => {
  const file = program(IRELATIVE);
  assertEquals(takeRelocations(file, readHeaders(file)), undefined);
  assertEquals(file, program(IRELATIVE));
});

Deno.test("takeRelocations() leaves what is read-only at the stub to ld.so", () => {
  const file = program();
  const view = new DataView(file.buffer);
  const header = { ...DATA, memsz: 0x1000, flags: PF_R, align: 1 };
  view.setUint16(56, 5, true);
  writeProgramHeader(view, 64 + 56 * 4, { ...header, type: PT_GNU_RELRO });
  const before = file.slice();
  assertEquals(takeRelocations(file, readHeaders(file)), undefined);
  assertEquals(file, before);
});
