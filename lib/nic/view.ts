/**
 * NICs as callers are told of them. Pure.
 *
 * @module
 */

import { isParavirtual, type Nic } from "../device/nic.ts";
import type { DeviceView } from "../engine/plan.ts";
import { notesOf } from "./notes.ts";
import { netdevOf } from "../plan/facts.ts";
import { type EntryView, entryView, type ViewFacts } from "../plan/view.ts";
import type { NicEntry } from "../state/runtime.ts";
import { tapOf } from "./files.ts";

/** A NIC as it will be, in its place. */
export function plannedView(
  nic: Nic,
  place: Omit<EntryView, "name" | "driver">,
  tap: string | null,
): DeviceView {
  return {
    kind: "nic",
    ...place,
    name: nic.name ?? null,
    driver: nic.driver,
    mac: nic.mac,
    mode: nic.mode,
    link: nic.link ?? null,
    tap,
    queues: nic.queues,
    vhost: nic.vhost === "on",
    link_state: nic.linkState,
  };
}

/** What was noted, else what the hvparams say: QEMU does not tell. */
function vhostOf(
  { uuid = "", hvinfo }: NicEntry,
  { own, content }: ViewFacts,
): boolean | null {
  const noted = own?.record.devices[uuid.toLowerCase()]?.vhost;
  if (noted !== undefined) return noted === "on";
  if (content === undefined || hvinfo.driver === undefined) return null;
  const { hvparams } = content.runtime;
  return hvparams.vhostNet && isParavirtual(hvinfo.driver);
}

/** A NIC of the runtime file. */
export function nicView(entry: NicEntry, facts: ViewFacts): DeviceView {
  const { uuid = "", hvinfo: { id = "" } } = entry;
  const { own } = facts;
  const netdev = facts.qemu && netdevOf(facts.qemu, id)?.facts;
  return {
    kind: "nic",
    ...entryView(entry),
    mac: entry.mac ?? null,
    mode: entry.mode ?? null,
    // Ganeti writes an empty text where there is none.
    link: entry.link || null,
    tap: tapOf(facts, entry) ?? null,
    queues: netdev?.queues ?? null,
    vhost: netdev === undefined ? null : vhostOf(entry, facts),
    link_state: own === undefined ? "up" : notesOf({ own }, uuid).linkState,
  };
}
