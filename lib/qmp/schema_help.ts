/**
 * Help about a command from QEMU's schema.
 *
 * @module
 */

import type { Json } from "./message.ts";
import type { Schema } from "./schema.ts";

/** Longer lists of words are cut: `driver` has more than fifty. */
const MAX_WORDS = 12;

function wordList(words: readonly string[]): string {
  const shown = words.slice(0, MAX_WORDS).join(" | ");
  const more = words.length - MAX_WORDS;
  return more > 0 ? `${shown} | … (${more} more)` : shown;
}

/** A type in a few words. */
export function typeText(schema: Schema, name: string): string {
  const type = schema.type(name);
  switch (type?.kind) {
    case "builtin":
      return type.json === "value" ? "anything" : type.json;
    case "enum":
      return wordList(type.values);
    case "array":
      return `list of ${typeText(schema, type.element)}`;
    case "alternate":
      return type.types.map((one) => typeText(schema, one)).join(" or ");
    case "object":
      return "object";
  }
  return "anything";
}

/** Of an argument: its name, whether it is needed, its type. */
export type HelpRow = readonly [string, string, string];

/**
 * Help on a command; undefined if there is no such command.
 *
 * @param said values of arguments that decide which other arguments there are
 */
export function commandHelp(
  schema: Schema,
  command: string,
  said: Json,
) {
  const type = schema.argumentsOf(command);
  if (type === undefined) return undefined;
  const found = schema.type(type);
  const tag = found?.kind === "object" ? found.tag : undefined;
  const open = tag !== undefined && !(tag in said);
  const own = found?.kind === "object" ? found.members : [];
  const members = open ? own : schema.membersOf(type, said);
  return {
    rows: members.map((member): HelpRow => [
      member.name,
      member.optional ? "" : "needed",
      typeText(schema, member.type),
    ]),
    /** The argument that decides which other arguments there are. */
    tag: open ? tag : undefined,
    /** Type of its return value. */
    returns: typeText(schema, schema.returnOf(command) ?? ""),
  };
}
