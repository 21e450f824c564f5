import { assertEquals } from "@std/assert";
import {
  cut,
  definitions,
  fold,
  formatSize,
  isPrintable,
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
    const text = `a${String.fromCharCode(code)}b`;
    assertEquals([printable(text), isPrintable(text)], [`a${escaped}b`, false]);
  }
});

Deno.test("printable() leaves all other text as it is", () => {
  for (const text of ["", "Ä 😀 \\ \" '", "שלום", "a\u00a0b"]) {
    assertEquals([printable(text), isPrintable(text)], [text, true]);
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
    [1023.94 * 1024, "1023.9 KiB"],
    [1023.96 * 1024, "1 MiB"],
    [3 * 1024 ** 3, "3 GiB"],
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
  assertEquals(table([["a", "", "b"]]), ["a    b"]);
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

Deno.test("wrap() fills its lines to the last column", () => {
  assertEquals(wrap("aaa bbb cc", 7), ["aaa bbb", "cc"]);
  assertEquals(wrap("aaa bbb cc", 6), ["aaa", "bbb cc"]);
  assertEquals(wrap("aaaaaaaaa b", 4), ["aaaaaaaaa", "b"]);
  assertEquals(wrap("", 4), [""]);
});

Deno.test("cut() has an ellipsis in the last of its columns", () => {
  assertEquals(["abc", "abcd", "abcde"].map((one) => cut(one, 4)), [
    "abc",
    "abcd",
    "abc…",
  ]);
  assertEquals(cut("x".repeat(81)), `${"x".repeat(79)}…`);
  assertEquals(cut("x".repeat(80)), "x".repeat(80));
});

Deno.test("fold() leaves a line that just fits, and one that has no blank", () => {
  try {
    setScreen(50);
    const words = "a".repeat(24);
    const line = `${words} ${words}b`;
    assertEquals(line.length, 50);
    assertEquals([fold(line), fold("x".repeat(60))], [line, "x".repeat(60)]);
    const below = "c".repeat(48);
    assertEquals(fold(`${line} ${below}`), `${line}\n  ${below}`);
    assertEquals(fold(`${line} ${line.slice(2)}`).split("\n")[1]?.length, 50);
    assertEquals(fold(`${line}b ${line}`).split("\n"), [
      words,
      `  ${words}bb`,
      `  ${words}`,
      `  ${words}b`,
    ]);
  } finally {
    setScreen(undefined);
  }
});

Deno.test("definitions() puts a long term on a line of its own", () => {
  const rows = [["term", "what it is"], ["terms", "x"], ["longer", "y"]];
  assertEquals(definitions(rows.map(([a = "", b = ""]) => [a, b]), 7), [
    "term   what it is",
    "terms  x",
    "longer",
    "       y",
  ]);
  try {
    setScreen(40);
    const meaning = "one two three four five six seven eight";
    assertEquals(definitions([["term", meaning]], 10), [
      "term      one two three four five six",
      "          seven eight",
    ]);
  } finally {
    setScreen(undefined);
  }
});
