import { assertEquals } from "@std/assert";
import { VERSION } from "../../lib/version.ts";
import { codeOf, libFiles, readSource, type SourceFile } from "./source.ts";

const MAX_LINES = 400;

/** Where a pattern stands in the code of files: `path:line`. */
function places(files: readonly SourceFile[], pattern: RegExp): string[] {
  return files.flatMap((file) =>
    codeOf(file).split("\n").flatMap((line, i) =>
      pattern.test(line) ? [`${file.path}:${i + 1}`] : []
    )
  );
}

function outside(folder: string): SourceFile[] {
  return [readSource("main.ts"), ...libFiles()]
    .filter(({ path }) => !path.startsWith(folder));
}

Deno.test("FFI exists only in lib/sys", () => {
  assertEquals(places(outside("lib/sys/"), /Deno\.(?:dlopen|Unsafe)/), []);
});

/** Lines above a call among which its SAFETY line must stand. */
const NEAR = 12;

Deno.test("every call of libc says why it is safe", () => {
  const call = /\blibc\.\w+\(|\.symbols\.\w+\(/;
  const calls = libFiles().flatMap((file) => {
    const lines = file.text.split("\n");
    return places([file], call).map((place) => {
      const at = Number(place.split(":")[1]);
      const near = lines.slice(Math.max(0, at - 1 - NEAR), at).join("\n");
      return { place, safe: near.includes("SAFETY:") };
    });
  });
  assertEquals(calls.length > 20, true, "the pattern finds the calls");
  const silent = calls.filter(({ safe }) => !safe).map(({ place }) => place);
  assertEquals(silent, []);
});

Deno.test("only main.ts exits, reads the arguments and hears signals", () => {
  const own = /Deno\.(?:exit|args|addSignalListener|exitCode)\b/;
  assertEquals(places(libFiles(), own), []);
  assertEquals(places([readSource("main.ts")], own).length > 0, true);
});

/** Read by names that its file has, or never by a name. */
const CLOSED_TABLES = ["lib/engine/journal_check.ts"];

Deno.test("a table that is read by a word is a Map, and has no inherited words", () => {
  const files = libFiles().filter(({ path }) => !CLOSED_TABLES.includes(path));
  const table = /^(?:export )?const \w+: (?:Readonly<)?Record<string,.*= \{/;
  assertEquals(places(files, table), []);
});

Deno.test("what is noted of a device is read by noteOn()", () => {
  const own = "lib/state/own_check.ts";
  const files = libFiles().filter(({ path }) => path !== own);
  assertEquals(places(files, /\brecord\w*(?:\(.*\))?\.devices\[/), []);
});

Deno.test("lib writes to no console", () => {
  assertEquals(places(libFiles(), /\bconsole\./), []);
});

Deno.test("nothing is of type any", () => {
  const any = /(?:[:<|&,(=]|\bas|\bextends)\s*any\b/;
  assertEquals(places(outside("-"), any), []);
});

Deno.test("no check of the compiler or the linter is switched off", () => {
  const off = libFiles().filter(({ text }) =>
    /@ts-(?:ignore|expect-error|nocheck)|deno-lint-ignore/.test(text)
  );
  assertEquals(off.map(({ path }) => path), []);
});

Deno.test(`no file is longer than ${MAX_LINES} lines`, () => {
  const long = libFiles()
    .map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }))
    .filter(({ lines }) => lines > MAX_LINES)
    .map(({ path, lines }) => `${path}: ${lines}`);
  assertEquals(long, []);
});

/** More make the flow hard to follow; fewer cost every command time. */
const MAX_LAZY_IMPORTS = 45;

Deno.test(`lib has at most ${MAX_LAZY_IMPORTS} lazy imports`, () => {
  const lazy = places(libFiles(), /\bimport\(/);
  assertEquals(lazy.length > 10, true, "the pattern finds them");
  assertEquals(lazy.slice(MAX_LAZY_IMPORTS), []);
});

const EXPORT =
  /^export (?:abstract |async |declare )*(?:function\*?|class|const|let|interface|type|enum) (\w+)/;

/** The start of a method or accessor; those of one class are indented once. */
const METHOD =
  /^ {2}(?:static |async |override |get |set |\*)*(?!constructor\b|if\b|for\b)(\w+|\[Symbol\.\w+\])(?:<[^(]*)?\(/;

/** Whether a doc comment ends right above line `at`. */
function isDocumented(lines: readonly string[], at: number): boolean {
  // A directive for the formatter may stand between.
  const above = lines.slice(0, at).filter((one) => !/^\s*\/\//.test(one));
  return above.at(-1)?.trim().endsWith("*/") ?? false;
}

/** Exports, and public methods of exported classes, without a doc comment. */
function undocumented({ path, text }: SourceFile): string[] {
  const lines = text.split("\n");
  let inClass = false;
  return lines.flatMap((line, i) => {
    if (/^\S/.test(line)) {
      inClass = /^export (?:abstract )?class /.test(line);
    }
    const found = EXPORT.exec(line)?.[1] ??
      (inClass ? METHOD.exec(line)?.[1] : undefined);
    if (found === undefined || isDocumented(lines, i)) return [];
    return [`${path}:${i + 1} ${found}`];
  });
}

Deno.test("every export of lib, and its public methods, have JSDoc", () => {
  assertEquals(libFiles().flatMap(undocumented), []);
});

Deno.test("a method without JSDoc is found", () => {
  const text = [
    "/** A class. */",
    "export class A {",
    "  #b(): void {}",
    "  /** Says. */",
    "  c(): void {",
    "    this.#b();",
    "  }",
    "  async d<T>(",
    "    e: T,",
    "  ) {}",
    "  [Symbol.dispose](): void {}",
    "}",
    "function f() {",
    "  g();",
    "}",
    "export const h = 1;",
  ].join("\n");
  const found = undocumented({ path: "a.ts", text });
  assertEquals(found, ["a.ts:8 d", "a.ts:11 [Symbol.dispose]", "a.ts:16 h"]);
});

Deno.test("every file of lib says what it is", () => {
  const silent = libFiles()
    .filter(({ path }) => path !== "lib/version.ts")
    .filter(({ text }) => !/^\/\*\*[\s\S]*?@module\s*\*\//.test(text));
  assertEquals(silent.map(({ path }) => path), []);
});

Deno.test("file names are in snake_case", () => {
  const odd = libFiles().map(({ path }) => path)
    .filter((path) => !/^lib\/(?:[a-z]+\/)?[a-z0-9_]+\.ts$/.test(path));
  assertEquals(odd, []);
});

Deno.test("VERSION is that of deno.json", () => {
  const config = JSON.parse(readSource("deno.json").text);
  assertEquals(config.version, VERSION);
  assertEquals(/^\d+\.\d+\.\d+$/.test(VERSION), true);
});
