/**
 * The `help` command.
 *
 * @module
 */

import { usage } from "../errors.ts";
import { didYouMean } from "../words/nearest.ts";
import { commandMeant } from "../words/other_words.ts";
import type { CommandSpec } from "../words/options.ts";
import type { Answer, Call } from "./answer.ts";
import { COMMANDS } from "./commands.ts";
import type { HelpDocument } from "./documents.ts";
import { manPage } from "./man.ts";
import { commandUsage, groupUsage, type Place, usageText } from "./usage.ts";

/**
 * Usage of one command, or of the commands that begin with these words.
 *
 * @throws {HotplugError} `usage` if there is none
 */
export function helpOn(
  words: string,
  commands: readonly CommandSpec[] = COMMANDS,
  place: Place = "command line",
): string {
  const topic = commands.find(({ name }) => name === words);
  if (topic !== undefined) return commandUsage(topic, place);
  const group = commands.filter(({ name }) => name.startsWith(`${words} `));
  if (group.length > 0) return groupUsage(words, group, place);
  const names = commands.map(({ name }) => name);
  throw usage(
    `No command ${JSON.stringify(words)}`,
    commandMeant(words.split(" "), commands) ?? didYouMean(words, names) ??
      "kvm-hotplug --help shows all commands",
  );
}

/** Usage of all commands, or of the named or begun command. */
export function help({ invocation }: Call): Answer {
  const { command, operands, flags } = invocation;
  if (flags.has("man")) {
    const roff = manPage();
    return {
      text: roff.trimEnd().split("\n"),
      document: { ok: true, roff } satisfies HelpDocument,
    };
  }
  const words = command?.name === "help"
    ? operands.join(" ")
    : command?.name ?? "";
  const text = words === "" ? usageText() : helpOn(words);
  const document = { ok: true, help: text } satisfies HelpDocument;
  return { text: text.split("\n"), document };
}
