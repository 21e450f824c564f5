/**
 * A change as a command: run, reported. A file of its own, imported when it is
 * needed, as it brings along most of the program.
 *
 * @module
 */

import { run } from "../operation/run.ts";
import { verbsOf } from "../operation/step.ts";
import type { Answer, Call } from "./answer.ts";
import { outcomeDocument, outcomeText } from "./report_change.ts";
import { reachOf, requestOf } from "./requests.ts";

/**
 * Carries out a change, or plans it only.
 *
 * @throws {HotplugError}
 */
export async function change(
  { invocation, terminal, trace }: Call,
): Promise<Answer> {
  const outcome = await run(requestOf(invocation), {
    ...reachOf(invocation, terminal.env),
    mode: invocation.flags.has("dry-run") ? "dry-run" : "apply",
    signal: terminal.signal,
    trace: trace.qmp,
    progress: trace.progress((step) => verbsOf(step).describe(step)),
  });
  return {
    text: outcomeText(outcome),
    document: outcomeDocument(outcome),
    warnings: outcome.warnings,
  };
}
