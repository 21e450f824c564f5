/**
 * Words of other tools (ip, virsh, QEMU's monitor), with their meaning here.
 *
 * @module
 */

const VCPU = ["vcpu set", "vcpu add", "vcpu remove"];
const MEMORY = ["memory set", "memory add", "memory remove"];
const KINDS = ["disk", "nic", "vcpu", "memory"];
const ADD = KINDS.map((kind) => `${kind} add`);
const REMOVE = KINDS.map((kind) => `${kind} remove`);

const COMMANDS = new Map(Object.entries({
  ls: ["list"],
  list: ["list"],
  disks: ["list"],
  nics: ["list"],
  status: ["list", "check"],
  show: ["list", "state show"],
  info: ["list", "check"],
  rm: REMOVE,
  attach: ADD,
  "attach-device": ["disk add", "nic add", "memory add"],
  "attach-disk": ["disk add"],
  "attach-interface": ["nic add"],
  detach: REMOVE,
  "detach-device": ["disk remove", "nic remove", "memory remove"],
  "detach-disk": ["disk remove"],
  "detach-interface": ["nic remove"],
  setvcpus: ["vcpu set"],
  setvcpu: ["vcpu add", "vcpu remove"],
  vcpucount: ["list", "check"],
  vcpuinfo: ["list", "check"],
  "cpu-add": ["vcpu add"],
  cpu_set: ["vcpu add", "vcpu remove"],
  cpu: VCPU,
  cpus: VCPU,
  vcpus: VCPU,
  setmem: ["memory set"],
  setmaxmem: ["check"],
  balloon: ["memory set"],
  "update-memory-device": ["memory set"],
  mem: MEMORY,
  dimm: MEMORY,
  "virtio-mem": MEMORY,
  device_add: ADD,
  device_del: REMOVE,
  version: ["--version"],
}));

const OPTIONS = new Map(Object.entries({ bridge: "link", model: "driver" }));

/** A hint at the commands that words of another tool mean, if there are any. */
export function commandMeant(
  [first = "", second = ""]: readonly string[],
): string | undefined {
  const found = COMMANDS.get(first) ?? COMMANDS.get(second);
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
