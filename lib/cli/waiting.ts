/**
 * Whether a person sees the waiting.
 *
 * @module
 */

import type { Call } from "./answer.ts";
import type { WaitingLine } from "./waiting_line.ts";

/** A line that shows a call's waiting, where a person looks on. */
export async function waitingLine(
  { invocation: { flags }, terminal }: Pick<Call, "invocation" | "terminal">,
): Promise<WaitingLine | undefined> {
  const unseen = !terminal.stderrIsTerminal || flags.has("quiet") ||
    flags.has("verbose");
  if (unseen) return undefined;
  const { WaitingLine } = await import("./waiting_line.ts");
  return new WaitingLine(terminal.err);
}
