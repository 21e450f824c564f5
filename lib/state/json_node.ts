/**
 * JSON nodes made of plain data.
 *
 * @module
 */

import { jsonArray, type JsonNode } from "./json.ts";

/** Plain data that {@linkcode jsonNode} accepts. */
export type Plain =
  | string
  | number
  | boolean
  | null
  | readonly Plain[]
  | { readonly [key: string]: Plain };

function quote(value: string): string {
  return JSON.stringify(value).replace(
    /[\x7f-\uffff]/g,
    (char) => "\\u" + char.charCodeAt(0).toString(16).padStart(4, "0"),
  );
}

/** Makes a node of plain data; keys keep the order JavaScript gives them. */
export function jsonNode(value: Plain): JsonNode {
  if (value === null) return { type: "null", text: "null", value };
  switch (typeof value) {
    case "string":
      return { type: "string", text: quote(value), value };
    case "number":
      return { type: "number", text: JSON.stringify(value), value };
    case "boolean":
      return { type: "boolean", text: String(value), value };
  }
  if (Array.isArray(value)) return jsonArray(value.map((one) => jsonNode(one)));
  const members = Object.entries(value).map(([key, member]) => ({
    key,
    keyText: quote(key),
    value: jsonNode(member),
  }));
  return { type: "object", members };
}
