/**
 * What adding a NIC needs besides a place for it, as `check` tells it.
 *
 * @module
 */

import { tapSupport } from "../host/tap.ts";
import type { CheckFacts, KindRule } from "../plan/kind.ts";
import { type OwnTapFacts, readOwnTap } from "./add_facts.ts";
import { vhostOf } from "./driver.ts";
import { refuseNoTapWay, refuseNoTun, takesTaps, TAP_COMMANDS } from "./tap.ts";

/** What the requirements of NICs depend on. */
export interface NicCheckFacts extends CheckFacts {
  /** Undefined if taps are handed over open, or nothing tells. */
  readonly ownTap: OwnTapFacts | undefined;
  /** /dev/net/tun is there. */
  readonly tun: boolean;
  /** /dev/vhost-net is there. */
  readonly vhost: boolean;
}

/** A word for each: what handing over needs, and the way itself. */
function tapRules(facts: NicCheckFacts): KindRule[] {
  const { commands } = facts.qemu;
  return [...TAP_COMMANDS, "nic-access"].map((name) => ({
    name,
    at: "before-place",
    refuse: () => {
      if (!commands.has(name)) refuseNoTapWay(facts);
    },
    state: () =>
      commands.has(name)
        ? "the monitor has it"
        : takesTaps(facts)
        ? "the monitor takes open taps"
        : "QEMU opens taps by their names",
  }));
}

/** The requirements of NICs. Pure. */
export function nicRules(facts: NicCheckFacts): KindRule[] {
  return [
    ...tapRules(facts),
    {
      name: "tun",
      at: "before-place",
      refuse: () => refuseNoTun(facts),
      state: () => "/dev/net/tun is there",
    },
    {
      name: "vhost",
      at: "before-place",
      refuse: () => {
        vhostOf(facts, undefined);
      },
      state: () =>
        vhostOf(facts, undefined) === "on"
          ? "/dev/vhost-net is there"
          : "hvparam vhost_net does not ask for it",
    },
  ];
}

/** Looks at QEMU's ways to a tap, and at the node. */
export async function nicRequirements(facts: CheckFacts): Promise<KindRule[]> {
  const ownTap = await readOwnTap(facts.qemu, facts.confinement);
  return nicRules({ ...facts, ownTap, ...tapSupport() });
}
