/**
 * A NIC that is to be changed: as it is, and as it will be. Pure.
 *
 * @module
 */

import { isParavirtual, settingsAtStart } from "../device/nic.ts";
import { findDevice, noSuchDevice } from "../device/select.ts";
import { whoIs } from "../engine/own_facts.ts";
import type { World } from "../engine/world.ts";
import { refuse } from "../errors.ts";
import { countVhost } from "../host/process.ts";
import { hasVnetHdr } from "../host/tap.ts";
import { type Facts, netdevOf } from "../plan/facts.ts";
import { identified } from "../plan/removal.ts";
import type { NicEntry } from "../state/runtime.ts";
import { type NicAddFacts, readNicAddFacts } from "./add_facts.ts";
import { driverOf, refusePlain } from "./driver.ts";
import type { NicWanted } from "./members.ts";
import { type NicNotes, notesOf, scriptOf } from "./notes.ts";
import { netinfoOf, networkOf } from "./recorded.ts";
import type { NicModify } from "./request.ts";

/** A NIC that is to be changed, as it is and as it will be. */
export interface Modified {
  /** As it is recorded. */
  readonly entry: NicEntry;
  /** Never changes: Ganeti finds the NIC by it. */
  readonly uuid: string;
  /** Never changes either: it is made of the uuid. */
  readonly id: string;
  /** Its tap, undefined if it cannot be seen. */
  readonly tap: string | undefined;
  /** As it is. */
  readonly was: Settings;
  /** As it will be. */
  readonly wanted: Settings;
  /** What is noted of it. */
  readonly noted: NicNotes;
  /** What is to be noted. */
  readonly notes: NicNotes;
}

/** What makes a NIC. */
export interface Settings extends NicWanted {
  /** Queue pairs. */
  readonly queues: number;
  /** Whether the kernel accelerates it. */
  readonly vhost: "on" | "off";
  /** Whether its tap carries virtio-net headers. */
  readonly vnetHdr: "on" | "off";
}

function choose(facts: NicModifyFacts, device: string): NicEntry {
  const { nics } = facts.content.runtime;
  const entry = findDevice(nics, device);
  if (entry === undefined) throw noSuchDevice(nics, device);
  return entry;
}

function settled(facts: NicModifyFacts, entry: NicEntry) {
  const instance = facts.paths.name;
  const found = identified(entry, { instance, verb: "modify" });
  const { uuid, id, title } = found;
  const noted = facts.own.record.devices[uuid.toLowerCase()];
  if (noted?.pending?.id !== id) return found;
  throw refuse(
    `Cannot modify ${title}: its removal is under way`,
    `nic remove ${instance} ${uuid} waits for it`,
  );
}

/** QEMU tells of no NIC whether it is accelerated. */
function vhostNow(
  facts: NicModifyFacts,
  { uuid = "" }: NicEntry,
): "on" | "off" {
  const { vhost } = notesOf(facts, uuid);
  if (vhost !== undefined) return vhost;
  const { vhosts = 0 } = facts.now ?? {};
  if (vhosts === 0) return "off";
  let queues = 0;
  for (const netdev of facts.qemu.netdevs.values()) queues += netdev.queues;
  // Of some NICs only: the hvparams tell how most were made.
  const most = facts.content.runtime.hvparams.vhostNet ? "on" : "off";
  return vhosts >= queues ? "on" : most;
}

function settingsNow(
  facts: NicModifyFacts,
  entry: NicEntry,
  id: string,
): Settings {
  const { hvparams } = facts.content.runtime;
  const driver = entry.hvinfo.driver ?? driverOf(facts, hvparams.nicType);
  const live = netdevOf(facts.qemu, id)?.facts;
  const { name, network, mac = "" } = entry;
  return {
    ...networkOf(entry, {}),
    name,
    network,
    netinfo: netinfoOf(entry),
    mac: mac.toLowerCase(),
    driver,
    queues: live?.queues ?? 1,
    vhost: isParavirtual(driver) ? vhostNow(facts, entry) : "off",
    vnetHdr: facts.now?.vnetHdr ?? (hvparams.vnetHdr ? "on" : "off"),
  };
}

