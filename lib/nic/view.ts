/**
 * NICs as callers are told of them. Pure.
 *
 * @module
 */

import { type Nic, settingsAtStart } from "../device/nic.ts";
import { netdevOf } from "../plan/facts.ts";
import { type EntryView, entryView, type ViewFacts } from "../plan/view.ts";
import type { NicEntry } from "../state/runtime.ts";
import { tapOf } from "./files.ts";
import { notesOf } from "./notes.ts";
import type { NicView } from "./view_schema.ts";

/** What only NICs have, nothing known. */
export const NO_DETAILS = {
  mac: null,
  mode: null,
  link: null,
  link_state: null,
  tap: null,
  queues: null,
  vhost: null,
  mtu: null,
  rate: null,
  migratable: null,
} as const;

/** A NIC as it will be, in its place. */
export function plannedView(
  nic: Nic,
  place: Omit<EntryView, "name" | "driver">,
  tap: string | null,
): NicView {
  return {
    ...NO_DETAILS,
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

/** As a start would have it: QEMU does not tell. */
function vhostAtStart(
  { hvinfo: { driver } }: NicEntry,
  { content }: ViewFacts,
): boolean | null {
  if (content === undefined || driver === undefined) return null;
  return settingsAtStart(driver, content.runtime.hvparams).vhost === "on";
}

/** A NIC of the runtime file. */
export function nicView(entry: NicEntry, facts: ViewFacts): NicView {
  const { uuid = "", hvinfo: { id = "" } } = entry;
  const { linkState, vhost } = notesOf(facts, uuid);
  const netdev = facts.qemu && netdevOf(facts.qemu, id)?.facts;
  return {
    ...NO_DETAILS,
    kind: "nic",
    ...entryView(entry),
    mac: entry.mac ?? null,
    mode: entry.mode ?? null,
    // Ganeti writes an empty text where there is none.
    link: entry.link || null,
    tap: tapOf(facts, entry) ?? null,
    queues: netdev?.queues ?? null,
    vhost: netdev === undefined
      ? null
      : vhost === undefined
      ? vhostAtStart(entry, facts)
      : vhost === "on",
    link_state: linkState,
  };
}
