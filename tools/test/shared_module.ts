/**
 * Test files as one module.
 *
 * Deno runs each test file that it is given in an isolate of its own, which
 * loads the program and compiles the schemas again: up to 1.2 s of a processor
 * for each file. The files that one module imports share all of that.
 *
 * @module
 */

import { toFileUrl } from "@std/path";

/**
 * The text of a module with the tests of these files, in their order.
 *
 * @param files absolute paths
 */
export function sharedModule(files: readonly string[]): string {
  return files.map((file) =>
    // One after the other, also where a module waits for something.
    `await import(${JSON.stringify(toFileUrl(file).href)});\n`
  ).join("");
}
