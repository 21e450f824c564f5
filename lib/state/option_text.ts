/**
 * QEMU's arguments as one word of a command line, `a=1,b.c=on`, and read back.
 *
 * @module
 */

import { isJson, type Json } from "../qmp/message.ts";

function valueText(value: unknown): string {
  return typeof value === "boolean" ? (value ? "on" : "off") : String(value);
}

/** A comma would end the value: it is doubled, qemu-option.c. */
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
 * The dotted form of `-blockdev`, `-device` and the like.
 *
 * @param implied a key whose value stands first and without it, e.g. `driver`
 */
export function optionText(args: Json, implied?: string): string {
  const { [implied ?? ""]: first, ...rest } = args;
  const words = textPairs(rest).map(([key, value]) =>
    `${key}=${escaped(value)}`
  );
  return [...(first === undefined ? [] : [escaped(valueText(first))]), ...words]
    .join(",");
}

/** JSON is taken by `-device`, `-object`, `-blockdev` and `-netdev`. */
function fromJson(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJson(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function fromPairs(text: string, implied: string): [string, string][] {
  // A comma in a value is doubled: util/keyval.c. No word has a NUL.
  return text.replaceAll(",,", "\0").split(",").map((part, at) => {
    const [name = "", ...rest] = part.replaceAll("\0", ",").split("=");
    if (rest.length > 0) return [name, rest.join("=")];
    // A name alone switches something on: util/qemu-option.c.
    return at === 0 && implied !== "" ? [implied, name] : [name, "on"];
  });
}

/**
 * The properties in the value of `-device`, `-object` and the like, in the
 * order in which they stand there; those of JSON by their dotted names. A value
 * that is no text has the text that {@linkcode optionText} gives it.
 *
 * @param implied a key whose value may stand first and without it
 */
export function readOptionText(
  text: string,
  implied = "",
): ReadonlyMap<string, string> {
  const json = text.startsWith("{") ? fromJson(text) ?? {} : undefined;
  const all = json === undefined ? fromPairs(text, implied) : textPairs(json);
  const id = all.find(([name]) => name === "id");
  // The last one counts; of an id the first: opts_parse_id().
  return new Map([...all, ...(id === undefined ? [] : [id])]);
}
