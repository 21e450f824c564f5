/**
 * The `list` command.
 *
 * @module
 */

import { listAll, listInstance } from "../operation/list.ts";
import type { Answer, Call } from "./answer.ts";
import * as report from "./report.ts";
import { instanceOf, reachOf } from "./requests.ts";

/** The instances of this node, or the devices of one. */
export async function list(
  { invocation, terminal, trace }: Call,
): Promise<Answer> {
  const reach = reachOf(invocation, terminal.env);
  const instance = instanceOf(invocation);
  if (instance === undefined) {
    const all = await listAll(reach.runDir);
    return {
      text: report.summariesText(all),
      document: report.summariesDocument(all),
    };
  }
  const listing = await listInstance(instance, { ...reach, trace: trace.qmp });
  return {
    text: report.listingText(listing),
    document: report.listingDocument(listing),
    warnings: listing.warnings,
  };
}
