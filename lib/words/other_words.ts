/**
 * Words of other tools (ip, virsh, QEMU's monitor), with their meaning here.
 *
 * @module
 */

import type { CommandSpec } from "./options.ts";

/** For the commands of every kind of device; else a command names its own. */
const VERBS = new Map(Object.entries({
  attach: "add",
  detach: "remove",
  device_add: "add",
  device_del: "remove",
  rm: "remove",
}));

const OPTIONS = new Map(Object.entries({ bridge: "link", model: "driver" }));

function namesFor(word: string, commands: readonly CommandSpec[]): string[] {
  if (word === "version") return ["--version"];
  return commands.filter(({ name, otherNames = [] }) =>
    otherNames.includes(word) || name.endsWith(` ${VERBS.get(word)}`)
  ).map(({ name }) => name);
}

/**
 * A hint at the commands that words of another tool mean, if there are any.
 *
 * @param commands those that may be named
 */
export function commandMeant(
  [first = "", second = ""]: readonly string[],
  commands: readonly CommandSpec[],
): string | undefined {
  const found = [first, second]
    .map((word) => namesFor(word, commands))
    .find((names) => names.length > 0);
  if (found === undefined) return undefined;
  const own = found.filter((name) =>
    name.startsWith(`${first} `) || name.endsWith(` ${second}`)
  );
  const names = own.length > 0 ? own : found;
  return `did you mean ${
    names.map((one) => JSON.stringify(one)).join(" or ")
  }?`;
}

/** The option that a word of another tool means, undefined if there is none. */
export function optionMeant(name: string): string | undefined {
  return OPTIONS.get(name);
}
