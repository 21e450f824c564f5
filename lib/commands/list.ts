/**
 * The `list` command.
 *
 * @module
 */

import { listInstance } from "../inspect/list.ts";
import { listAll } from "../inspect/list_all.ts";
import type { RunOptions } from "../engine/options.ts";
import type { Answer, Call } from "./answer.ts";
import { askOptions, expectRunDir } from "./node.ts";
import { failureDocument } from "./report.ts";
import { listingText, summariesText } from "./report_list.ts";
import { instanceOf, optionsOf } from "./requests.ts";

async function all(
  call: Call,
  options: RunOptions,
): Promise<Answer> {
  expectRunDir(call, options.runDir);
  const asking = askOptions(call, options);
  const { compared } = asking;
  const { instances, fault } = await listAll(options, asking);
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
