/**
 * Everything a hotplug needs, as the list that `check` tells of. Pure: the
 * same rules as the plans', in the order in which an addition asks them.
 *
 * @module
 */

import { freeSlots as freeOn } from "../device/bus_slot.ts";
import { chooseSlot } from "../device/choose_slot.ts";
import { usualBuses } from "../device/pci_bus.ts";
import { HotplugError } from "../errors.ts";
import type { Confinement } from "../host/confinement.ts";
import type { Facts } from "../plan/facts.ts";
import type { OwnTapFacts } from "../nic/add_facts.ts";
import { refuseNoWay, takesFiles } from "../disk/way_path.ts";
import { slotFacts } from "../plan/addition.ts";
import { refuseNoTun } from "../nic/network.ts";
import { vhostOf } from "../nic/add.ts";
import { refuseNoTapWay, takesTaps, TAP_COMMANDS } from "../nic/tap.ts";
import {
  COMMANDS_OF,
  MACHINE_RULES,
  type Operation,
  refuseMissingCommands,
  type Rule,
  STATE_RULES,
} from "../plan/requirements.ts";

/** What `check` looks at. */
export interface CheckFacts extends Facts {
  /** Undefined if QEMU's process is unknown. */
  readonly confinement: Confinement | undefined;
  /** Undefined if taps are handed over open, or nothing tells. */
  readonly ownTap: OwnTapFacts | undefined;
  /** /dev/net/tun is there. */
  readonly tun: boolean;
  /** /dev/vhost-net is there. */
  readonly vhost: boolean;
}

/** Kinds of devices that a rule is about. */
export type Purpose = "disk" | "nic";

/** One requirement, and whether it is met. */
export interface Requirement {
  /** For programs: `getfd`, `run-state`, … */
  readonly name: string;
  /** For which devices it is needed. */
  readonly for: readonly Purpose[];
  /** Whether it is met. */
  readonly ok: boolean;
  /** What there is; or what an `add` would say. */
  readonly detail: string;
  /** What would help, null if it is met or nothing is known to. */
  readonly hint: string | null;
}

type CheckRule = Rule<CheckFacts> & { readonly for: readonly Purpose[] };

const BOTH = ["disk", "nic"] as const;

function usersOf(command: string): Purpose[] {
  const kinds = (Object.keys(COMMANDS_OF) as Operation[])
    .filter((one) => COMMANDS_OF[one].includes(command));
  return BOTH.filter((kind) => kinds.some((one) => one.startsWith(kind)));
}

/**
 * A missing command refuses with all that are missing for the same devices.
 * Those of one kind of device come first, and so does what an addition of that
 * kind says of them.
 */
function commandRules(purposes: readonly Purpose[]): CheckRule[] {
  const all = [...new Set(Object.values(COMMANDS_OF).flat())];
  const needed = all.filter((one) => usersOf(one).join() === purposes.join());
  const shared = all.filter((one) => usersOf(one).length > 1);
  return needed.map((name) => ({
    name,
    for: purposes,
    refuse: ({ qemu }) => {
      if (qemu.commands.has(name)) return;
      const [kind] = purposes.length > 1 ? [] : purposes;
      const add = kind && COMMANDS_OF[`${kind}-add`];
      refuseMissingCommands(qemu, add ?? shared);
    },
    state: () => "the monitor has it",
  }));
}

const COMMAND_RULES = [["disk"], ["nic"], BOTH].flatMap((purposes) =>
  commandRules(purposes as readonly Purpose[])
);

/** A word for each: what handing over needs, and the way itself. */
const NIC_ACCESS = [...TAP_COMMANDS, "nic-access"].map((name): CheckRule => ({
  name,
  for: ["nic"],
  refuse: (facts) => {
    if (!facts.qemu.commands.has(name)) refuseNoTapWay(facts);
  },
  state: (facts) =>
    facts.qemu.commands.has(name)
      ? "the monitor has it"
      : takesTaps(facts)
      ? "the monitor takes open taps"
      : "QEMU opens taps by their names",
}));

const TUN: CheckRule = {
  name: "tun",
  for: ["nic"],
  refuse: refuseNoTun,
  state: () => "/dev/net/tun is there",
};

const VHOST: CheckRule = {
  name: "vhost",
  for: ["nic"],
  refuse: (facts) => {
    vhostOf(facts, undefined);
  },
  state: (facts) =>
    vhostOf(facts, undefined) === "on"
      ? "/dev/vhost-net is there"
      : "hvparam vhost_net does not ask for it",
};

/** Free ones by the name of the bus, of where a kind of device usually goes. */
function freeByBus(facts: Facts, kind: Purpose): [string, number[]][] {
  const slots = slotFacts(facts);
  return usualBuses(slots.buses, kind)
    .map((bus): [string, number[]] => [bus.name, freeOn(slots, bus)])
    .filter(([, free]) => free.length > 0);
}

/** The slots that a new device could get; of a port, its number. */
export function freeSlots(facts: Facts): number[] {
  const slots = slotFacts(facts);
  const usual = BOTH.flatMap((kind) => usualBuses(slots.buses, kind));
  return [...new Set(usual)].flatMap((bus) =>
    freeOn(slots, bus).map((slot) => bus.number ?? slot)
  );
}

function stateOfSlots(facts: Facts, kind: Purpose): string {
  const free = freeByBus(facts, kind);
  const [[bus, slots] = ["", []]] = free;
  if (free.length === 1 && slots.length > 1) return `${slots.length} on ${bus}`;
  return `${free.flatMap(([, some]) => some).length}: ${
    free.map(([name]) => name).join(" ")
  }`;
}

/** Disks and NICs may go to different places: SPEC 4.3. */
function freeSlot(kinds: readonly Purpose[]): CheckRule {
  const [kind = "disk"] = kinds;
  return {
    name: "free-slot",
    for: kinds,
    refuse: (facts) => {
      chooseSlot(slotFacts(facts), kind);
    },
    state: (facts) => stateOfSlots(facts, kind),
  };
}

const DISK_ACCESS: CheckRule = {
  name: "disk-access",
  for: ["disk"],
  refuse: ({ qemu, confinement }) => refuseNoWay(qemu, confinement),
  state: ({ qemu }) =>
    takesFiles(qemu)
      ? "the monitor takes opened files"
      : "QEMU runs as root and sees all of this node: it opens disks itself",
};

function forBoth(rule: Rule): CheckRule {
  return { ...rule, for: BOTH };
}

const RULES: readonly CheckRule[] = [
  ...STATE_RULES.map(forBoth),
  ...COMMAND_RULES,
  ...NIC_ACCESS,
  TUN,
  VHOST,
  ...MACHINE_RULES.map(forBoth),
];

function judge(rule: CheckRule, facts: CheckFacts): Requirement {
  const { name } = rule;
  try {
    rule.refuse(facts);
    const detail = rule.state(facts);
    return { name, for: rule.for, ok: true, detail, hint: null };
  } catch (error) {
    if (!(error instanceof HotplugError)) throw error;
    const { message: detail, hint = null } = error;
    return { name, for: rule.for, ok: false, detail, hint };
  }
}

/** Every requirement; the first that is not met is what an `add` would say. */
export function judgeAll(facts: CheckFacts): Requirement[] {
  const { buses } = facts.qemu;
  const [disk, nic] = BOTH.map((kind) => usualBuses(buses, kind)[0]);
  const places = disk === nic
    ? [freeSlot(BOTH)]
    : BOTH.map((kind) => freeSlot([kind]));
  return [...RULES, ...places, DISK_ACCESS].map((rule) => judge(rule, facts));
}
