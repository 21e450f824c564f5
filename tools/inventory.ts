/**
 * Lists what the sources check, refuse and bound, whatever file it stands in.
 * What two versions of the sources differ in, a refactoring has changed:
 *
 * ```sh
 * diff <(deno task inventory ../before/lib) <(deno task inventory)
 * ```
 *
 * A line is a kind, a text and, if it occurs more than once, how often:
 * `error` with its code, texts and hint; `throw` and `caught`, a name each;
 * `text`, any other of two words or more; `regex`; `words`, a list of them;
 * `compare`, a word that something is compared with; `number`, a named one or
 * what stands before it; `mask`, an octal one; `bound`, a call with numbers
 * alone; `flags` that are combined; `wait`, a deadline and what it is set to;
 * `call` of what checks, waits or syncs; `name`, a constant that is used.
 *
 * @module
 */

import { inventoryOf } from "./inventory/extract.ts";

function* modulesBelow(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* modulesBelow(path);
    else if (name.endsWith(".ts")) yield path;
  }
}

if (import.meta.main) {
  const [folder = new URL("../lib", import.meta.url).pathname] = Deno.args;
  const sources = [...modulesBelow(folder)].map((path) =>
    Deno.readTextFileSync(path)
  );
  console.log(inventoryOf(sources).join("\n"));
}
