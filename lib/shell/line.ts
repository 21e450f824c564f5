/**
 * The action of one line of the shell: a QMP command, or one of our commands on
 * the shell's own VM.
 *
 * @module
 */

import { parseInvocation } from "../commands/args.ts";
import { commandAt, COMMANDS } from "../commands/commands.ts";
import { rawCommand, unsent } from "../commands/qmp_words.ts";
import type { Target } from "../plan/facts.ts";
import { usage } from "../errors.ts";
import { sendOn } from "../monitor/raw_command.ts";
import type { QmpSession } from "../qmp/client.ts";
import type { Schema } from "../qmp/schema.ts";
import {
  type CommandSpec,
  GLOBAL_OPTIONS,
  type Invocation,
} from "../words/options.ts";

/** Commands of ours that are not useful in a shell. */
const LEFT_OUT = ["qmp", "events", "shell"];

/** Commands of ours that work on one VM. */
export function ownCommands(): readonly CommandSpec[] {
  return COMMANDS.filter(({ name, operands: [first = ""] }) =>
    !LEFT_OUT.includes(name) && /^\[?INSTANCE\b/.test(first)
  );
}

/** The command of ours at the beginning of the words. */
export function ownCommand(words: readonly string[]): CommandSpec | undefined {
  return commandAt(words, ownCommands());
}

/** Whether words are for kvm-hotplug and not for QEMU. */
export function isOwn(words: readonly string[]): boolean {
  return ownCommands().some(({ name }) => name.split(" ")[0] === words[0]);
}

/** The whole command line for these words of a shell. */
export function wholeWords(
  words: readonly string[],
  { label }: Target,
): string[] {
  const own = ownCommand(words)?.name.split(" ").length;
  if (own === undefined) return [...words];
  return [...words.slice(0, own), label, ...words.slice(own)];
}

/**
 * The invocation of one of our commands, with the shell's own options.
 *
 * @throws {HotplugError} `usage`
 */
export function ownInvocation(
  words: readonly string[],
  target: Target,
  base: Invocation,
): Invocation {
  const names = GLOBAL_OPTIONS.map(({ name }) => name);
  const options = [...base.values].flatMap(([name, value]) =>
    names.includes(name) ? [`--${name}=${value}`] : []
  );
  return parseInvocation([...options, ...wholeWords(words, target)]);
}

function noInput(): never {
  throw usage('"-" is not possible here: type the arguments');
}

/** Work for the shell's session: one QMP command. */
export function runQmp(
  schema: Schema,
  words: readonly string[],
): (session: QmpSession) => Promise<unknown> {
  const command = rawCommand(words, noInput);
  return async (session) => {
    using _fd = command.fd;
    try {
      return await sendOn(session, schema, command);
    } catch (error) {
      throw unsent(error, command.execute);
    }
  };
}
