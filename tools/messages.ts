/**
 * Lists every text for people in lib, with its place, for whoever reads them
 * over. `tests/arch/messages_test.ts` says what none of them may hold.
 *
 * ```sh
 * deno task messages             # all
 * deno task messages lib/disk    # of one folder
 * ```
 *
 * @module
 */

import { messagesOf } from "./messages/collect.ts";

function* modulesBelow(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* modulesBelow(path);
    else if (name.endsWith(".ts")) yield path;
  }
}

if (import.meta.main) {
  const [folder = "lib"] = Deno.args;
  for (const path of [...modulesBelow(folder)].sort()) {
    for (const { line, text } of messagesOf(Deno.readTextFileSync(path))) {
      console.log(`${path}:${line}: ${text.replaceAll("\n", "\\n")}`);
    }
  }
}
