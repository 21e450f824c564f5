import { assertEquals, assertThrows } from "@std/assert";
import {
  PF_R,
  PF_X,
  PT_DYNAMIC,
  PT_LOAD,
  PT_NOTE,
  readHeaders,
  writeProgramHeader,
} from "../../tools/build/elf.ts";
import { packElf } from "../../tools/build/pack_elf.ts";
import {
  assemble,
  LISTINGS,
  STUB_OFFSET,
  stubFor,
} from "../../tools/build/stub.ts";

const MACHINES = { x86_64: 62, aarch64: 183 };
const GLOB_DAT: Record<number, number> = { 62: 6, 183: 1025 };
const ABSOLUTE: Record<number, number> = { 62: 1, 183: 257 };
const RELATIVE: Record<number, number> = { 62: 8, 183: 1027 };

/**
 * An ELF file with just what packElf reads; `note` is the vendor's name,
 * `second` that of the system call after readlink in SQLite's table, which is
 * at 0x10510.
 */
function tinyElf(
  machine: number,
  { note = "GNU", symbol = "environ", second = "" } = {},
) {
  const file = new Uint8Array(0x600);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(18, machine, true);
  view.setBigUint64(24, 0x10400n, true); // e_entry
  view.setBigUint64(32, 64n, true); // e_phoff
  view.setUint16(54, 56, true);
  view.setUint16(56, 4, true);
  const segment = (
    type: number,
    [offset, vaddr, filesz]: [number, number, number],
  ) => ({ type, flags: PF_R, offset, vaddr, filesz, memsz: filesz, align: 4 });
  const headers = [
    segment(PT_NOTE, [0x1c0, 0x101c0, 20]),
    { ...segment(PT_LOAD, [0, 0x10000, 0x600]), align: 0x1000 },
    { ...segment(PT_LOAD, [0, 0x20000, 0]), memsz: 0x1234, align: 0x10000 },
    segment(PT_DYNAMIC, [0x200, 0x10200, 64]),
  ];
  headers.forEach((h, i) => writeProgramHeader(view, 64 + 56 * i, h));
  [4, 4, 1].forEach((n, i) => view.setUint32(0x1c0 + 4 * i, n, true));
  file.set(new TextEncoder().encode(note), 0x1cc);
  // DT_STRTAB, DT_SYMTAB, DT_RELA, DT_RELASZ
  [[5, 0x10300], [6, 0x10340], [7, 0x10380], [8, 120]].flat()
    .forEach((n, i) => view.setBigUint64(0x200 + 8 * i, BigInt(n), true));
  file.set(new TextEncoder().encode(`\0other\0${symbol}\0`), 0x300);
  view.setUint32(0x340 + 24, 1, true);
  view.setUint32(0x340 + 48, 7, true);
  [[0x10500, 1], [0x10508, 2]].forEach(([place = 0, name = 0], i) => {
    view.setBigUint64(0x380 + 24 * i, BigInt(place), true);
    view.setUint32(0x388 + 24 * i, GLOB_DAT[machine] ?? 0, true);
    view.setUint32(0x38c + 24 * i, name, true);
  });
  file.set(new TextEncoder().encode("readlink\0"), 0x320);
  file.set(new TextEncoder().encode(`${second}\0`), 0x330);
  view.setUint32(0x340 + 72, 0x20, true);
  const table: [number, number, number, number][] = second === "" ? [] : [
    [0x10518, ABSOLUTE[machine] ?? 0, 3, 0],
    [0x10510, RELATIVE[machine] ?? 0, 0, 0x10320],
    [0x10528, RELATIVE[machine] ?? 0, 0, 0x10330],
  ];
  table.forEach(([place, type, symbol, addend], i) => {
    const at = 0x3b0 + 24 * i;
    view.setBigUint64(at, BigInt(place), true);
    view.setUint32(at + 8, type, true);
    view.setUint32(at + 12, symbol, true);
    view.setBigUint64(at + 16, BigInt(addend), true);
  });
  return file;
}

const refusal = (line: string) => ({ line, document: `{${line}}` });

