/**
 * Text for people: text from guests, QEMU or files cannot move the cursor or
 * reverse the line.
 *
 * @module
 */

import { embedTexts } from "./json_text.ts";

/**
 * Control characters, line separators, lone surrogates, bidirectional marks. A
 * text, because V8 would compile a regular expression at each start, 0.3 ms.
 */
const UNSAFE = String
  .raw`[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]`;

/** The form of most texts, which needs no tables of Unicode. */
const PLAIN = /^[\x20-\x7e]*$/;

let unsafe: RegExp | undefined;

function unsafePattern(): RegExp {
  return unsafe ??= new RegExp(UNSAFE, "gu");
}

function escape(char: string): string {
  const code = char.charCodeAt(0).toString(16).padStart(4, "0");
  return `\\u${code}`;
}

/** Whether a text can be shown unchanged, in one line. */
export function isPrintable(text: string): boolean {
  return PLAIN.test(text) || text.search(unsafePattern()) < 0;
}

/** One line with every unprintable character escaped. */
export function printable(text: string): string {
  return PLAIN.test(text) ? text : text.replace(unsafePattern(), escape);
}

/**
 * A JSON document in one line, escaped in the same way; it stays valid JSON.
 */
export function jsonLine(document: unknown): string {
  return printable(embedTexts(JSON.stringify(document)));
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** A size for a reader, e.g. `64 MiB`; powers of 1024. */
export function formatSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (Number(value.toFixed(1)) >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Number(value.toFixed(1))} ${UNITS[unit]}`;
}

/**
 * A size in the form that a person types, in the largest exact unit: `64M`,
 * `1000`.
 */
export function typedSize(bytes: number | bigint): string {
  let value = BigInt(bytes);
  let unit = -1;
  for (; value > 0n && value % 1024n === 0n && unit < 3; unit++) value /= 1024n;
  return `${value}${"kMGT"[unit] ?? ""}`;
}

/** A size as a person types it, and in bytes: `64M (67108864 bytes)`. */
export function sizeText(bytes: number | bigint): string {
  const typed = typedSize(bytes);
  const all = `${bytes} bytes`;
  return typed === `${bytes}` ? all : `${typed} (${all})`;
}

/** Columns of text, each as wide as its widest cell. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length);
    });
  }
  return rows.map((row) =>
    row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ").trimEnd()
  );
}

/** A command that can be copied, up to its end: it is never broken. */
const COMMAND =
  /(?<=^|: |\()(?:kvm-hotplug|chown|ip|kill|ln|modprobe|mv|printf|prlimit|qemu-img|rm|systemctl|truncate) [^;)]*/g;

/** Lines of at most so many characters, broken at blanks if there are any. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  const kept = text.replace(COMMAND, (it) => it.replaceAll(" ", "\0"));
  for (const part of kept.split(" ")) {
    const word = part.replaceAll("\0", " ");
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && longer.length > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
}

/** Columns of a table if no screen is known. */
const USUAL_WIDTH = 80;

/** A table of fewer columns would be cut too much. */
const LEAST_WIDTH = 40;

let screen: number | undefined;

/** Sets the width of the screen; undefined: no screen. */
export function setScreen(columns: number | undefined): void {
  screen = columns && Math.max(columns, LEAST_WIDTH);
}

/** Columns of the screen, or of a usual screen. */
export function screenWidth(): number {
  return screen ?? USUAL_WIDTH;
}

/** A line for a person: wrapped if there is a screen. */
export function fold(line: string): string {
  if (screen === undefined || line.length <= screen) return line;
  const [first = "", ...rest] = wrap(line, screen);
  if (rest.length === 0) return first;
  const below = wrap(line.slice(first.length + 1), screen - 2);
  return [first, ...below.map((one) => `  ${one}`)].join("\n");
}

/** A text of at most so many columns. */
export function cut(text: string, width: number = screenWidth()): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

/**
 * Terms and what they mean, side by side on the screen; a term that is too
 * long has a line of its own.
 *
 * @param termWidth columns of the terms
 */
export function definitions(
  rows: readonly (readonly [string, string])[],
  termWidth: number,
): string[] {
  return rows.flatMap(([term, meaning]) => {
    const lines = wrap(meaning, screenWidth() - termWidth);
    const indented = lines.map((line) => " ".repeat(termWidth) + line);
    if (term.length > termWidth - 2) return [term, ...indented];
    const [first = "", ...rest] = lines;
    return [
      term.padEnd(termWidth) + first,
      ...rest.map((line) => " ".repeat(termWidth) + line),
    ];
  });
}
