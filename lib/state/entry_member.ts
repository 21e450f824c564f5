/**
 * Members of Ganeti's Disk and NIC objects, put where its own writer has them:
 * SPEC 2.2 and 2.3.
 *
 * @module
 */

import type { JsonObject } from "./json.ts";
import { memberText, splice } from "./json_splice.ts";

/** The keys that come behind `hvinfo`. */
const BEHIND_HVINFO = {
  nic: ["uuid"],
  disk: ["serial_no", "dynamic_params", "uuid", "ctime", "mtime"],
} as const;

/** Inserts a member in front of the first of the keys that come behind it. */
export function withNew(
  device: JsonObject,
  { key, value, next }: {
    readonly key: string;
    readonly value: string;
    readonly next: readonly string[];
  },
): JsonObject {
  const found = device.members.findIndex((one) => next.includes(one.key));
  const at = found < 0 ? device.members.length : found;
  return splice(device, { at, insert: [memberText(device, key, value)] });
}

/**
 * Inserts `hvinfo`, which the object must not have.
 *
 * @param hvinfo JSON text
 */
export function withHvinfo(
  device: JsonObject,
  kind: "disk" | "nic",
  hvinfo: string,
): JsonObject {
  const next = BEHIND_HVINFO[kind];
  return withNew(device, { key: "hvinfo", value: hvinfo, next });
}
