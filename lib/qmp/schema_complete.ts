/**
 * Completes a word of a QMP command's arguments by QEMU's schema.
 *
 * @module
 */

import type { Json } from "./message.ts";
import type { Schema } from "./schema.ts";
import { siblings } from "./schema_arguments.ts";

/** A place in a command's arguments. */
export interface ArgumentPlace {
  readonly command: string;
  /** `KEY=VALUE` words before it. */
  readonly before: readonly string[];
  /** The typed part: part of a key, or `KEY=` and more. */
  readonly word: string;
}

/** The object around a key, as far as the words before it tell it. */
function around(path: readonly string[], { before }: ArgumentPlace): Json {
  const words = before.map((word) => {
    const [key = "", ...value] = word.split("=");
    return { key, text: value.join("=") };
  });
  return siblings(words, path);
}

/** Types with members; for an alternate the object types among its choices. */
function objectTypes(schema: Schema, type: string): string[] {
  const found = schema.type(type);
  if (found?.kind === "alternate") {
    return found.types.filter((one) => schema.type(one)?.kind === "object");
  }
  return found?.kind === "object" ? [type] : [];
}

function membersAt(schema: Schema, at: ArgumentPlace, path: string[]) {
  let types = [schema.argumentsOf(at.command) ?? ""];
  const members = (depth: number) => {
    const value = around(path.slice(0, depth), at);
    return types.flatMap((one) => schema.membersOf(one, value));
  };
  for (const [depth, name] of path.entries()) {
    const member = members(depth).find((one) => one.name === name);
    if (member === undefined) return [];
    types = objectTypes(schema, member.type);
  }
  return members(path.length);
}

function valuesOf(schema: Schema, type: string): readonly string[] {
  const found = schema.type(type);
  if (found?.kind === "enum") return found.values;
  const isFlag = found?.kind === "builtin" && found.json === "boolean";
  return isFlag ? ["true", "false"] : [];
}

/** Candidates for one word: keys with `=` or `.` after them, or values. */
export function completeArgument(
  schema: Schema,
  at: ArgumentPlace,
): { word: string; note: string }[] {
  const [key = "", ...value] = at.word.split("=");
  const path = key.split(".");
  const last = path.pop() ?? "";
  const members = membersAt(schema, at, path);
  if (value.length > 0) {
    const member = members.find((one) => one.name === last);
    const words = member === undefined ? [] : valuesOf(schema, member.type);
    return words.map((word) => ({ word: `${key}=${word}`, note: "" }));
  }
  const given = around(path, at);
  return members.filter(({ name }) => !(name in given)).flatMap((member) => {
    const note = member.optional ? "" : "needed";
    const word = [...path, member.name].join(".");
    const deeper = objectTypes(schema, member.type).length > 0;
    const isObject = schema.type(member.type)?.kind === "object";
    return [
      ...(isObject ? [] : [{ word: `${word}=`, note }]),
      ...(deeper ? [{ word: `${word}.`, note }] : []),
    ];
  });
}
