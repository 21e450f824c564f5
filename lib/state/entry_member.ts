/**
 * Members of Ganeti's Disk and NIC objects, put where its own writer has them:
 * SPEC 2.2 and 2.3.
 *
 * @module
 */

import type { JsonObject } from "./json.ts";
import { member } from "./json_member.ts";
import { memberText, splice, withMember } from "./json_splice.ts";

/** The keys that come behind `hvinfo`. */
const BEHIND_HVINFO = {
  nic: ["uuid"],
  disk: ["serial_no", "dynamic_params", "uuid", "ctime", "mtime"],
} as const;

/** The keys in front of `hvinfo`. */
const BEFORE_HVINFO = {
  nic: ["name", "mac", "ip", "network", "nicparams", "netinfo", "pci"],
  disk: ["forthcoming", "name", "dev_type", "logical_id", "children"],
} as const;

/** New values of members by key, as JSON text; null: without this member. */
export type Members = Readonly<Record<string, string | null>>;

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

/** An entry's object with some members changed, added or taken out. */
export function withMembers(
  device: JsonObject,
  kind: "disk" | "nic",
  members: Members,
): JsonObject {
  const order = [...BEFORE_HVINFO[kind], "hvinfo", ...BEHIND_HVINFO[kind]];
  let changed = device;
  for (const [key, value] of Object.entries(members)) {
    const at = changed.members.findLastIndex((one) => one.key === key);
    if (value === null) {
      if (at >= 0) changed = splice(changed, { at, remove: 1 });
    } else if (member(changed, key) !== undefined) {
      changed = withMember(changed, key, value);
    } else {
      const place = order.findIndex((one) => one === key);
      const next = place < 0 ? ["hvinfo", "uuid"] : order.slice(place + 1);
      changed = withNew(changed, { key, value, next });
    }
  }
  return changed;
}
