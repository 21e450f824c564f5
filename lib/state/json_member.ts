/**
 * Reading members of JSON objects by type.
 *
 * @module
 */

import type { JsonNode } from "./json.ts";

/** A member's value; the last one counts if a key stands twice, as in Python. */
export function member(node: JsonNode, key: string): JsonNode | undefined {
  if (node.type !== "object") return undefined;
  // No closure: a file with many devices is asked some thousand times.
  for (let at = node.members.length - 1; at >= 0; at--) {
    const one = node.members[at];
    if (one?.key === key) return one.value;
  }
  return undefined;
}

/** A member that is a string, else undefined. */
export function stringMember(node: JsonNode, key: string): string | undefined {
  const value = member(node, key);
  return value?.type === "string" ? value.value : undefined;
}

/** A member that is a number, else undefined. */
export function numberMember(node: JsonNode, key: string): number | undefined {
  const value = member(node, key);
  return value?.type === "number" ? value.value : undefined;
}
