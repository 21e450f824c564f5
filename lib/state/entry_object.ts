/**
 * Entries and their members: Ganeti's Disk and NIC objects. Members are put at
 * the place where Ganeti writes them (SPEC 2.2 and 2.3).
 *
 * @module
 */

import {
  formatJson,
  type JsonNode,
  type JsonObject,
  member,
  stringMember,
} from "./json.ts";
import { memberText, splice, withItem, withMember } from "./json_splice.ts";

/** The keys after `hvinfo`. */
const BEHIND_HVINFO = {
  nic: ["uuid"],
  disk: ["serial_no", "dynamic_params", "uuid", "ctime", "mtime"],
} as const;

/** The keys before `hvinfo`. */
const BEFORE_HVINFO = {
  nic: ["name", "mac", "ip", "network", "nicparams", "netinfo", "pci"],
  disk: ["forthcoming", "name", "dev_type", "logical_id", "children"],
} as const;

/** New values of members by key, as JSON text; null: without this member. */
export type Members = Readonly<Record<string, string | null>>;

/** Inserts a member before the first of the keys that come after it. */
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

/** An entry's object with some members changed, added or removed. */
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

/** Place of each list in the file. */
export const PLACE = { nics: 1, disks: 3 } as const;

const KIND_OF: ReadonlyMap<string, "disk" | "nic"> = new Map([
  ["disks", "disk"],
  ["nics", "nic"],
]);

/** The kind of the devices in a list; undefined: no such list. */
export function kindOfList(list: string): string | undefined {
  return KIND_OF.get(list);
}

/** The object of an entry: for a disk, the first of a list of three. */
export function objectOf(node: JsonNode): JsonNode | undefined {
  return node.type === "array" ? node.items[0] : node;
}

/** The key of an entry: its uuid in lower case. */
export function uuidOf(
  list: keyof typeof PLACE,
  node: JsonNode,
): string | undefined {
  const object = list === "disks" ? objectOf(node) : node;
  return object && stringMember(object, "uuid")?.toLowerCase();
}

/** An entry with some members changed, added or removed. */
export function replaceMembers(
  node: JsonNode,
  members: Members,
  list: "disks" | "nics",
): JsonNode {
  const object = objectOf(node);
  if (object?.type !== "object") return node;
  const changed = withMembers(
    object,
    list === "nics" ? "nic" : "disk",
    members,
  );
  return node.type === "array" ? withItem(node, 0, changed) : changed;
}

/** The present values of some members of an entry: {@linkcode Members}. */
export function membersOf(
  node: JsonNode,
  keys: readonly string[],
): Members {
  const object = objectOf(node);
  return Object.fromEntries(keys.map((key) => {
    const value = object && member(object, key);
    return [key, value === undefined ? null : formatJson(value)];
  }));
}
