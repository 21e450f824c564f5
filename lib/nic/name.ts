/**
 * Names of NICs, and their minimal needs in QMP.
 *
 * @module
 */

import type { OwnFacts } from "../engine/own_facts.ts";
import type { Kind, OwnKind } from "../plan/kind.ts";
import { noteOn } from "../state/own_check.ts";
import type { NicStep } from "./steps.ts";
import { nicView, NO_DETAILS } from "./view.ts";
import { NIC_NAME } from "./words.ts";

/** Removes the tap that was made to stay. */
function giveBack(own: OwnFacts, uuid: string): NicStep[] {
  const access = noteOn(own.record, uuid)?.access;
  return access?.way === "tap" ? [{ kind: "remove-tap", tap: access }] : [];
}

/** NICs: their name, their view, and the undo of their taps. */
export const NIC = {
  ...NIC_NAME,
  taken: "always",
  sits: "pci",
  // Only HMP tells the existing network backends.
  needs: {
    // The way to the tap may need more: ./tap.ts.
    "nic-add": [
      "netdev_add",
      "netdev_del",
      "device_add",
      "device_del",
      "human-monitor-command",
    ],
    // A replacement needs the same as an addition.
    "nic-modify": ["human-monitor-command"],
    "nic-remove": ["device_del", "netdev_del", "human-monitor-command"],
  },
  giveBack,
  blank: NO_DETAILS,
  view: nicView,
} as const satisfies OwnKind & Pick<Kind, "needs" | "taken" | "sits">;
