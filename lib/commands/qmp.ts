/**
 * The `qmp` command: any QMP command, from words or JSON.
 *
 * @module
 */

import { messageOf } from "../errors.ts";
import { isQuestion, sendCommand } from "../monitor/raw_command.ts";
import type { Answer, Call } from "./answer.ts";
import type { QmpDocument } from "./documents.ts";
import { rawCommand, replyLines, unsent } from "./qmp_words.ts";
import { optionsOf } from "./requests.ts";
import { targetOf } from "./target.ts";

/** Sends one QMP command; its reply is the answer. */
export async function qmp(call: Call): Promise<Answer> {
  const { invocation, terminal, trace } = call;
  using options = optionsOf(call);
  const target = targetOf(invocation, options);
  const [, ...words] = invocation.operands;
  const command = rawCommand(words, terminal.readInput);
  using _fd = command.fd;
  const { execute } = command;
  // Without the arguments: they may be secrets.
  const audit = { command: "qmp", operands: [target.label, execute] };
  try {
    const value = await sendCommand(target.paths.qmp, command, options);
    if (!isQuestion(execute)) trace.audit({ ...audit, result: { ok: true } });
    const reader = terminal.stdoutIsTerminal ? "person" : "program";
    return {
      ...(isQuestion(execute) ? {} : { effect: "possible" }),
      text: replyLines(execute, value, reader),
      document: {
        ok: true,
        instance: target.label,
        command: execute,
        return: value,
      } satisfies QmpDocument,
    };
  } catch (error) {
    trace.audit({ ...audit, error: { message: messageOf(error) } });
    throw unsent(error, execute);
  }
}
