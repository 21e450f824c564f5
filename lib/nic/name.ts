/**
 * What NICs are called.
 *
 * @module
 */

import type { OwnFacts } from "../engine/own_facts.ts";
import type { OwnKind } from "../plan/kind.ts";
import type { NicStep } from "./steps.ts";
import { nicView } from "./view.ts";

/** The tap that was made to stay goes. */
function giveBack(own: OwnFacts, uuid: string): NicStep[] {
  const access = own.record.devices[uuid]?.access;
  return access?.way === "tap" ? [{ kind: "remove-tap", tap: access }] : [];
}

/** NICs, how they are told of, and how their taps are given back. */
export const NIC: OwnKind = {
  word: "nic",
  title: "NIC",
  list: "nics",
  giveBack,
  view: nicView,
};
