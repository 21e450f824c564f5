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

/** A value as a Python literal, one member a line where it has members. */
export function literal(value: Value, indent = ""): string {
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const inner = `${indent}    `;
  if (Array.isArray(value)) {
    const words = value.map((one) => literal(one, inner));
    const line = `[${words.join(", ")}]`;
    if (indent.length + line.length < 70) return line;
    return `[\n${words.map((one) => `${inner}${one},\n`).join("")}${indent}]`;
  }
  const members = Object.entries(value).map(([key, one]) =>
    `${inner}${JSON.stringify(key)}: ${literal(one, inner)},\n`
  );
  return `{\n${members.join("")}${indent}}`;
}

const WIDTH = 76;

/** The words of a text, in lines that are not too long. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < width) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines;
}

/** A list of texts, each as a folded block of YAML. */
export function yamlTexts(texts: readonly string[], indent: string): string {
  const inner = `${indent}  `;
  return texts.map((text) => {
    const lines = wrapped(text, WIDTH - inner.length);
    return `${indent}- >-\n${lines.map((one) => `${inner}${one}\n`).join("")}`;
  }).join("");
}
