import { assertEquals } from "@std/assert";
import {
  fold,
  formatSize,
  jsonLine,
  printable,
  screenWidth,
  setScreen,
  sizeText,
  table,
  wrap,
} from "../../lib/words/text.ts";
import { assert } from "../support/facts.ts";

/** All that could move the cursor or turn the line around. */
const UNSAFE = [
  ...Array.from({ length: 32 }, (_, code) => code),
  ...Array.from({ length: 33 }, (_, i) => 0x7f + i),
  ...[0x061c, 0x200e, 0x200f, 0x2028, 0x2029],
  ...[0x202a, 0x202b, 0x202c, 0x202d, 0x202e],
  ...[0x2066, 0x2067, 0x2068, 0x2069, 0xd800, 0xdfff],
];

Deno.test("printable() escapes control and bidirectional characters", () => {
  for (const code of UNSAFE) {
    const escaped = `\\u${code.toString(16).padStart(4, "0")}`;
    assertEquals(printable(`a${String.fromCharCode(code)}b`), `a${escaped}b`);
  }
});

Deno.test("printable() leaves all other text as it is", () => {
  for (const text of ["", "Ä 😀 \\ \" '", "שלום", "a\u00a0b"]) {
    assertEquals(printable(text), text);
  }
});

Deno.test("jsonLine() is one line of valid JSON with nothing unsafe", () => {
  const text = UNSAFE.map((code) => String.fromCharCode(code)).join("");
  const line = jsonLine({ [text]: text });
  assertEquals(JSON.parse(line), { [text]: text });
  assertEquals(line, printable(line));
  assert(!line.includes("\n"));
});

Deno.test("formatSize() uses powers of 1024", () => {
  const cases: [number, string][] = [
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1 KiB"],
    [1536, "1.5 KiB"],
    [64 * 1024 ** 2, "64 MiB"],
    [5 * 1024 ** 4, "5 TiB"],
    [1024 ** 6, "1024 PiB"],
  ];
  for (const [bytes, text] of cases) assertEquals(formatSize(bytes), text);
});

Deno.test("sizeText() is a size as it is typed, and its bytes", () => {
  const sizes = [0, 1000, 1024, 1536 * 1024, 5 * 1024 ** 4, 2048 * 1024 ** 4];
  assertEquals(sizes.map(sizeText), [
    "0 bytes",
    "1000 bytes",
    "1k (1024 bytes)",
    "1536k (1572864 bytes)",
    "5T (5497558138880 bytes)",
    "2048T (2251799813685248 bytes)",
  ]);
});

Deno.test("table() aligns its columns and ends no line in blanks", () => {
  assertEquals(table([["a", "bb", ""], ["ccc", "d", "e"], ["f"]]), [
    "a    bb",
    "ccc  d   e",
    "f",
  ]);
  assertEquals(table([]), []);
});

Deno.test("wrap() never breaks a command that is to be copied", () => {
  const run = "kvm-hotplug disk remove vm1 disk-d0000000-1111-4111";
  assertEquals(wrap(`to wait for the guest, run: ${run}`, 40), [
    "to wait for the guest, run:",
    run,
  ]);
  assertEquals(wrap(`to remove it, run: ${run}; to keep it, do nothing`, 30), [
    "to remove it, run:",
    `${run};`,
    "to keep it, do nothing",
  ]);
  assertEquals(wrap("a kvm-hotplug of another user", 14), [
    "a kvm-hotplug",
    "of another",
    "user",
  ]);
});

Deno.test("fold() breaks lines at blanks where there is a screen", () => {
  const line = "warning: the VM is paused, and the guest does not answer";
  assertEquals(fold(line), line);
  try {
    setScreen(40);
    assertEquals(
      fold(line),
      "warning: the VM is paused, and the guest\n  does not answer",
    );
    assertEquals([fold("short"), screenWidth()], ["short", 40]);
    setScreen(7);
    assertEquals(screenWidth(), 40);
  } finally {
    setScreen(undefined);
  }
  assertEquals(screenWidth(), 80);
});
