/**
 * The project's own files as text, for the tests that look at how it is built.
 *
 * @module
 */

const ROOT = new URL("../../", import.meta.url);

/** A source file; its path counts from the project's folder. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

function* walk(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(folder, ROOT))) {
    if (isDirectory) yield* walk(`${folder}${name}/`);
    else if (name.endsWith(".ts")) yield folder + name;
  }
}

/** Text of one file of the project. */
export function readSource(path: string): SourceFile {
  return { path, text: Deno.readTextFileSync(new URL(path, ROOT)) };
}

/** All files below lib, in a fixed order. */
export function libFiles(): SourceFile[] {
  return [...walk("lib/")].sort().map(readSource);
}

/** All files below tests, in a fixed order. */
export function testFiles(): SourceFile[] {
  return [...walk("tests/")].sort().map(readSource);
}

/** All files below tools, in a fixed order. */
export function toolFiles(): SourceFile[] {
  return [...walk("tools/")].sort().map(readSource);
}

const COMMENT_OR_TEXT =
  /\/\*[\s\S]*?\*\/|\/\/.*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/g;

/** The code alone: comments and quoted texts are blanked. */
export function codeOf({ text }: SourceFile): string {
  return text.replace(COMMENT_OR_TEXT, (part) => part.replace(/[^\n]/g, " "));
}

/** The code with its quoted texts: comments are blanked. */
export function withoutComments(text: string): string {
  return text.replace(
    COMMENT_OR_TEXT,
    (part) => part.startsWith("/") ? part.replace(/[^\n]/g, " ") : part,
  );
}

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s(?:[^;"']*?\sfrom\s+)?["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']/g;

/** What a file imports, types included, as it names it. */
export function importsOf({ text }: SourceFile): string[] {
  return [...text.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? "");
}

/** Path that a relative import leads to. */
export function resolveImport(from: string, name: string): string {
  const base = new URL(from, "file:///");
  return new URL(name, base).pathname.slice(1);
}

/** The comments of a file, each in one line. */
export function commentsOf({ text }: SourceFile): string[] {
  const joined = text
    .replaceAll(/\n\s*\*(?!\/)[ \t]*/g, " ")
    .replaceAll(/(?<=\/\/.*)\n\s*\/\/[ \t]*/g, " ");
  return [...joined.matchAll(COMMENT_OR_TEXT)].map(([part]) => part)
    .filter((part) => part.startsWith("/"));
}
