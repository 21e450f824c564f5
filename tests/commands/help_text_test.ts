/**
 * The usage of the program and of each command, to the letter: a line that was
 * lost. Where a text was changed on purpose, run this with TEXTS=write, and look
 * at the difference in tests/testdata/text/help.txt.
 */
import { assertEquals } from "@std/assert";
import { COMMANDS } from "../../lib/commands/commands.ts";
import { helpOn } from "../../lib/commands/help.ts";
import { commandUsage, usageText } from "../../lib/commands/usage.ts";

const FILE = new URL("../testdata/text/help.txt", import.meta.url);

Deno.test("usageText(), helpOn() and commandUsage() say these texts", () => {
  const groups = new Set(COMMANDS.flatMap(({ name }) => {
    const [first = "", second] = name.split(" ");
    return second === undefined ? [] : [first];
  }));
  const texts = [
    usageText(),
    ...[...groups].map((word) => helpOn(word)),
    ...COMMANDS.map((one) => commandUsage(one, "command line")),
    ...COMMANDS.slice(0, 1).map((one) => commandUsage(one, "shell")),
  ];
  const text = texts.map((one) => `${one}\n`).join(`${"-".repeat(80)}\n`);
  if (Deno.env.get("TEXTS") === "write") Deno.writeTextFileSync(FILE, text);
  assertEquals(text, Deno.readTextFileSync(FILE));
});
