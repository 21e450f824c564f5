/**
 * A tap to which packets are routed: SPEC 6.2. The node answers for the guest's
 * address on its other links, and forwards packets.
 *
 * @module
 */

import { hostError, messageOf } from "../errors.ts";
import { unlessRefused } from "../sys/errno.ts";
import { openFile, statPath, writeAll } from "../sys/file.ts";
import { O } from "../sys/layout.ts";
import { ip, ipBatch } from "./network.ts";
import { interfaceExists } from "./tap.ts";

/** The address and the table of a route. */
export interface RouteTo {
  /** The guest's address. */
  readonly ip: string | null;
  /** Routing table for the guest's packets; null: the main one. */
  readonly link: string | null;
}

/** The option of ip(8) for the family of an address. */
export function familyOf(address: string): "-4" | "-6" {
  return address.includes(":") ? "-6" : "-4";
}

/** The settings by which the node answers for the guest on its other links. */
const PROXIES = [["ipv4", "proxy_arp"], ["ipv6", "proxy_ndp"]] as const;

function isFolder(path: string): boolean {
  return unlessRefused(() => statPath(path))?.kind === "directory";
}

function setSwitch(path: string): void {
  try {
    using fd = openFile(`/proc/sys/net/${path}`, O.WRONLY);
    writeAll(fd, new TextEncoder().encode("1\n"));
  } catch (error) {
    throw hostError(`Cannot set net/${path}: ${messageOf(error)}`, error);
  }
}

/** Removes the rules that send a tap's packets to a table. */
async function dropRules(tap: string, family: "-4" | "-6"): Promise<void> {
  const rules = await ip([family, "rule", "show", "iif", tap]);
  const count = rules.split("; ").filter((one) => one !== "").length;
  const drop = `rule del iif ${tap}`;
  if (count > 0) await ipBatch(Array(count).fill(drop), [family]);
}

/** Routes an address to a tap. @throws {HotplugError} `host-error` */
export async function joinRoute(
  tap: string,
  { ip: address, link }: RouteTo,
): Promise<void> {
  if (address === null) throw hostError("A routed NIC needs an IP address");
  const family = familyOf(address);
  const table = link === null ? "" : ` table ${link}`;
  await dropRules(tap, family);
  await ipBatch([
    `link set dev ${tap} up`,
    ...(link === null ? [] : [`rule add iif ${tap}${table}`]),
    `route replace ${address} dev ${tap} proto static${table}`,
  ], [family]);
  for (const [version, proxy] of PROXIES) {
    const folder = `${version}/conf/${tap}`;
    // A node may have no IPv6.
    if (!isFolder(`/proc/sys/net/${folder}`)) continue;
    for (const name of [proxy, "forwarding"]) setSwitch(`${folder}/${name}`);
  }
}

/**
 * Removes the routes to a tap and its rules: the kernel keeps a rule when its
 * interface goes. May be repeated.
 *
 * @throws {HotplugError} `host-error`
 */
export async function leaveRoute(
  tap: string,
  { ip: address, link }: RouteTo,
): Promise<void> {
  const family = familyOf(address ?? "");
  const mine = ["dev", tap, "proto", "static"];
  // A table that does not exist cannot be flushed; this command lists all
  // routes.
  const there = interfaceExists(tap)
    ? await ip([family, "route", "show", "table", "all", ...mine])
    : "";
  if (there !== "") {
    await ip([family, "route", "flush", "table", link ?? "main", ...mine]);
  }
  await dropRules(tap, family);
}