/** A card other than virtio has one queue and a plain tap: SPEC 6.3. */
function plain(settings: Settings): Settings {
  if (isParavirtual(settings.driver)) return settings;
  return { ...settings, queues: 1, vhost: "off", vnetHdr: "off" };
}

function settingsWanted(
  facts: NicModifyFacts,
  { changes }: NicModify,
  { entry, was }: { entry: NicEntry; was: Settings },
): Settings {
  const { name, mac, driver, queues, vhost, vnetHdr } = changes;
  const { network, netinfo } = changes;
  if (!isParavirtual(driver ?? was.driver)) refusePlain({ queues, vhost });
  return plain({
    ...was,
    ...networkOf(entry, changes),
    name: name ?? was.name,
    ...(network === undefined
      ? {}
      : { network: network ?? undefined, netinfo: netinfo ?? undefined }),
    mac: mac ?? was.mac,
    driver: driver === undefined ? was.driver : driverOf(facts, driver),
    queues: queues ?? was.queues,
    vhost: vhost ?? was.vhost,
    vnetHdr: vnetHdr ?? was.vnetHdr,
  });
}

/**
 * The NIC that a request is about.
 *
 * @throws {HotplugError} status 3
 */
export function modifiedNic(
  facts: NicModifyFacts,
  request: NicModify,
): Modified {
  const entry = choose(facts, request.device);
  const { uuid, id } = settled(facts, entry);
  const was = settingsNow(facts, entry, id);
  const noted = notesOf(facts, uuid);
  const wanted = settingsWanted(facts, request, { entry, was });
  const { linkState = noted.linkState } = request.changes;
  const atStart = settingsAtStart(
    wanted.driver,
    facts.content.runtime.hvparams,
  );
  const vhost = wanted.vhost === atStart.vhost ? undefined : wanted.vhost;
  return {
    ...{ entry, uuid, id, was, wanted, noted },
    tap: netdevOf(facts.qemu, id)?.facts.tap,
    notes: {
      linkState,
      script: scriptOf(request.changes, noted.script),
      vhost,
    },
  };
}

/** What changing a NIC depends on. */
export interface NicModifyFacts extends NicAddFacts {
  /** Its tap as it is; undefined if it cannot be seen. */
  readonly now: {
    /** Whether it carries virtio-net headers. */
    readonly vnetHdr: "on" | "off";
    /** How often QEMU has the kernel's accelerator open, for all NICs. */
    readonly vhosts: number;
  } | undefined;
}

function readNow(
  { qemu }: Facts,
  id: string | undefined,
): NicModifyFacts["now"] {
  const tap = id === undefined ? undefined : netdevOf(qemu, id)?.facts.tap;
  if (tap === undefined || qemu.process === undefined) return undefined;
  return {
    vnetHdr: hasVnetHdr(tap) ? "on" : "off",
    vhosts: countVhost(qemu.process.pid),
  };
}

/** Adds what changing a NIC depends on. @throws {HotplugError} */
export async function readNicModifyFacts(
  facts: Facts,
  { device, changes }: NicModify,
  world: World,
): Promise<NicModifyFacts> {
  const entry = findDevice(facts.content.runtime.nics, device);
  const { mode, link } = networkOf(entry, changes);
  const { tap, driver } = changes;
  const noted = notesOf(facts, entry?.uuid ?? "").script;
  const script = scriptOf(changes, noted);
  const wish = { mode, link, tap, script, driver };
  return {
    ...await readNicAddFacts(facts, wish, world),
    who: await whoIs(facts.qemu.process),
    now: readNow(facts, entry?.hvinfo.id),
  };
}
