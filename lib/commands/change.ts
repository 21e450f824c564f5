/**
 * A change as a command: run, reported. A file of its own, imported when it is
 * needed, as it brings along most of the program.
 *
 * @module
 */

import { HotplugError, withDetails } from "../errors.ts";
import type { Outcome } from "../operation/outcome.ts";
import type { Request } from "../operation/request.ts";
import { run } from "../operation/run.ts";
import type { Answer, Call } from "./answer.ts";
import { isReaderThere } from "./reader.ts";
import { outcomeDocument, outcomeText } from "./report_change.ts";
import { optionsOf, requestOf, wholeCommand } from "./requests.ts";

/** What a request came to, as a command answers it. */
export interface Carried {
  /** For who needs more than the documents tell. */
  readonly outcome: Outcome;
  /** The same for the caller. */
  readonly answer: Answer;
}

/**
 * Carries out a request, or plans it only.
 *
 * @throws {HotplugError}
 */
export async function carryOut(
  request: Request,
  call: Call,
): Promise<Carried> {
  using options = optionsOf(call);
  const outcome = await run(request, { ...options, isWanted: isReaderThere });
  const answer = {
    text: outcomeText(outcome),
    document: outcomeDocument(outcome),
    warnings: outcome.warnings,
    settled: outcome.settled ?? [],
  };
  return { outcome, answer };
}

/**
 * Carries out the change a command line asks for.
 *
 * @throws {HotplugError} with the whole command, if it lacked options
 */
export async function change(call: Call): Promise<Answer> {
  const { invocation } = call;
  try {
    return (await carryOut(requestOf(invocation), call)).answer;
  } catch (error) {
    const lacks = error instanceof HotplugError && error.details.lacks;
    if (!lacks) throw error;
    const command = wholeCommand(invocation, lacks);
    throw withDetails(error, { hint: `${error.hint}: ${command}` });
  }
}
