/**
 * NICs as callers are told of them. Pure.
 *
 * @module
 */

import { isParavirtual, type NicDevice } from "../device/nic.ts";
import type { DeviceView } from "../engine/plan.ts";
import { netdevOf } from "../plan/facts.ts";
import { entryView, placeView, type ViewFacts } from "../plan/view.ts";
import type { NicEntry } from "../state/runtime.ts";

/** A NIC that is to be plugged; its tap is known once it was made. */
export function newNicView(nic: NicDevice, index: number): DeviceView {
  return {
    kind: "nic",
    index,
    uuid: nic.uuid,
    name: nic.name ?? null,
    id: nic.id,
    driver: nic.driver,
    ...placeView(nic.place),
    mac: nic.mac,
    mode: nic.mode,
    link: nic.link ?? null,
    tap: null,
    queues: nic.queues,
    vhost: nic.vhost === "on",
    link_state: "up",
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
  const { uuid = "", hvinfo: { id } } = entry;
  const noted = facts.own?.record.devices[uuid.toLowerCase()];
  const netdev = id === undefined || facts.qemu === undefined
    ? undefined
    : netdevOf(facts.qemu, id)?.facts;
  return {
    kind: "nic",
    ...entryView(entry),
    mac: entry.mac ?? null,
    mode: entry.mode ?? null,
    // Ganeti writes an empty text where there is none.
    link: entry.link || null,
    tap: netdev?.tap ?? facts.nicFiles?.[String(entry.index)] ?? null,
    queues: netdev?.queues ?? null,
    vhost: netdev === undefined ? null : vhostOf(entry, facts),
    link_state: noted?.linkState ?? "up",
  };
}
