/**
 * Words of other tools (ip, virsh, QEMU's monitor), with their meaning here.
 *
 * @module
 */

const COMMANDS = new Map(Object.entries({
  ls: ["list"],
  list: ["list"],
  disks: ["list"],
  nics: ["list"],
  status: ["list", "check"],
  show: ["list", "state show"],
  info: ["list", "check"],
  rm: ["disk remove", "nic remove"],
  attach: ["disk add", "nic add"],
  "attach-disk": ["disk add"],
  "attach-interface": ["nic add"],
  detach: ["disk remove", "nic remove"],
  "detach-disk": ["disk remove"],
  "detach-interface": ["nic remove"],
  version: ["--version"],
}));

const OPTIONS = new Map(Object.entries({ bridge: "link", model: "driver" }));

/** A hint at the commands that words of another tool mean, if there are any. */
export function commandMeant(
  [first = "", second = ""]: readonly string[],
): string | undefined {
  const found = COMMANDS.get(first) ?? COMMANDS.get(second);
  if (found === undefined) return undefined;
  const own = found.filter((name) => name.startsWith(`${first} `));
  const names = own.length > 0 ? own : found;
  return `did you mean ${
    names.map((one) => JSON.stringify(one)).join(" or ")
  }?`;
}

/** The option that a word of another tool means, undefined if there is none. */
export function optionMeant(name: string): string | undefined {
  return OPTIONS.get(name);
}
