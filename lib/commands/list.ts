/**
 * The `list` command.
 *
 * @module
 */

import { HotplugError } from "../errors.ts";
import { isThere } from "../host/look.ts";
import { listInstance } from "../inspect/list.ts";
import { listAll } from "../inspect/list_all.ts";
import type { RunOptions } from "../engine/options.ts";
import type { Answer, Call } from "./answer.ts";
import { failureDocument } from "./report.ts";
import { listingText, summariesText } from "./report_list.ts";
import { instanceOf, optionsOf } from "./requests.ts";

/** Longest wait for all instances together, without `--timeout`. */
const ALL_MS = { presence: 2_000, whole: 10_000 };

/** A given folder must exist: an empty list would hide a typo. */
function expectRunDir({ invocation, terminal }: Call, runDir: string) {
  const isGiven = invocation.values.has("run-dir") ||
    Boolean(terminal.env("KVM_HOTPLUG_RUN_DIR"));
  if (!isGiven || isThere(runDir)) return;
  throw new HotplugError(
    "no-such-run-dir",
    `Run directory ${runDir} does not exist`,
    { hint: "give Ganeti's run directory, or omit --run-dir" },
  );
}

async function all(
  call: Call,
  { timeoutMs, trace, ...reached }: RunOptions,
): Promise<Answer> {
  const { invocation: { values, flags } } = call;
  expectRunDir(call, reached.runDir);
  const compared = flags.has("whole") ? "whole" : "presence";
  const deadlineMs = values.has("timeout") ? timeoutMs : ALL_MS[compared];
  const found = await listAll(reached, { deadlineMs, trace, compared });
  const { instances, fault } = found;
  const told = { instances, compared };
  const text = summariesText(instances, compared);
  if (fault === undefined) return { ...text, document: { ok: true, ...told } };
  const document = { ...failureDocument(fault, undefined), ...told };
  return { ...text, document, fault };
}

/** The instances of this node, or the devices of one. */
export async function list(call: Call): Promise<Answer> {
  using options = optionsOf(call);
  const instance = instanceOf(call.invocation);
  if (instance === undefined) return await all(call, options);
  const listing = await listInstance(instance, options);
  return {
    ...listingText(listing),
    document: { ok: true, ...listing },
    warnings: listing.warnings,
  };
}
