/**
 * Whether a tap is still connected to its network. People and other tools
 * delete a bridge and make it again, move a tap, or set it down; QEMU does not
 * notice.
 *
 * @module
 */

import { HotplugError } from "../errors.ts";
import type { Attachment } from "./attachment.ts";
import type { NicMode } from "./network_words.ts";
import { readIfThere } from "./look.ts";
import { filtersVlans, ip, vlansOf } from "./network.ts";
import { findSwitch, portsOf } from "./openvswitch.ts";
import { bridgeOf } from "./tap.ts";
import { familyOf } from "./tap_route.ts";
import { hasVlans, parseVlans } from "./vlan.ts";

/** IFF_UP of linux/if.h. */
const UP = 1;

function isUp(tap: string): boolean {
  const flags = readIfThere(`/sys/class/net/${tap}/flags`);
  return flags === undefined || (Number(flags) & UP) !== 0;
}

async function bridgeCut(
  tap: string,
  { link, vlan }: Attachment,
): Promise<string | undefined> {
  const master = bridgeOf(tap);
  if (master !== link) {
    return `is on ${master ?? "no bridge"}, not on ${link}`;
  }
  const wanted = vlan === null ? undefined : parseVlans(vlan);
  if (wanted === undefined || !filtersVlans(master ?? "")) return undefined;
  const there = await vlansOf(tap);
  return there === undefined || hasVlans(there, wanted)
    ? undefined
    : `is on ${link}, but not in VLAN ${vlan}`;
}

async function routeCut(
  tap: string,
  { link, ip: address }: Attachment,
): Promise<string | undefined> {
  if (address === null) return undefined;
  const table = link ?? "main";
  const words = ["show", address, "dev", tap, "table", table];
  const routes = await ip([familyOf(address), "route", ...words]);
  return routes === ""
    ? `has no route for ${address} (table ${table})`
    : undefined;
}

async function switchCut(
  tap: string,
  { link }: Attachment,
): Promise<string | undefined> {
  if (link === null) return undefined;
  const isThere = (await portsOf(link))?.includes(tap);
  const isGone = isThere === undefined && await findSwitch(link) === "missing";
  return isThere === false || isGone ? `is not a port of ${link}` : undefined;
}

const CUTS: Record<NicMode, typeof bridgeCut | undefined> = {
  bridged: bridgeCut,
  routed: routeCut,
  openvswitch: switchCut,
  none: undefined,
  ext: undefined,
};

/**
 * The fault between the tap and its network; a tool that fails gives no answer.
 */
async function networkCut(
  tap: string,
  on: Attachment,
): Promise<string | undefined> {
  try {
    return await CUTS[on.mode]?.(tap, on);
  } catch (error) {
    if (error instanceof HotplugError) return undefined;
    throw error;
  }
}

/**
 * How a tap is cut off from its network, as a sentence goes on.
 *
 * @param on with a script that the user gave, the answer is unknown
 * @returns empty if it is not
 */
export async function cutsOf(tap: string, on: Attachment): Promise<string[]> {
  if (on.script !== null || ["none", "ext"].includes(on.mode)) return [];
  const cut = await networkCut(tap, on);
  return [
    ...(cut === undefined ? [] : [cut]),
    ...(isUp(tap) ? [] : ["is down"]),
  ];
}
