/**
 * A NIC that was plugged and never recorded.
 *
 * @module
 */

import { nicEntry } from "../device/entry.ts";
import type { Facts } from "../plan/facts.ts";
import {
  type FoundUnfinished,
  unfinishedId,
  withChange,
} from "../plan/finish.ts";
import { placeOf } from "../plan/live_place.ts";
import type { QmpSession } from "../qmp/client.ts";
import type { NicEntry } from "../state/runtime.ts";
import { type LiveNic, readLiveNics } from "./live.ts";
import { NIC } from "./name.ts";
import type { NicAdd } from "./request.ts";

/** Why it is another NIC; undefined: it is this one. */
function otherNic(
  nic: LiveNic | undefined,
  { mac, mode, link }: NicAdd,
): string | undefined {
  if (nic === undefined) return "QEMU does not report it";
  if (nic.mac !== mac.value) return `its MAC is ${nic.mac}`;
  const { tap } = nic;
  if ("why" in tap) return tap.why;
  return mode !== "bridged" || tap.bridge === link
    ? undefined
    : `its tap ${tap.name} is ${
      tap.bridge === undefined ? "in no bridge" : `in bridge ${tap.bridge}`
    }`;
}

/**
 * Looks for the NIC of a master's request among the NICs that are not recorded.
 */
export async function readUnfinished(
  facts: Facts,
  request: NicAdd,
  qmp: QmpSession,
): Promise<FoundUnfinished<NicEntry> | undefined> {
  const { qemu, content } = facts;
  const id = unfinishedId(facts, NIC, request);
  if (id === undefined) return undefined;
  const { process } = qemu;
  if (process === undefined) return { id, why: "its tap is not visible" };
  const live = await readLiveNics(qmp, qemu, process);
  const place = await placeOf(qmp, id, qemu);
  const driver = qemu.drivers.get(id);
  if (place === undefined || !("slot" in place) || driver === undefined) {
    return { id, why: "QEMU does not show its slot or its driver" };
  }
  const why = otherNic(live.find((one) => one.id === id), request);
  if (why !== undefined) return { id, why };
  const { uuid: { value: uuid }, mac, mode = "none", ganeti } = request;
  const recorded = { id, uuid, place, driver, mac: mac.value, mode };
  const text = nicEntry(recorded, ganeti?.object);
  const list = NIC.list;
  const change = { change: "insert", list, uuid, entry: text } as const;
  const entry = withChange(content, change).nics.at(-1);
  return entry && { id, change, entry };
}
