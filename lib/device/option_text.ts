/**
 * QEMU's arguments as one word of a command line: `a=1,b.c=on`.
 *
 * @module
 */

import { isJson, type Json } from "../qmp/message.ts";

function valueText(value: unknown): string {
  if (typeof value === "boolean") return value ? "on" : "off";
  // A comma would end the value: it is doubled, qemu-option.c.
  return String(value).replaceAll(",", ",,");
}

function pairs(value: unknown, path: string): string[] {
  if (Array.isArray(value)) {
    return value.flatMap((one, i) => pairs(one, `${path}.${i}`));
  }
  if (!isJson(value)) return [`${path}=${valueText(value)}`];
  const prefix = path === "" ? "" : `${path}.`;
  return Object.entries(value).flatMap(([key, inner]) =>
    inner === undefined ? [] : pairs(inner, `${prefix}${key}`)
  );
}

/**
 * The dotted form of `-blockdev`, `-device` and the like.
 *
 * @param implied a key whose value stands first and without it, e.g. `driver`
 */
export function optionText(args: Json, implied?: string): string {
  const { [implied ?? ""]: first, ...rest } = args;
  const words = pairs(rest, "");
  return [...(first === undefined ? [] : [valueText(first)]), ...words]
    .join(",");
}
