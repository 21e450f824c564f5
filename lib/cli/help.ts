/**
 * The `help` command.
 *
 * @module
 */

import { usage } from "../errors.ts";
import type { Answer, Call } from "./answer.ts";
import { COMMANDS } from "./commands.ts";
import { commandUsage, usageText } from "./usage.ts";

/** Usage of all commands, or of the one that is named or was begun. */
export async function help({ invocation }: Call): Promise<Answer> {
  const { command, operands, flags } = invocation;
  if (flags.has("man")) {
    const { manPage } = await import("./man.ts");
    const roff = manPage();
    return { text: roff.trimEnd().split("\n"), document: { ok: true, roff } };
  }
  const words = operands.join(" ");
  const topic = command?.name === "help"
    ? COMMANDS.find((one) => one.name === words)
    : command;
  if (command?.name === "help" && words !== "" && topic === undefined) {
    throw usage(
      `No command ${JSON.stringify(words)}`,
      "kvm-hotplug --help shows all",
    );
  }
  const text = topic === undefined ? usageText() : commandUsage(topic);
  const document = { ok: true, help: text };
  return { text: text.split("\n"), document };
}
