import { assert, assertEquals } from "@std/assert";
import { parseInvocation } from "../../lib/commands/args.ts";
import { COMMANDS } from "../../lib/commands/commands.ts";
import { isRequestCommand } from "../../lib/cli/handlers.ts";
import { requestOf } from "../../lib/commands/requests.ts";
import { examplesOf } from "../../lib/words/options.ts";
import { splitWords } from "../../lib/shell/words.ts";

/** The words of the tool's own call in a line of a shell. */
function ownWords(line: string): string[] {
  const [, call = ""] = /\bkvm-hotplug ([^|)]*)/.exec(line) ?? [];
  return splitWords(call);
}

Deno.test("every command has at least two examples", () => {
  for (const command of COMMANDS) {
    const lines = examplesOf(command);
    assert(lines.length >= 4 && lines.length % 2 === 0, command.name);
    for (const [at, line] of lines.entries()) {
      assertEquals(line.startsWith("# "), at % 2 === 0, line);
      assert(line.length <= 78, line);
    }
  }
});

Deno.test("every example is a command line of its command", () => {
  for (const command of COMMANDS) {
    const { name } = command;
    for (const line of examplesOf(command).filter((one) => one[0] !== "#")) {
      const invocation = parseInvocation(ownWords(line));
      assertEquals(invocation.command?.name, name, line);
      if (isRequestCommand(name)) requestOf(invocation);
    }
  }
});
