/**
 * Questions about all instances of a node: `list` and `metrics`.
 *
 * @module
 */

import type { RunOptions } from "../engine/options.ts";
import { HotplugError } from "../errors.ts";
import { isThere } from "../host/look.ts";
import type { AskOptions } from "../inspect/ask_instances.ts";
import type { Call } from "./answer.ts";

/** Longest wait for all instances together, without `--timeout`. */
const ALL_MS = { presence: 2_000, whole: 10_000 };

/**
 * A given folder must exist: an empty list would hide a typo.
 *
 * @throws {HotplugError} `no-such-run-dir`
 */
export function expectRunDir({ invocation, terminal }: Call, runDir: string) {
  const isGiven = invocation.values.has("run-dir") ||
    Boolean(terminal.env("KVM_HOTPLUG_RUN_DIR"));
  if (!isGiven || isThere(runDir)) return;
  throw new HotplugError(
    "no-such-run-dir",
    `Run directory ${runDir} does not exist`,
    { hint: "give Ganeti's run directory, or omit --run-dir" },
  );
}

/** How the instances are asked: `--whole`, `--timeout`. */
export function askOptions(
  { invocation: { flags, values } }: Call,
  { timeoutMs, trace }: RunOptions,
): AskOptions {
  const compared = flags.has("whole") ? "whole" : "presence";
  const deadlineMs = values.has("timeout") ? timeoutMs : ALL_MS[compared];
  return { deadlineMs, compared, ...(trace && { trace }) };
}
