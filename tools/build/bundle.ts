/**
 * The program as one ES module.
 *
 * @module
 */

import { dirname, join, relative, resolve } from "@std/path/posix";
import type { Chunk } from "./chunks.ts";
import { runDeno } from "./run_deno.ts";

/** The project's deno.json: its import map and lock file decide. */
const CONFIG = resolve(import.meta.dirname ?? ".", "../../deno.json");

/**
 * Bundles and minifies a program. The same sources give the same text.
 *
 * @param main path of the main module.
 * @param folder an existing folder for the result, the caller's to remove.
 * @throws {Error} if it cannot be bundled, or needs a module at run time.
 */
export async function bundle(main: string, folder: string): Promise<string> {
  const output = `${folder}/bundle.mjs`;
  await runBundler([main], `--output=${output}`);
  const code = await Deno.readTextFile(output);
  expectNoImports(main, code);
  return code;
}

/**
 * As {@linkcode bundle}; each module that the sources `import()` gets a chunk
 * of its own.
 *
 * @param named paths of modules below the folder of the main module, which have
 * a chunk of their path each.
 * @returns the chunks in the order in which they name each other, the chunk of
 * the main module first. Their names give no order: esbuild hashes the paths of
 * the sources and of Deno's cache into them.
 */
export async function bundleChunks(
  main: string,
  { folder, named }: { folder: string; named: readonly string[] },
): Promise<[Chunk, ...Chunk[]]> {
  const outdir = `${folder}/chunks`;
  const [root, options] = [dirname(main), `--outdir=${outdir}`];
  const others = named.map((path) => join(root, path));
  // An entry point keeps its path, others but their base name.
  await runBundler([main, ...others], "--code-splitting", options);
  const first = chunkName(relative(root, main));
  const found = new Map<string, Chunk>();
  const read = (name: string): Chunk => {
    const text = Deno.readTextFileSync(`${outdir}/${name}`).trim();
    const code = text.replaceAll(
      NAMED,
      (_, before, to) => `${before}"./${join(dirname(name), to)}"`,
    );
    expectNoImports(main, code);
    const chunk = { name, code };
    found.set(name, chunk);
    for (const other of chunksNamed(code)) if (!found.has(other)) read(other);
    return chunk;
  };
  const start = read(first);
  return [start, ...[...found.values()].slice(1)];
}

/** The name of the chunk of the module with this path. */
export function chunkName(path: string): string {
  return path.replace(/\.[jt]s$/, ".js");
}

/** A chunk that is imported, now or later, by its place. */
const NAMED = /\b(from|import\(?)"(\.{1,2}\/[^"]+)"/g;

/** Names of the chunks that a chunk imports, as they come. */
function chunksNamed(code: string): string[] {
  return [...code.matchAll(NAMED)].map(([, , to = ""]) => join(to));
}

async function runBundler(
  mains: readonly string[],
  ...options: string[]
): Promise<void> {
  const { status, reason } = await runDeno([
    "bundle",
    "--quiet",
    "--minify",
    "--platform=deno",
    `--config=${CONFIG}`,
    "--frozen",
    ...options,
    ...mains,
  ]);
  if (status !== 0) throw new Error(`Cannot bundle ${mains[0]}: ${reason}`);
}

function expectNoImports(main: string, code: string): void {
  const missing = importsOf(code).filter((name) =>
    !/^(?:node:|\.\/)/.test(name)
  );
  if (missing.length === 0) return;
  throw new Error(
    `Cannot bundle ${main}: imports must be bundled or node:, these are ` +
      `left: ${missing.join(", ")}`,
  );
}

/** Specifiers of the static imports that esbuild left at the top. */
function importsOf(code: string): string[] {
  const pattern = /(?:^|[;}\n])import(?:[\w$*{}\s,]+from)?\s*"([^"]+)"/g;
  return [...code.matchAll(pattern)].map((match) => match[1] ?? "");
}
