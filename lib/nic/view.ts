/**
 * NICs in the form that callers get. Pure.
 *
 * @module
 */

import {
  isParavirtual,
  type Nic,
  settingsAtStart,
  VIRTIO_NET,
} from "../device/nic.ts";
import { NIC_PROPERTIES } from "../device/nic_properties.ts";
import { propertiesIn } from "../device/properties.ts";
import { netdevOf } from "../plan/facts.ts";
import { type EntryView, entryView, type ViewFacts } from "../plan/view.ts";
import type { Hvparams } from "../state/hvparams.ts";
import type { NicEntry } from "../state/runtime.ts";
import { tapOf } from "./files.ts";
import { notesOf } from "./notes.ts";
import type { NicView } from "./view_schema.ts";

/** The members that only NICs have, all unknown. */
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

/**
 * Whether Ganeti's start and a migration make the same NIC: it takes from the
 * hvparams what the model of all NICs and the number of their queues is.
 *
 * @returns null where that is for the node's network script to say
 */
function isMigratable(
  { driver, mode, queues }: Pick<Nic, "driver" | "queues"> & {
    readonly mode: string | undefined;
  },
  hvparams: Hvparams,
): boolean | null {
  const { nicType } = hvparams;
  const model = isParavirtual(nicType) ? VIRTIO_NET : nicType;
  // `auto` is as many as a running NIC has.
  const atStart = settingsAtStart(driver, hvparams, queues);
  if (driver !== model || atStart.queues !== queues) return false;
  return mode === "none" || mode === "ext" ? null : true;
}

/** A future NIC, in its place. */
export function plannedView(
  nic: Nic,
  place: Omit<EntryView, "name" | "driver">,
  { tap, hvparams }: {
    readonly tap: string | null;
    readonly hvparams: Hvparams;
  },
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
    mtu: nic.mtu ?? null,
    rate: rateView(nic),
    migratable: isMigratable(nic, hvparams),
  };
}

/** Limits in each direction; null if there are none. */
function rateView(
  { rateIn, rateOut }: Pick<Nic, "rateIn" | "rateOut">,
): Record<string, number> | null {
  const rates = {
    ...(rateIn === undefined ? {} : { in: rateIn }),
    ...(rateOut === undefined ? {} : { out: rateOut }),
  };
  return Object.keys(rates).length === 0 ? null : rates;
}

/** The value of a start: QEMU does not tell it. */
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
  const { linkState, vhost, mtu: noted, ...rates } = notesOf(facts, uuid);
  const { mtu } = propertiesIn(NIC_PROPERTIES, entry);
  const netdev = facts.qemu && netdevOf(facts.qemu, id)?.facts;
  const { driver } = entry.hvinfo;
  const isKnown = netdev !== undefined && driver !== undefined;
  return {
    ...NO_DETAILS,
    kind: "nic",
    ...entryView(entry),
    mac: entry.mac ?? null,
    mode: entry.mode ?? null,
    // Ganeti writes an empty text if there is none.
    link: entry.link || null,
    tap: tapOf(facts, entry) ?? null,
    queues: netdev?.queues ?? null,
    vhost: netdev === undefined
      ? null
      : vhost === undefined
      ? vhostAtStart(entry, facts)
      : vhost === "on",
    link_state: linkState,
    mtu: mtu === null || mtu === undefined ? noted ?? null : Number(mtu),
    rate: rateView(rates),
    migratable: isKnown && facts.content !== undefined
      ? isMigratable(
        { driver, mode: entry.mode, queues: netdev.queues },
        facts.content.runtime.hvparams,
      )
      : null,
  };
}
