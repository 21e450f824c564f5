/**
 * The present state of a recorded NIC: by its entry, by QEMU, by its tap and by
 * its notes.
 *
 * @module
 */

import { isParavirtual, type Nic, VIRTIO_NET } from "../device/nic.ts";
import { NIC_PROPERTIES } from "../device/nic_properties.ts";
import { propertiesIn } from "../device/properties.ts";
import { hasVlans, parseVlans } from "../host/vlan.ts";
import { type Again, findEntry, said } from "../plan/addition.ts";
import { netdevOf } from "../plan/facts.ts";
import type { NicEntry } from "../state/runtime.ts";
import type { NicAddFacts } from "./add_facts.ts";
import { driverOf } from "./driver.ts";
import { notesOf } from "./notes.ts";
import { recordedNic } from "./recorded.ts";
import type { NicAdd } from "./request.ts";

/** QEMU does not tell whether a NIC is accelerated. */
function vhostNow(facts: NicAddFacts, uuid: string): "on" | "off" {
  const { vhost } = notesOf(facts, uuid);
  if (vhost !== undefined) return vhost;
  const { vhosts = 0 } = facts.now ?? {};
  if (vhosts === 0) return "off";
  const queues = [...facts.qemu.netdevs.values()]
    .reduce((sum, netdev) => sum + netdev.queues, 0);
  // If only some NICs are, the hvparams tell how most were made.
  const most = facts.content.runtime.hvparams.vhostNet ? "on" : "off";
  return vhosts >= queues ? "on" : most;
}

/** The present state of a recorded NIC. */
export function nicNow(facts: NicAddFacts, entry: NicEntry): Nic {
  const { uuid = "", hvinfo: { id = "" } } = entry;
  const { hvparams } = facts.content.runtime;
  const { linkState, script, mtu: noted, rateIn, rateOut } = notesOf(
    facts,
    uuid,
  );
  const { mtu } = propertiesIn(NIC_PROPERTIES, entry);
  const driver = facts.qemu.drivers.get(id) ?? entry.hvinfo.driver ??
    driverOf(facts, hvparams.nicType);
  const recorded = recordedNic(entry);
  return {
    ...recorded,
    ...{ driver, linkState, script, rateIn, rateOut },
    mtu: mtu === null || mtu === undefined ? noted : Number(mtu),
    mac: facts.liveMacs.get(id) ?? recorded.mac,
    queues: netdevOf(facts.qemu, id)?.facts.queues ?? 1,
    vhost: isParavirtual(driver) ? vhostNow(facts, uuid) : "off",
    vnetHdr: facts.now?.vnetHdr ?? (hvparams.vnetHdr ? "on" : "off"),
  };
}

/** The recorded NIC with the uuid of a new one, else with its MAC. */
export function twinNic(
  nics: readonly NicEntry[],
  { mac, uuid }: Pick<NicAdd, "mac" | "uuid">,
): NicEntry | undefined {
  const isIts = (one: NicEntry) => one.mac?.toLowerCase() === mac.value;
  return findEntry(nics, uuid.value) ??
    (mac.origin === "given" ? nics.find(isIts) : undefined);
}

/** The existing VLAN may have another spelling: `.100` is `100`. */
function isSameVlan(one: string, other: string): boolean {
  const [a, b] = [parseVlans(one), parseVlans(other)];
  return a !== undefined && b !== undefined && hasVlans(a, b);
}

function yesNo(is: boolean): string {
  return is ? "yes" : "no";
}

/** The requested and the existing options of the NIC. Pure. */
export function nicOptions(
  facts: NicAddFacts,
  request: NicAdd,
  twin: NicEntry,
): Pick<Again, "asked" | "there"> {
  const now = nicNow(facts, twin);
  const { id = "" } = twin.hvinfo;
  const { mac, driver, vlan, vnetHdr } = request;
  const isVlanThere = isSameVlan(vlan ?? "", now.vlan ?? "");
  return {
    asked: {
      mac: mac.origin === "given" ? mac.value : undefined,
      mode: request.mode,
      link: said(request.link, request),
      vlan: isVlanThere ? now.vlan : said(vlan || undefined, request),
      ip: said(request.ip, request),
      network: said(request.network?.toLowerCase(), request),
      driver: driver && (isParavirtual(driver) ? VIRTIO_NET : driver),
      queues: request.queues,
      vhost: request.vhost,
      "no-vnet-hdr": vnetHdr && yesNo(vnetHdr === "off"),
      tap: request.tap,
      script: request.script,
      "link-state": request.linkState,
      mtu: request.mtu,
      "rate-in": request.rateIn,
      "rate-out": request.rateOut,
    },
    there: {
      mac: now.mac,
      mode: now.mode,
      link: now.link ?? null,
      vlan: now.vlan ?? null,
      ip: now.ip ?? null,
      network: now.network?.toLowerCase() ?? null,
      driver: facts.qemu.drivers.get(id),
      queues: now.queues,
      vhost: now.vhost,
      "no-vnet-hdr": yesNo(now.vnetHdr === "off"),
      tap: netdevOf(facts.qemu, id)?.facts.tap,
      // If the process is unknown, its notes are unknown, too.
      ...(facts.qemu.process !== undefined && {
        script: now.script ?? null,
        "link-state": now.linkState,
        "rate-in": now.rateIn ?? 0,
        "rate-out": now.rateOut ?? 0,
      }),
      mtu: now.mtu ?? null,
    },
  };
}
