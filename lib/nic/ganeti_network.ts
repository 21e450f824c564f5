/**
 * A Ganeti network that a user names. Ganeti's start needs the network's whole
 * description in the NIC's entry, and only a master knows it: the description
 * is copied from another NIC of this node in this network, or given.
 *
 * @module
 */

import { type Network, networkVariables } from "../device/netinfo.ts";
import type { RecordedNic } from "../device/nic.ts";
import { NIC_MODES } from "../host/network_words.ts";
import { refuse } from "../errors.ts";
import type { NodeFacts } from "../plan/facts.ts";
import {
  formatJson,
  member,
  numberMember,
  parseJson,
  stringMember,
} from "../state/json.ts";
import type { NicEntry } from "../state/runtime.ts";
import { nicsOfNode } from "./add_facts.ts";
import { recordedNic } from "./recorded.ts";
import type { NetworkWish, NicAdd, NicModify } from "./request.ts";

/** A network, and its NICs. */
interface Found extends Network {
  readonly nics: readonly NicEntry[];
}

const ACCEPTED =
  `give its description as JSON, the "netinfo" of a NIC in a runtime file: --network '{"name":…,"uuid":…,"network":"192.0.2.0/24",…}'`;

/** The network of a NIC, if its entry describes it in Ganeti's form. */
function foundOn(nic: NicEntry): Found[] {
  const netinfo = member(nic.node, "netinfo");
  const uuid = nic.network?.toLowerCase();
  if (uuid === undefined || netinfo === undefined) return [];
  if (stringMember(netinfo, "uuid")?.toLowerCase() !== uuid) return [];
  // To the letter: a later Ganeti may have more members.
  return [{ uuid, netinfo: formatJson(netinfo), nics: [nic] }];
}

/** A description changes with each address: the newest one is right. */
function newestFirst(one: Found, other: Found): number {
  const [a, b] = [one, other].map(({ netinfo }) => parseJson(netinfo));
  const older = (key: string) =>
    (b && numberMember(b, key) || 0) - (a && numberMember(a, key) || 0);
  return older("serial_no") || older("mtime");
}

function find(word: string, node: NodeFacts): Found {
  const all = nicsOfNode(node).flatMap(([_, nics]) => nics).flatMap(foundOn)
    .filter(({ uuid, netinfo }) =>
      uuid === word.toLowerCase() ||
      stringMember(parseJson(netinfo), "name") === word
    ).sort(newestFirst);
  const uuids = [...new Set(all.map(({ uuid }) => uuid))];
  if (uuids.length > 1) {
    throw refuse(
      `Several networks are called ${word}: ${uuids.join(", ")}`,
      "give the uuid",
    );
  }
  const [newest] = all;
  if (newest === undefined) {
    throw refuse(
      `No description of network ${word} on this node: no NIC of its instances is in this network. Ganeti needs the description to start the NIC`,
      ACCEPTED,
    );
  }
  // Even if no script needs it now, a script may need it at the next start.
  networkVariables(parseJson(newest.netinfo));
  return { ...newest, nics: all.flatMap(({ nics }) => nics) };
}

/** Mode, link and VLAN that Ganeti gives to each NIC of a network. */
function placeOf({ nics }: Found, { network }: NetworkWish): RecordedNic {
  const place = nics.map(recordedNic).find(({ mode }) =>
    mode !== "none" && NIC_MODES.some((one) => one === mode)
  );
  if (place !== undefined) return place;
  const modes = [...new Set(nics.map(({ mode = "unknown" }) => mode))];
  throw refuse(
    nics.length === 0
      ? "--mode and --link are missing: the description of a network does not contain them"
      : `--mode and --link are missing: the NICs of this node in network ${network} have mode ${
        modes.join(", ")
      }`,
    "give --mode and --link",
  );
}

function resolve({ network }: NetworkWish, node: NodeFacts): Found {
  if (typeof network === "string") return find(network, node);
  return { ...network, nics: [] };
}

/** A random MAC gets the network's prefix, as from a master. */
function macIn({ netinfo }: Network, mac: NicAdd["mac"]): NicAdd["mac"] {
  const prefix = stringMember(parseJson(netinfo), "mac_prefix") ?? "";
  const fits = /^[0-9a-f][02468ace](?::[0-9a-f]{2}){2}$/i.test(prefix);
  if (mac.origin === "given" || !fits) return mac;
  const value = `${prefix.toLowerCase()}${mac.value.slice(prefix.length)}`;
  return { ...mac, value };
}

/**
 * A request to add a NIC with its network looked up; a given VLAN stays.
 *
 * @throws {HotplugError} `refused` if no NIC here has the description of the
 * network, or its place
 */
export function withNetwork(request: NicAdd, node: NodeFacts): NicAdd {
  const { inNetwork, ...rest } = request;
  if (inNetwork === undefined) return request;
  const found = resolve(inNetwork, node);
  const mac = macIn(found, rest.mac);
  const known = { ...rest, mac, network: found.uuid, netinfo: found.netinfo };
  if (inNetwork.place === "given") return known;
  const { mode, link, vlan } = placeOf(found, inNetwork);
  return { ...known, mode, link, vlan: rest.vlan ?? vlan };
}

/**
 * As {@linkcode withNetwork}, for a request to change a NIC. A link or VLAN
 * that the network's NICs lack is removed; with a description alone, the NIC
 * keeps its place.
 *
 * @throws {HotplugError} `refused` as {@linkcode withNetwork}
 */
export function withNetworkChange(
  request: NicModify,
  node: NodeFacts,
): NicModify {
  const { inNetwork, ...changes } = request.changes;
  if (inNetwork === undefined) return request;
  const found = resolve(inNetwork, node);
  const known = { ...changes, network: found.uuid, netinfo: found.netinfo };
  if (inNetwork.place === "given" || found.nics.length === 0) {
    return { ...request, changes: known };
  }
  const { mode, link = null, vlan = null } = placeOf(found, inNetwork);
  const tag = changes.vlan === undefined ? vlan : changes.vlan;
  return { ...request, changes: { ...known, mode, link, vlan: tag } };
}
