/**
 * Documents of others as Ganeti's own writer would give them.
 *
 * @module
 */

import {
  jsonArray,
  type JsonMember,
  type JsonNode,
  type JsonObject,
} from "./json.ts";
import { jsonNode } from "./json_node.ts";

/**
 * Python's dict: a key that stands twice keeps its first place and its last
 * value.
 */
function distinct(members: readonly JsonMember[]): JsonMember[] {
  const byKey = new Map<string, JsonMember>();
  for (const member of members) byKey.set(member.key, member);
  return [...byKey.values()];
}

/** An object of these members, to be written anew. */
export function objectOf(members: readonly JsonMember[]): JsonObject {
  return { type: "object", members };
}

/** The same value as Python's `json.dumps` writes it, but numbers as they are. */
export function normalized(node: JsonNode): JsonNode {
  switch (node.type) {
    case "string":
      return jsonNode(node.value);
    case "array":
      return jsonArray(node.items.map(normalized));
    case "object":
      return objectOf(
        distinct(node.members).map(({ key, value }) => ({
          key,
          keyText: jsonNode(key).text ?? "",
          value: normalized(value),
        })),
      );
  }
  return node;
}

/** How many containers stand in one another; 0 for a scalar. */
export function depthOf(node: JsonNode): number {
  const inner = node.type === "array"
    ? node.items
    : node.type === "object"
    ? node.members.map(({ value }) => value)
    : undefined;
  if (inner === undefined) return 0;
  // One by one: as arguments of a call, millions would end our stack.
  return 1 + inner.reduce((most, one) => Math.max(most, depthOf(one)), 0);
}
