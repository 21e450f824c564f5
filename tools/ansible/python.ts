/**
 * Values as Python writes them, and texts as YAML does.
 *
 * @module
 */

/** Data that Python and JSON have in common. */
export type Value =
  | string
  | number
  | boolean
  | readonly Value[]
  | { readonly [key: string]: Value };

const WIDTH = 76;

/**
 * A value as a Python literal. If it is long, a dictionary has one member a
 * line, and a list as many as there is room for.
 */
export function literal(value: Value, indent = ""): string {
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const inner = `${indent}    `;
  const isList = Array.isArray(value);
  const words = isList
    ? value.map((one) => literal(one, inner))
    : Object.entries(value).map(([key, one]) =>
      `${JSON.stringify(key)}: ${literal(one, inner)}`
    );
  const [open, close] = isList ? "[]" : "{}";
  const line = `${open}${words.join(", ")}${close}`;
  if (indent.length + line.length < 70 && !line.includes("\n")) return line;
  const members = words.map((one) => `${one},`);
  const lines = (isList ? folded(members, WIDTH - inner.length) : members)
    .map((one) => `${inner}${one}\n`).join("");
  return `${open}\n${lines}${indent}${close}`;
}

/** Words in lines that are not too long. */
function folded(words: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < width) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines;
}

/** A text that YAML reads as it is: no sign in it means anything else. */
const PLAIN = /^[A-Z]\w* [\w ,.;()-]*$/;

/** A list of texts, each as it is or as a folded block of YAML. */
export function yamlTexts(texts: readonly string[], indent: string): string {
  const inner = `${indent}  `;
  return texts.map((text) => {
    const lines = folded(text.split(/\s+/), WIDTH - inner.length);
    if (lines.length === 1 && PLAIN.test(text)) return `${indent}- ${text}\n`;
    return `${indent}- >-\n${lines.map((one) => `${inner}${one}\n`).join("")}`;
  }).join("");
}
