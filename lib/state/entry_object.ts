/**
 * The object of an entry, and some of its members, whichever list it is in.
 *
 * @module
 */

import { type Members, withMembers } from "./entry_member.ts";
import { formatJson, type JsonNode } from "./json.ts";
import { member, stringMember } from "./json_member.ts";
import { withItem } from "./json_splice.ts";

/** Place of each list in the file. */
export const PLACE = { nics: 1, disks: 3 } as const;

/** The object of an entry: a disk stands in a list of three. */
export function objectOf(node: JsonNode): JsonNode | undefined {
  return node.type === "array" ? node.items[0] : node;
}

/** By what an entry is found: its uuid in lower case. */
export function uuidOf(
  list: keyof typeof PLACE,
  node: JsonNode,
): string | undefined {
  const object = list === "disks" ? objectOf(node) : node;
  return object && stringMember(object, "uuid")?.toLowerCase();
}

/** An entry with some members changed, added or taken out. */
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

/** Some members of an entry, as they are: {@linkcode Members}. */
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
