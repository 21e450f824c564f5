/**
 * The data in the entry of a NIC, and its changes; unknown members stay. Pure.
 *
 * @module
 */

import type { Properties } from "../device/hvinfo.ts";
import type { Nic, RecordedNic } from "../device/nic.ts";
import type { Attachment } from "../host/attachment.ts";
import { ATTACH_MODES } from "../host/network_words.ts";
import { type Members, membersOf, withMembers } from "../state/entry_object.ts";
import {
  formatJson,
  type JsonNode,
  jsonNode,
  jsonObject,
  member,
  parseJson,
} from "../state/json.ts";
import type { NicEntry } from "../state/runtime.ts";
import type { NicChanges } from "./request.ts";

/** A recorded NIC; an empty text means nothing, as in Ganeti. */
export function recordedNic(entry: NicEntry): RecordedNic {
  const { name, mac = "", mode, link, vlan, ip, network, node } = entry;
  const netinfo = member(node, "netinfo");
  return {
    name,
    mac: mac.toLowerCase(),
    // Ganeti resolves other modes before a node gets them: SPEC 6.2.
    mode: ATTACH_MODES.find((one) => one === mode) ?? "none",
    link: link || undefined,
    vlan: vlan || undefined,
    ip: ip || undefined,
    network,
    netinfo: netinfo?.type === "object" ? formatJson(netinfo) : undefined,
  };
}

/** The connection of a recorded NIC. @param script the noted script */
export function placeOf(
  { mode, link, vlan, ip }: RecordedNic,
  script: string | undefined,
): Attachment {
  const told = script === undefined
    ? null
    : { path: script, down: null, environment: {} };
  return {
    mode,
    link: link ?? null,
    vlan: vlan ?? null,
    ip: ip ?? null,
    script: told,
  };
}

/** The given value, else the present one; null removes it. */
export function chosen(
  wanted: string | null | undefined,
  now: string | undefined,
): string | undefined {
  return (wanted === undefined ? now : wanted) || undefined;
}

/**
 * The connection of a NIC after a change; a mode does not keep the link of
 * another mode.
 */
export function networkOf(
  was: Pick<Nic, "mode" | "link" | "vlan" | "ip"> = { mode: "none" },
  { mode: given, link, vlan, ip }: NicChanges,
): Pick<Nic, "mode" | "link" | "vlan" | "ip"> {
  const mode = given ?? (link && was.mode === "none" ? "bridged" : was.mode);
  const kept = mode === was.mode ? was : undefined;
  return {
    mode,
    link: chosen(link, kept?.link),
    vlan: chosen(vlan, kept?.vlan),
    ip: chosen(ip, was.ip),
  };
}

function text(value: string | number): string {
  return formatJson(jsonNode(value));
}

/** An object of the entry with these values in it; null: without the member. */
function changedObject(
  node: JsonNode | undefined,
  texts: Readonly<Record<string, string | number | null>>,
): string {
  const object = node?.type === "object" ? node : jsonObject([]);
  const members = Object.fromEntries(
    Object.entries(texts).filter(([key, value]) => {
      const now = member(object, key);
      return now?.type === "string" ? now.value !== value : true;
    }).map(([key, value]) => [key, value === null ? null : text(value)]),
  );
  return formatJson(withMembers(object, "nic", members));
}

/** Ganeti's own object for it; kvm-hotplug sets QEMU's data of the device. */
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

function ownMembers(entry: NicEntry, nic: RecordedNic): Members {
  const was = recordedNic(entry);
  const texts = ["name", "mac", "ip", "network"] as const;
  const changed = texts.filter((key) => nic[key] !== was[key]);
  return {
    ...Object.fromEntries(
      changed.map((key) => [key, nic[key] ? text(nic[key]) : null]),
    ),
    ...(nic.netinfo === was.netinfo ? {} : { netinfo: nic.netinfo ?? null }),
    nicparams: changedObject(member(entry.node, "nicparams"), {
      mode: nic.mode,
      link: nic.link ?? "",
      vlan: nic.vlan ?? "",
    }),
  };
}

/** What a new card does not keep of the entry's hvinfo, and what it gets. */
interface Kept {
  /** Keys. */
  readonly lost?: readonly string[];
  readonly properties?: Properties;
}

/** How QEMU knows the NIC, if that becomes different. */
function hvinfoMembers(
  { node, hvinfo }: NicEntry,
  driver: string,
  { lost = [], properties = {} }: Kept,
): Members {
  const isSame = lost.length === 0 && Object.keys(properties).length === 0;
  if (driver === hvinfo.driver && isSame) return {};
  const gone = Object.fromEntries(lost.map((key) => [key, null]));
  const changed = changedObject(member(node, "hvinfo"), {
    ...gone,
    ...properties,
    driver,
  });
  return { hvinfo: changed };
}

/**
 * The members of an entry that become different; none if it stays as it is.
 *
 * @param given a master's object for the entry
 */
export function nicMembers(
  entry: NicEntry,
  nic: RecordedNic & Pick<Nic, "driver"> & Kept,
  given: string | undefined,
): Members {
  const { node } = entry;
  const members = {
    ...(given === undefined
      ? ownMembers(entry, nic)
      : ganetiMembers(entry, given)),
    ...hvinfoMembers(entry, nic.driver, nic),
  };
  const now = membersOf(node, Object.keys(members));
  return Object.fromEntries(
    Object.entries(members).filter(([key, value]) => now[key] !== value),
  );
}
