/**
 * The `metrics` command: the text format of Prometheus.
 *
 * @module
 */

import type { RunOptions } from "../engine/options.ts";
import { HotplugError } from "../errors.ts";
import { nodeGauges } from "../inspect/gauges.ts";
import { measureNode, type NodeMeasure } from "../inspect/measure.ts";
import { replaceOutput } from "../state/output_file.ts";
import { VERSION } from "../version.ts";
import { expositionLines } from "../words/exposition.ts";
import { option, path } from "../words/request_words.ts";
import type { Answer, Call } from "./answer.ts";
import type { MetricsDocument } from "./documents.ts";
import { askOptions, expectRunDir } from "./node.ts";
import { failureDocument } from "./report.ts";
import { optionsOf } from "./requests.ts";

/** A node that cannot be listed has metrics that say so. */
async function measured(call: Call, options: RunOptions): Promise<NodeMeasure> {
  try {
    expectRunDir(call, options.runDir);
    return await measureNode(options, askOptions(call, options));
  } catch (error) {
    if (!(error instanceof HotplugError)) throw error;
    return { instances: [], lost: [], warnings: [], fault: error };
  }
}

async function collect(call: Call, options: RunOptions) {
  const beganAtMs = Date.now();
  const begun = performance.now();
  const node = await measured(call, options);
  const { compared } = askOptions(call, options);
  const tookMs = performance.now() - begun;
  const collection = { version: VERSION, beganAtMs, tookMs, compared };
  return { node, lines: expositionLines(nodeGauges(node, collection)) };
}

/** The metrics of this node's instances, printed or in a file. */
export async function metrics(call: Call): Promise<Answer> {
  using options = optionsOf(call);
  const output = option(call.invocation, "output", path) ?? null;
  const { node, lines } = await collect(call, options);
  const { instances, lost, fault, warnings } = node;
  const text = lines.map((line) => `${line}\n`).join("");
  if (output !== null) await replaceOutput(output, text, options);
  const members = { metrics: text, output };
  const document = { ok: true, ...members } satisfies MetricsDocument;
  const count = instances.length + lost.length;
  const what = count === 1 ? "1 instance" : `${count} instances`;
  const told = output === null
    ? lines
    : [`Wrote the metrics of ${what} to ${output}`];
  // A name of a device may look like a secret; there is none in the metrics.
  const answer = { text: told, document, warnings, isVerbatim: true };
  if (fault === undefined) return answer;
  const failed = { ...failureDocument(fault, undefined), ...members };
  return { ...answer, document: failed, fault };
}
