/** Every text for people in lib is plain and short: CONTRIBUTING, "Rules". */
import { assertEquals } from "@std/assert";
import { messagesOf } from "../../tools/messages/collect.ts";
import { MESSAGE_RIDDLES, RIDDLES, riddlesIn } from "./riddles.ts";
import { libFiles } from "./source.ts";

/** Characters before values are filled in; commands to copy do not count. */
const MAX_LENGTH = 200;

/** Not prose: the scripts and the list of switches are for programs. */
const NOT_READ = [
  "lib/commands/completion_scripts.ts",
  "lib/state/fixed_command.ts",
];

/** A command that can be copied: to the end of its line. */
const COMMAND = /(?:run: |usage: )[^\n]*/;

interface Place {
  readonly place: string;
  readonly text: string;
}

function allMessages(): Place[] {
  return libFiles().filter(({ path }) => !NOT_READ.includes(path))
    .flatMap(({ path, text: source }) =>
      messagesOf(source).map(({ line, text }) => ({
        place: `${path}:${line}`,
        text,
      }))
    );
}

Deno.test("messages are found in every kind of expression", () => {
  const source = [
    'const a = "Cannot do it";',
    "refuse(`${a} is not ${`a ${b} file`}`, 'give ' + name);",
    'f("word", "-device x,id=y", "two words");',
  ].join("\n");
  assertEquals(messagesOf(source), [
    { line: 1, text: "Cannot do it" },
    { line: 2, text: "{} is not a {} file" },
    { line: 2, text: "give {}" },
    { line: 3, text: "two words" },
  ]);
});

Deno.test(`no message is longer than ${MAX_LENGTH} characters`, () => {
  const messages = allMessages();
  assertEquals(messages.length > 1000, true, "the messages are found");
  const long = messages.flatMap((
    { place, text },
  ) =>
    text.split("\n").map((line) => line.replace(COMMAND, ""))
      .filter((line) => line.length > MAX_LENGTH)
      .map((line) => `${place}: ${line.length}: ${line}`)
  );
  assertEquals(long, []);
});

Deno.test("no message has to be read twice", () => {
  const riddles = [...RIDDLES, ...MESSAGE_RIDDLES];
  const found = allMessages().flatMap(({ place, text }) =>
    riddlesIn(text, riddles).map((why) => `${place}: ${text} (${why})`)
  );
  assertEquals(found, []);
});
