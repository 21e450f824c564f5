/**
 * Values of devices as texts that several kinds, and the commands, share.
 *
 * @module
 */

import type { DeviceView } from "../engine/plan.ts";
import { isExactNumber } from "../qmp/exact_json.ts";
import { limitsText } from "../words/limits_text.ts";
import { formatSize, sizeText } from "../words/text.ts";

/** To be read; undefined if it is unknown. */
export function shortSize(size: unknown): string | undefined {
  if (isExactNumber(size)) return formatSize(Number(size.rawJSON));
  return typeof size === "number" ? formatSize(size) : undefined;
}

/** To the byte. */
export function sizeOf({ size_bytes: size }: DeviceView): string {
  if (isExactNumber(size)) return sizeText(BigInt(size.rawJSON));
  return typeof size === "number" ? sizeText(size) : "an unknown size";
}

/** Limits in the words of our options; undefined if there are none. */
export function limitsOf({ limits }: DeviceView): string | undefined {
  if (limits === null || typeof limits !== "object") return undefined;
  const named = Object.entries(limits).map(([name, value]) => [
    name.replaceAll("_", "-"),
    value,
  ]);
  return limitsText(Object.fromEntries(named));
}
