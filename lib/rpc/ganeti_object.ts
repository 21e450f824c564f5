/**
 * Reads Ganeti's serialised objects: SPEC 5.4. They are open: unknown members
 * are kept.
 *
 * @module
 */

import { type HotplugError, usage } from "../errors.ts";
import {
  type JsonNode,
  type JsonObject,
  jsonObject,
  member,
} from "../state/json.ts";
import { isUuid } from "../state/value_check.ts";

/** The refusal of a parameter in another form than Ganeti sends. */
export function wrongValue(
  what: string,
  accepted: string,
  node: JsonNode | undefined,
): HotplugError {
  const is = node === undefined
    ? "missing"
    : node.type === "object" || node.type === "array"
    ? `an ${node.type}`
    : node.text;
  return usage(`${what} must be ${accepted}: it is ${is}`);
}

/** A value that must be an object. @throws {HotplugError} `usage` */
export function expectObject(
  node: JsonNode | undefined,
  what: string,
): JsonObject {
  if (node?.type === "object") return node;
  throw wrongValue(what, "an object", node);
}

/** A member, undefined if it is null or omitted: Ganeti's rule of omission. */
export function valueOf(node: JsonNode, key: string): JsonNode | undefined {
  const value = member(node, key);
  return value?.type === "null" ? undefined : value;
}

/**
 * A text, undefined if it is null or omitted. @throws {HotplugError} `usage`
 */
export function textOf(
  node: JsonNode,
  key: string,
  what: string,
): string | undefined {
  const value = valueOf(node, key);
  if (value === undefined || value.type === "string") return value?.value;
  throw wrongValue(`"${key}" of ${what}`, "a text", value);
}

/** Texts of a list; none if it is omitted. */
export function textsOf(node: JsonNode, key: string): string[] {
  const value = valueOf(node, key);
  if (value?.type !== "array") return [];
  return value.items.flatMap((one) => one.type === "string" ? [one.value] : []);
}

/** A device's uuid, in lower case. @throws {HotplugError} `usage` */
export function uuidOf(device: JsonObject, what: string): string {
  const text = textOf(device, "uuid", what) ?? "";
  if (isUuid(text)) return text.toLowerCase();
  throw wrongValue(`"uuid" of ${what}`, "a uuid", member(device, "uuid"));
}

/**
 * An object in the form that Ganeti writes: without nulls, and without members
 * that Ganeti never writes or that kvm-hotplug adds.
 */
export function without(
  object: JsonObject,
  keys: readonly string[],
): JsonObject {
  return jsonObject(
    object.members.filter(({ key, value }) =>
      value.type !== "null" && !keys.includes(key)
    ),
  );
}
