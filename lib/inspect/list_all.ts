/**
 * The instances of this node, with the things that need attention. A question:
 * it changes nothing.
 *
 * @module
 */

import type { HotplugError } from "../errors.ts";
import type { None, ObjectOf } from "../words/json_schema.ts";
import type { AskOptions } from "./ask_instances.ts";
import type { Depth } from "./ask_one.ts";
import { attentionOf } from "./attention.ts";
import type { NODE_MEMBERS } from "./list_schema.ts";
import {
  isDeniedTo,
  type Reached,
  type Surveyed,
  surveyNode,
} from "./survey.ts";

/** The node's instances. */
export type NodeListing = ObjectOf<typeof NODE_MEMBERS, None>;

/** One line of them. */
export type InstanceSummary = NodeListing["instances"][number];

async function summarize(
  { subject, asked, running }: Surveyed,
  compared: Depth,
): Promise<InstanceSummary> {
  const { paths, runtime } = subject;
  const isRead = !("code" in runtime);
  const answered = asked.monitor === "answered";
  const unknown = running === null || isDeniedTo(asked) ? "unknown" : null;
  return {
    instance: paths.name,
    running,
    disks: isRead ? runtime.disks.length : null,
    nics: isRead ? runtime.nics.length : null,
    state: answered ? asked.runState : unknown,
    monitor: asked.monitor,
    compared: answered ? compared : null,
    attention: await attentionOf(subject, asked),
  };
}

/**
 * The instances of this node, by name; no wait is longer than the deadline.
 *
 * @throws {HotplugError} as {@linkcode surveyNode}
 */
export async function listAll(
  reached: Reached,
  options: AskOptions,
): Promise<{ instances: InstanceSummary[]; fault?: HotplugError }> {
  return await surveyNode(
    reached,
    options,
    (one) => summarize(one, options.compared),
  );
}
