/**
 * What NICs are called, and the least that they need of the monitor.
 *
 * @module
 */

import type { OwnFacts } from "../engine/own_facts.ts";
import type { Kind, OwnKind } from "../plan/kind.ts";
import { noteOn } from "../state/own_check.ts";
import type { NicStep } from "./steps.ts";
import { nicView, NO_DETAILS } from "./view.ts";
import { NIC_NAME } from "./words.ts";

/** The tap that was made to stay goes. */
function giveBack(own: OwnFacts, uuid: string): NicStep[] {
  const access = noteOn(own.record, uuid)?.access;
  return access?.way === "tap" ? [{ kind: "remove-tap", tap: access }] : [];
}

/** NICs: their name, how they are told of, and how taps are given back. */
export const NIC = {
  ...NIC_NAME,
  taken: "always",
  sits: "pci",
  // Nothing but HMP tells which network backends there are.
  needs: {
    // The way to the tap may need more: ./tap.ts.
    "nic-add": [
      "netdev_add",
      "netdev_del",
      "device_add",
      "device_del",
      "human-monitor-command",
    ],
    // Replacing it needs what adding it does.
    "nic-modify": ["human-monitor-command"],
    "nic-remove": ["device_del", "netdev_del", "human-monitor-command"],
  },
  giveBack,
  blank: NO_DETAILS,
  view: nicView,
} as const satisfies OwnKind & Pick<Kind, "needs" | "taken" | "sits">;
