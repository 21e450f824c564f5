/**
 * A change as a command: runs it and reports it. A file of its own, imported
 * when it is needed, because it needs most of the program.
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

/** The result of a request, as the answer of a command. */
export interface Carried {
  /** For callers that need more than the documents contain. */
  readonly outcome: Outcome;
  /** The same result for the caller. */
  readonly answer: Answer;
}

/**
 * Carries out a request, or only plans it.
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
 * Carries out the change of a command line.
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
