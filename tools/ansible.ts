/**
 * `deno task ansible`: writes the modules of integrations/ansible, whose
 * options come from the table of commands. Run it after a change of an option.
 *
 * @module
 */

import { collectionFiles } from "./ansible/render.ts";

/** The collection's folder. */
export const COLLECTION = new URL("../integrations/ansible", import.meta.url)
  .pathname;

if (import.meta.main) {
  for (const [path, text] of await collectionFiles()) {
    await Deno.writeTextFile(`${COLLECTION}/${path}`, text);
    console.log(path);
  }
}
