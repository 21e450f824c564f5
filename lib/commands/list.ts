/**
 * The `list` command.
 *
 * @module
 */

import type { Reach } from "../engine/options.ts";
import { listInstance } from "../inspect/list.ts";
import { listAll } from "../inspect/list_all.ts";
import type { Answer, Call } from "./answer.ts";
import { listingText, summariesText } from "./report_list.ts";
import { formatterOf, instanceOf, reachOf } from "./requests.ts";
import { waitingLine } from "./waiting.ts";

/** Longest wait for all instances together, unless `--timeout` says. */
const ALL_MS = 2000;

async function all(
  { invocation: { values }, trace }: Call,
  { runDir, timeoutMs }: Reach,
): Promise<Answer> {
  const deadlineMs = values.has("timeout") ? timeoutMs : ALL_MS;
  const instances = await listAll(runDir, { deadlineMs, trace: trace.qmp });
  return {
    ...summariesText(instances),
    document: { ok: true, instances, compared: "presence" },
  };
}

/** The instances of this node, or the devices of one. */
export async function list(call: Call): Promise<Answer> {
  const { invocation, terminal, trace } = call;
  const reach = reachOf(invocation, terminal.env);
  const instance = instanceOf(invocation);
  if (instance === undefined) return await all(call, reach);
  using line = waitingLine(call);
  const listing = await listInstance(instance, {
    ...reach,
    trace: trace.qmp,
    waiting: line?.told,
    signal: terminal.signal,
    format: formatterOf(invocation),
  });
  return {
    ...listingText(listing),
    document: { ok: true, ...listing },
    warnings: listing.warnings,
  };
}
