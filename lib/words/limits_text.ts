/**
 * I/O limits as text.
 *
 * @module
 */

import { type IoLimits, LIMIT_NAMES, limitUnit } from "../device/io_limits.ts";
import { typedSize } from "./text.ts";

/** Limits in the form that a person types: `iops 100, bps-read 1M`. */
export function limitsText(limits: IoLimits): string {
  const parts = LIMIT_NAMES.flatMap((name) => {
    const { [name]: value } = limits;
    if (value === undefined) return [];
    return `${name} ${limitUnit(name) === "bytes" ? typedSize(value) : value}`;
  });
  return parts.join(", ") || "none";
}