const STACK = { resource: 3, bits: 21, refusal: refusal("stack") };
const PLACE = {
  variables: ["A=1"],
  rules: [{ prefix: "B" }],
  refuge: "/r",
  sink: "/s",
  needs: {
    descriptors: 9,
    fewDescriptors: refusal("few"),
    noProc: refusal("proc"),
    limits: [STACK],
  },
};

for (const [name, machine] of Object.entries(MACHINES)) {
  Deno.test(`packElf() appends a segment for ${name}`, () => {
    const before = tinyElf(machine);
    const packed = packElf(before, ["deno", "é"], { surroundings: PLACE });
    const elf = readHeaders(packed);
    const added = elf.programHeaders.at(-1);
    const size = packed.length - 0x10000;
    const expected = { type: PT_LOAD, flags: PF_R | PF_X, align: 0x10000 };
    assertEquals(added, {
      ...expected,
      offset: 0x10000,
      vaddr: 0x30000,
      filesz: size,
      memsz: size,
    });
    assertEquals(elf.entry, 0x30000 + STUB_OFFSET);
    assertEquals(elf.programHeaders.map((h) => h.type), [1, 1, 2, 1]);
    // Nothing but e_entry and the program headers is different.
    packed.copyWithin(24, 32, 32);
    const rest = (file: Uint8Array) => file.slice(64 + 4 * 56, 0x600);
    assertEquals(rest(packed), rest(before));
  });

  Deno.test(`packElf() writes the table of the ${name} stub`, () => {
    const packed = packElf(tinyElf(machine), ["deno", "é"], {
      surroundings: PLACE,
    });
    const segment = packed.subarray(0x10000);
    const view = new DataView(segment.buffer, segment.byteOffset);
    const text = (at: number) => {
      const bytes = segment.subarray(at, segment.indexOf(0, at));
      return new TextDecoder().decode(bytes);
    };
    const u32 = (at: number) => view.getUint32(at, true);
    assertEquals(view.getBigInt64(0, true), 0x10400n - 0x30000n);
    assertEquals(view.getBigInt64(8, true), 0x10508n - 0x30000n);
    assertEquals([u32(16), u32(20)], [2, 1]);
    assertEquals(text(u32(u32(24))), "deno");
    assertEquals(text(u32(u32(24) + 4)), "é");
    assertEquals(text(u32(u32(28))), "A=1");
    const rules = segment.subarray(u32(32), u32(32) + 5);
    assertEquals([...rules], [1, 0, 0x42, 0, 0]);
    assertEquals(text(u32(36)), "/r");
    const needs = u32(52);
    const numbers = segment.subarray(needs, needs + 5);
    assertEquals([...numbers], [9, 3, 21, 0, 0]);
    const told = "few\0{few}\0proc\0{proc}\0stack\0{stack}\0";
    const bytes = segment.subarray(needs + 5, needs + 5 + told.length);
    assertEquals(new TextDecoder().decode(bytes), told);
    const code = stubFor(machine);
    const at = STUB_OFFSET;
    assertEquals(segment.subarray(at, at + code.length), code);
  });
}

for (const [name, machine] of Object.entries(MACHINES)) {
  const codeCache = new TextEncoder().encode("cache");
  const sizeOf = (second: string) => {
    const elf = tinyElf(machine, { second });
    const packed = packElf(elf, [], { surroundings: PLACE, codeCache });
    const view = new DataView(packed.buffer, 0x10000);
    const at = view.getUint32(44, true);
    const size = view.getUint32(48, true);
    assertEquals(packed.slice(0x10000 + at), codeCache.slice(0, size));
    return { size, slot: Number(view.getBigInt64(56, true)) };
  };
  Deno.test(`packElf() gives a code cache where SQLite is as expected, ${name}`, () => {
    assertEquals(sizeOf("lstat"), { size: 5, slot: 0x10530 - 0x30000 });
    assertEquals(sizeOf("lchown"), { size: 0, slot: 0 });
    assertEquals(sizeOf(""), { size: 0, slot: 0 });
  });
}

