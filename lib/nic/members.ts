/**
 * What becomes different in a NIC's entry. Pure; what we do not know stays.
 *
 * @module
 */

import { type Members, withMembers } from "../state/entry_member.ts";
import { membersOf } from "../state/entry_object.ts";
import { formatJson, type JsonNode, parseJson } from "../state/json.ts";
import { member } from "../state/json_member.ts";
import { jsonNode } from "../state/json_node.ts";
import type { NicEntry } from "../state/runtime.ts";
import { netinfoOf, type NicNetwork } from "./recorded.ts";

/** What of a NIC its entry has. */
export interface NicWanted extends NicNetwork {
  /** Undefined: none. */
  readonly name: string | undefined;
  /** Uuid of the Ganeti network; undefined: none. */
  readonly network: string | undefined;
  /** JSON text of its description. */
  readonly netinfo: string | undefined;
  /** Six bytes in lower case. */
  readonly mac: string;
  /** QEMU's word. */
  readonly driver: string;
}

function text(value: string): string {
  return formatJson(jsonNode(value));
}

/** An object of the entry with these texts in it. */
function changedObject(
  node: JsonNode | undefined,
  texts: Readonly<Record<string, string>>,
): string {
  const object = node?.type === "object" ? node : parseJson("{}");
  if (object.type !== "object") throw new TypeError("no object");
  const members = Object.fromEntries(
    Object.entries(texts).filter(([key, value]) => {
      const now = member(object, key);
      return now?.type === "string" ? now.value !== value : true;
    }).map(([key, value]) => [key, text(value)]),
  );
  return formatJson(withMembers(object, "nic", members));
}

/** Only members that are not there, or are there as another word. */
function different(node: JsonNode, members: Members): Members {
  const now = membersOf(node, Object.keys(members));
  return Object.fromEntries(
    Object.entries(members).filter(([key, value]) => now[key] !== value),
  );
}

/** Ganeti's own object for it; how QEMU knows the device is ours to say. */
function ganetiMembers({ node }: NicEntry, object: string): Members {
  const given = parseJson(object);
  if (node.type !== "object" || given.type !== "object") return {};
  const gone = node.members.map(({ key }) => key)
    .filter((key) => !["hvinfo", "uuid", "pci"].includes(key));
  return {
    ...Object.fromEntries(gone.map((key) => [key, null])),
    ...Object.fromEntries(
      given.members.filter(({ key }) => key !== "uuid")
        .map(({ key, value }) => [key, formatJson(value)]),
    ),
  };
}

function ownMembers(entry: NicEntry, nic: NicWanted) {
  const { node, mac, ip, name, network } = entry;
  return {
    ...(nic.name === name ? {} : { name: nic.name ? text(nic.name) : null }),
    ...(nic.mac === mac?.toLowerCase() ? {} : { mac: text(nic.mac) }),
    ...(nic.ip === (ip || undefined)
      ? {}
      : { ip: nic.ip ? text(nic.ip) : null }),
    ...(nic.network === network
      ? {}
      : { network: nic.network ? text(nic.network) : null }),
    ...(nic.netinfo === netinfoOf(entry)
      ? {}
      : { netinfo: nic.netinfo ?? null }),
    nicparams: changedObject(member(node, "nicparams"), {
      mode: nic.mode,
      link: nic.link ?? "",
      vlan: nic.vlan ?? "",
    }),
  };
}

/** The members of an entry that become different; none if it stays as it is. */
export function nicMembers(
  entry: NicEntry,
  nic: NicWanted,
  object: string | undefined,
): Members {
  const { node, hvinfo } = entry;
  const driver = nic.driver === hvinfo.driver ? {} : {
    hvinfo: changedObject(member(node, "hvinfo"), { driver: nic.driver }),
  };
  const mine = object === undefined
    ? ownMembers(entry, nic)
    : ganetiMembers(entry, object);
  return different(node, { ...mine, ...driver });
}
