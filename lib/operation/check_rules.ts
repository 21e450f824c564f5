/**
 * Everything a hotplug needs, as the list that `check` tells of. Pure: the
 * same rules as the plans', in the order in which an addition asks them.
 *
 * @module
 */

import { chooseSlot, PC_BUS, takenSlots } from "../device/bus_slot.ts";
import { HotplugError } from "../errors.ts";
import type { Confinement } from "../host/confinement.ts";
import type { Facts } from "./facts.ts";
import type { OwnTapFacts } from "./facts_nic.ts";
import { refuseNoWay, takesFiles } from "./plan_access.ts";
import { refuseNoTun } from "./plan_nic_network.ts";
import { vhostOf } from "./plan_nic.ts";
import { refuseNoTapWay, takesTaps, TAP_COMMANDS } from "./plan_nic_tap.ts";
import {
  COMMANDS_OF,
  MACHINE_RULES,
  type Operation,
  refuseMissingCommands,
  type Rule,
  STATE_RULES,
} from "./requirements.ts";

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

function slotFacts({ content, qemu }: Facts) {
  const { disks, nics, hvparams } = content.runtime;
  return {
    recorded: [...disks, ...nics],
    live: qemu.pci,
    reservations: hvparams.pciReservations,
  };
}

/** The slots that a new device could get. */
export function freeSlots(facts: Facts): number[] {
  const slots = slotFacts(facts);
  const taken = takenSlots(slots);
  return Array.from({ length: 32 }, (_, slot) => slot)
    .filter((slot) => slot >= slots.reservations && !taken.has(slot));
}

const FREE_SLOT: CheckRule = {
  name: "free-slot",
  for: BOTH,
  refuse: (facts) => {
    chooseSlot(slotFacts(facts));
  },
  state: (facts) => `${freeSlots(facts).length} on ${PC_BUS}`,
};

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
  FREE_SLOT,
  DISK_ACCESS,
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
  return RULES.map((rule) => judge(rule, facts));
}
