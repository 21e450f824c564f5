/**
 * The `state command` command.
 *
 * @module
 */

import { readStartCommand } from "../inspect/start_command.ts";
import type { Answer, Call } from "./answer.ts";
import type { StateCommandDocument } from "./documents.ts";
import { option } from "../words/request_words.ts";
import { instanceOf, optionsOf } from "./requests.ts";
import { shellWord } from "../state/shell_word.ts";
import { shortText } from "../words/values.ts";

/** The command line that starts an identical machine. */
export async function stateCommand(call: Call): Promise<Answer> {
  const { invocation } = call;
  using options = optionsOf(call);
  const instance = instanceOf(invocation) ?? "";
  const { argv, warnings } = await readStartCommand(instance, {
    ...options,
    incoming: option(invocation, "incoming", shortText),
  });
  return {
    text: [argv.map(shellWord).join(" ")],
    document: {
      ok: true,
      instance,
      command: argv,
    } satisfies StateCommandDocument,
    // A machine must start with it.
    isVerbatim: true,
    warnings,
  };
}
