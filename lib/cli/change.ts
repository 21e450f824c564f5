/**
 * A change as a command: run, reported. A file of its own, imported when it is
 * needed, as it brings along most of the program.
 *
 * @module
 */

import type { Request } from "../operation/request.ts";
import { run, type RunOptions } from "../operation/run.ts";
import { verbsOf } from "../operation/step.ts";
import type { Answer } from "./main.ts";
import { outcomeDocument, outcomeText } from "./report_change.ts";
import type { Trace } from "./trace.ts";

/**
 * Carries out a change, or plans it only.
 *
 * @throws {HotplugError}
 */
export async function change(
  request: Request,
  options: RunOptions,
  trace: Trace,
): Promise<Answer> {
  const progress = trace.progress((step) => verbsOf(step).describe(step));
  const outcome = await run(request, { ...options, progress });
  return {
    text: outcomeText(outcome),
    document: outcomeDocument(outcome),
    warnings: outcome.warnings,
  };
}
