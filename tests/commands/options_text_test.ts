/**
 * Which options each command has, and what they take: one that was lost, or
 * came by chance. Where options were changed on purpose, run this with
 * TEXTS=write, and look at the difference in tests/testdata/text/options.txt.
 */
import { assertEquals } from "@std/assert";
import { COMMANDS } from "../../lib/commands/commands.ts";
import { GLOBAL_OPTIONS, type OptionSpec } from "../../lib/words/options.ts";

const FILE = new URL("../testdata/text/options.txt", import.meta.url);

function lineOf({ name, value, short, choices, ...more }: OptionSpec): string {
  return [
    `  --${name}`,
    ...value === undefined ? [] : [value],
    ...short === undefined ? [] : [`-${short}`],
    ...choices === undefined ? [] : [`(${choices.join(" ")})`],
    ...more.default === undefined ? [] : [`[${more.default}]`],
  ].join(" ");
}

Deno.test("COMMANDS and GLOBAL_OPTIONS have these options", () => {
  const text = [
    ...COMMANDS.flatMap(({ name, operands, options }) => [
      [name, ...operands].join(" "),
      ...options.map(lineOf),
    ]),
    "every command",
    ...GLOBAL_OPTIONS.map(lineOf),
    "",
  ].join("\n");
  if (Deno.env.get("TEXTS") === "write") Deno.writeTextFileSync(FILE, text);
  assertEquals(text, Deno.readTextFileSync(FILE));
});