Deno.test("packElf() puts the tail at the end of the file", () => {
  const tail = new TextEncoder().encode("the end");
  const [plain, packed] = [{}, { tail }]
    .map((options) => packElf(tinyElf(62), [], options));
  assertEquals(packed?.slice(plain?.length), tail);
  assertEquals(packed?.slice(0, plain?.length), plain);
});

Deno.test("packElf() keeps the note in which deno compile has the program", () => {
  assertThrows(() => packElf(tinyElf(62, { note: "SUI" }), []), TypeError);
});

Deno.test("packElf() refuses what it cannot pack", () => {
  const elf = tinyElf(62);
  assertThrows(() => packElf(new Uint8Array(100), []), TypeError, "ELF64");
  assertThrows(() => packElf(tinyElf(40), []), RangeError, "40");
  const noEnviron = tinyElf(62, { symbol: "environs" });
  assertThrows(() => packElf(noEnviron, []), TypeError, "environ");
  assertThrows(() => packElf(elf, ["a\0b"]), TypeError, "NUL");
  for (
    const bad of [
      { descriptors: 256 },
      { limits: [{ ...STACK, resource: 256 }] },
    ]
  ) {
    const needs = { ...PLACE.needs, ...bad };
    assertThrows(
      () => packElf(elf, [], { surroundings: { ...PLACE, needs } }),
      RangeError,
      "256",
    );
  }
  const rules = [{ prefix: "x".repeat(256) }];
  assertThrows(
    () => packElf(elf, [], { surroundings: { ...PLACE, rules } }),
    TypeError,
    "255",
  );
});

/** Lines of a listing with their place; a label has its own as target. */
function* placed(listing: string) {
  let at = STUB_OFFSET;
  for (const line of listing.trim().split("\n")) {
    if (line.endsWith(":")) {
      yield { label: line.slice(0, -1), at, bytes: new Uint8Array(), text: "" };
      continue;
    }
    const [, text = ""] = line.split("|");
    const bytes = assemble(line);
    yield { label: "", at, bytes, text: text.trim() };
    at += bytes.length;
  }
}

/** Where the instruction goes to, from its encoding. */
function targetX86(at: number, bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer);
  const end = at + bytes.length;
  return bytes.length === 2
    ? end + view.getInt8(1)
    : end + view.getInt32(bytes.length - 4, true);
}

function targetA64(at: number, bytes: Uint8Array): number {
  const word = new DataView(bytes.buffer).getInt32(0, true);
  // B and BL: imm26; ADR: immhi:immlo in bytes; the others: imm19 or imm14.
  if ((word & 0x7c000000) === 0x14000000) return at + ((word << 6) >> 6) * 4;
  if ((word & 0x1f000000) === 0x10000000) {
    return at + (((word << 8) >> 13) * 4 | (word >> 29 & 3));
  }
  // TBZ and TBNZ: imm14.
  if ((word & 0x7e000000) === 0x36000000) return at + ((word << 13) >> 18) * 4;
  return at + ((word << 8) >> 13) * 4;
}

const TARGETS = { x86_64: targetX86, aarch64: targetA64 };
for (const [name, target] of Object.entries(TARGETS)) {
  Deno.test(`stubFor() branches to the labels of the ${name} listing`, () => {
    const lines = [...placed(LISTINGS[name as keyof typeof LISTINGS])];
    const labels = new Map([["hdr", 0], ["rip+hdr", 0]]);
    for (const { label, at } of lines) {
      if (label) labels.set(label, at).set(`rip+${label}`, at);
    }
    let branches = 0;
    for (const { at, bytes, text } of lines) {
      const operand = text.split(/[ ,[\]]/).filter(Boolean).at(-1) ?? "";
      const expected = labels.get(operand);
      if (expected === undefined) continue;
      branches++;
      assertEquals(target(at, bytes), expected, `${at}: ${text}`);
    }
    assertEquals(branches, name === "x86_64" ? 74 : 69);
  });
}

Deno.test("assemble() refuses a line that is no code", () => {
  assertThrows(() => assemble("0f 5 | syscall"), TypeError, "0f 5");
});
