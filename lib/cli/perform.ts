/**
 * Runs one invocation from words to answer, with the trace and the audit. The
 * command line and `rpc` share it.
 *
 * @module
 */

import { named, shortage, usage } from "../errors.ts";
import { VERSION } from "../version.ts";
import type { Answer, Call, Handler, Terminal } from "../commands/answer.ts";
import type { Invocation } from "../words/options.ts";
import { handlerOf, isChangeCommand } from "./handlers.ts";
import { answerDocument } from "../commands/document.ts";
import { printable } from "../words/text.ts";
import { Trace } from "../commands/trace.ts";

/** In `rpc` and `shell`, stdin is already in use. */
function noInput(): never {
  throw usage('"-" is not possible here: stdin is already in use');
}

/** Whether an invocation changes an instance. */
export function isChange({ command, flags }: Invocation): boolean {
  return isChangeCommand(command?.name) && !flags.has("dry-run") &&
    !flags.has("help") && !flags.has("version");
}

/** Runs the command of an invocation. */
async function answer(call: Call): Promise<Answer | undefined> {
  const { flags, command } = call.invocation;
  if (flags.has("version")) {
    return {
      text: [`kvm-hotplug ${VERSION}`],
      document: { ok: true, version: VERSION },
    };
  }
  const name = flags.has("help") ? "help" : command?.name;
  if (name === undefined) {
    throw usage("No command given", "kvm-hotplug --help shows all commands");
  }
  const handler = await handlerOf(name);
  return await handler(call);
}

/**
 * Runs one invocation.
 *
 * @param act @default the handler of its command
 * @returns undefined if it wrote its own answer
 * @throws {HotplugError} errors of any kind, named
 */
export async function perform(
  invocation: Invocation,
  terminal: Terminal,
  act: Handler = answer,
): Promise<Answer | undefined> {
  const { flags, values, command, operands } = invocation;
  const show = flags.has("verbose")
    ? (line: string) => terminal.err(printable(line) + "\n")
    : undefined;
  using trace = new Trace({ show, log: values.get("log") });
  const change = isChange(invocation)
    ? { command: command?.name, operands }
    : undefined;
  try {
    const done = await act({
      invocation,
      terminal,
      trace,
      perform: (inner, { act: innerAct, ...how } = {}) =>
        perform(inner, { ...terminal, ...how, readInput: noInput }, innerAct),
    });
    if (done === undefined) return undefined;
    if (change) trace.audit({ ...change, result: answerDocument(done) });
    return done;
  } catch (error) {
    // A change itself reports failures before its first step.
    const failure = named((change ? undefined : shortage(error)) ?? error);
    const { code, message, changed } = failure;
    if (change) trace.audit({ ...change, error: { code, message }, changed });
    throw failure;
  }
}
