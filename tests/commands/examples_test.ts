import { assert, assertEquals } from "@std/assert";
import { parseInvocation } from "../../lib/commands/args.ts";
import { COMMANDS } from "../../lib/commands/commands.ts";
import { EXAMPLES } from "../../lib/commands/examples.ts";
import { isRequestCommand } from "../../lib/cli/handlers.ts";
import { requestOf } from "../../lib/commands/requests.ts";
import { splitWords } from "../../lib/shell/words.ts";

/** The words of the tool's own call in a line of a shell. */
function ownWords(line: string): string[] {
  const [, call = ""] = /\bkvm-hotplug ([^|)]*)/.exec(line) ?? [];
  return splitWords(call);
}

Deno.test("every command has two examples, and nothing else has", () => {
  const names = COMMANDS.map(({ name }) => name);
  assertEquals(Object.keys(EXAMPLES).toSorted(), names.toSorted());
  for (const [name, examples] of Object.entries(EXAMPLES)) {
    assert(examples.length >= 2, name);
    for (const [line, what] of examples) {
      assert(line.length <= 78 && what.length <= 76, line);
    }
  }
});

Deno.test("every example is a command line of its command", () => {
  for (const [name, examples] of Object.entries(EXAMPLES)) {
    for (const [line] of examples) {
      const invocation = parseInvocation(ownWords(line));
      assertEquals(invocation.command?.name, name, line);
      if (isRequestCommand(name)) requestOf(invocation);
    }
  }
});
