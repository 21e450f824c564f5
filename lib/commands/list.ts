/**
 * The `list` command.
 *
 * @module
 */

import type { Reach } from "../engine/options.ts";
import type { Answer, Call } from "./answer.ts";
import { formatterOf, instanceOf, reachOf } from "./requests.ts";
import { waitingLine } from "./waiting.ts";

/** Longest wait for all instances together, unless `--timeout` says. */
const ALL_MS = 2000;

async function all(
  { invocation: { values }, trace }: Call,
  { runDir, timeoutMs }: Reach,
): Promise<Answer> {
  const { listAll } = await import("../inspect/list_all.ts");
  const deadlineMs = values.has("timeout") ? timeoutMs : ALL_MS;
  const instances = await listAll(runDir, { deadlineMs, trace: trace.qmp });
  const { summariesText } = await import("./report_list.ts");
  return {
    ...summariesText(instances),
    document: { ok: true, instances },
  };
}

/** The instances of this node, or the devices of one. */
export async function list(call: Call): Promise<Answer> {
  const { invocation, terminal, trace } = call;
  const reach = reachOf(invocation, terminal.env);
  const instance = instanceOf(invocation);
  if (instance === undefined) return await all(call, reach);
  const { listInstance } = await import("../inspect/list.ts");
  using line = await waitingLine(call);
  const listing = await listInstance(instance, {
    ...reach,
    trace: trace.qmp,
    waiting: line?.told,
    signal: terminal.signal,
    format: formatterOf(invocation),
  });
  const { listingText } = await import("./report_list.ts");
  return {
    ...listingText(listing),
    document: { ok: true, ...listing },
    warnings: listing.warnings,
  };
}
