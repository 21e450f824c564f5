/**
 * The program as one ES module.
 *
 * @module
 */

import { runDeno } from "./run_deno.ts";

/** The project's deno.json: its import map and lock file decide. */
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/**
 * Bundles and minifies a program. The same sources give the same text.
 *
 * @param main path of the main module.
 * @param folder an existing folder for the result, the caller's to remove.
 * @throws {Error} if it cannot be bundled, or needs a module at run time.
 */
export async function bundle(main: string, folder: string): Promise<string> {
  const output = `${folder}/bundle.mjs`;
  const { status, reason } = await runDeno([
    "bundle",
    "--quiet",
    "--minify",
    "--platform=deno",
    `--config=${CONFIG}`,
    "--frozen",
    `--output=${output}`,
    main,
  ]);
  if (status !== 0) throw new Error(`Cannot bundle ${main}: ${reason}`);
  const code = await Deno.readTextFile(output);
  const missing = importsOf(code).filter((name) => !name.startsWith("node:"));
  if (missing.length > 0) {
    throw new Error(
      `Cannot bundle ${main}: imports must be bundled or node:, these are ` +
        `left: ${missing.join(", ")}`,
    );
  }
  return code;
}

/** Specifiers of the static imports that esbuild left at the top. */
function importsOf(code: string): string[] {
  const pattern = /(?:^|[;}\n])import(?:[\w$*{}\s,]+from)?\s*"([^"]+)"/g;
  return [...code.matchAll(pattern)].map((match) => match[1] ?? "");
}
