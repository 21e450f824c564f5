/**
 * `deno task picture`: runs the demo and draws what it shows into
 * docs/demo.svg.
 *
 * @module
 */

import { fromFileUrl } from "@std/path";
import { pictureOf } from "./demo/picture.ts";

const FILE = fromFileUrl(new URL("../docs/demo.svg", import.meta.url));
const DEMO = fromFileUrl(new URL("demo.ts", import.meta.url));

const { success, stdout } = await new Deno.Command(Deno.execPath(), {
  args: ["run", "-A", DEMO],
  stderr: "inherit",
}).output();
const text = new TextDecoder().decode(stdout);
// The set-up tells of this machine, and the end of its speed.
const begin = text.indexOf("\x1b[1m3. ");
const end = text.lastIndexOf("\n\x1b[1mThe VM");
if (!success || begin < 0 || end < begin) throw new Error(`no demo: ${text}`);
await Deno.writeTextFile(FILE, pictureOf(text.slice(begin, end).trimEnd()));
console.log(`made ${FILE}`);
