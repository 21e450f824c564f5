/**
 * QEMU's arguments as one word of a command line, `a=1,b.c=on`, and the way
 * back.
 *
 * @module
 */

import { isJson, type Json } from "../qmp/message.ts";

function valueText(value: unknown): string {
  return typeof value === "boolean" ? (value ? "on" : "off") : String(value);
}

/** A comma would end the value; therefore it is doubled, qemu-option.c. */
function escaped(value: string): string {
  return value.replaceAll(",", ",,");
}

function textPairs(value: unknown, path = ""): [string, string][] {
  if (Array.isArray(value)) {
    return value.flatMap((one, i) => textPairs(one, `${path}.${i}`));
  }
  if (!isJson(value)) return [[path, valueText(value)]];
  const prefix = path === "" ? "" : `${path}.`;
  return Object.entries(value).flatMap(([key, inner]) =>
    inner === undefined ? [] : textPairs(inner, `${prefix}${key}`)
  );
}

/**
 * The dotted form of `-blockdev`, `-device` and similar options.
 *
 * @param implied the key of the first value, which is written without its key,
 * e.g. `driver`
 */
export function optionText(args: Json, implied?: string): string {
  const { [implied ?? ""]: first, ...rest } = args;
  const words = textPairs(rest).map(([key, value]) =>
    `${key}=${escaped(value)}`
  );
  return [...(first === undefined ? [] : [escaped(valueText(first))]), ...words]
    .join(",");
}

/** `-device`, `-object`, `-blockdev` and `-netdev` accept JSON. */
function fromJson(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJson(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function fromPairs(text: string, implied: string): [string, string][] {
  // A comma in a value is doubled: util/keyval.c. No word contains a NUL.
  return text.replaceAll(",,", "\0").split(",").map((part, at) => {
    const [name = "", ...rest] = part.replaceAll("\0", ",").split("=");
    if (rest.length > 0) return [name, rest.join("=")];
    // A name alone means on: util/qemu-option.c.
    return at === 0 && implied !== "" ? [implied, name] : [name, "on"];
  });
}

/**
 * The properties in the value of `-device`, `-object` and similar options, in
 * their order; properties in JSON by their dotted names. A value that is not a
 * text gets the text of {@linkcode optionText}.
 *
 * @param implied the key of a first value without a key
 */
export function readOptionText(
  text: string,
  implied = "",
): ReadonlyMap<string, string> {
  const json = text.startsWith("{") ? fromJson(text) ?? {} : undefined;
  const all = json === undefined ? fromPairs(text, implied) : textPairs(json);
  const id = all.find(([name]) => name === "id");
  // The last value counts; for an id the first: opts_parse_id().
  return new Map([...all, ...(id === undefined ? [] : [id])]);
}
