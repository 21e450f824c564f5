/**
 * A NIC before and after a change.
 *
 * @module
 */

import { extraProperties, lostProperties } from "../device/hvinfo.ts";
import {
  isParavirtual,
  type Nic,
  OF_PLAIN_CARDS,
  VIRTIO_NET,
} from "../device/nic.ts";
import { NIC_PROPERTIES } from "../device/nic_properties.ts";
import { propertiesIn } from "../device/properties.ts";
import { findDevice } from "../device/select.ts";
import { toNote } from "../engine/own_facts.ts";
import type { World } from "../engine/world.ts";
import { refuse } from "../errors.ts";
import type { Attachment } from "../host/attachment.ts";
import { type LiveTuning, readTuning } from "../host/tap_tuning.ts";
import { bridgeOf } from "../host/tap.ts";
import { cutsOf } from "../host/tap_place.ts";
import { type Facts, netdevOf } from "../plan/facts.ts";
import { chooseChange } from "../plan/removal.ts";
import { refuseTakenName } from "../plan/requirements.ts";
import { propertyNamesOf } from "../qmp/device_queries.ts";
import { ask } from "../qmp/query.ts";
import type { NicEntry } from "../state/runtime.ts";
import { refuseMac } from "./add.ts";
import { type NicAddFacts, readNicAddFacts } from "./add_facts.ts";
import { driverOf, refuseForPlain } from "./driver.ts";
import { readNow } from "./live.ts";
import { NIC } from "./name.ts";
import { attachmentOf, refuseUnstartable } from "./network.ts";
import { notesOf } from "./notes.ts";
import { nicNow } from "./now.ts";
import { chosen, networkOf, placeOf, recordedNic } from "./recorded.ts";
import type { GanetiNic, NicModify } from "./request.ts";
import { refuseRates } from "./tuning.ts";
import { refuseTap } from "./tap.ts";

/** A NIC before and after a change. */
export interface Modified {
  readonly entry: NicEntry;
  /** Never changes: Ganeti finds the NIC by it. */
  readonly uuid: string;
  /** Never changes, either: it comes from the uuid. */
  readonly id: string;
  /** Its tap, undefined if it cannot be seen. */
  readonly tap: string | undefined;
  readonly was: Nic;
  readonly wanted: Nic;
  /** The present connection of the tap. */
  readonly from: Attachment;
  /** The future connection of the tap, or of the new tap. */
  readonly to: Attachment;
  /** The further properties of the entry that a new card does not keep. */
  readonly lost: readonly string[];
}

function nicWanted(
  facts: NicModifyFacts,
  { changes }: NicModify,
  was: Nic,
): Nic {
  const { driver, queues, vhost, network } = changes;
  refuseForPlain(driver ?? was.driver, { queues, vhost });
  const wanted = {
    ...was,
    ...networkOf(was, changes),
    name: chosen(changes.name, was.name),
    network: chosen(network, was.network),
    netinfo: chosen(
      changes.netinfo,
      network === undefined ? was.netinfo : undefined,
    ),
    mac: changes.mac ?? was.mac,
    driver: driver === undefined ? was.driver : driverOf(facts, driver),
    queues: queues ?? was.queues,
    vhost: vhost ?? was.vhost,
    vnetHdr: changes.vnetHdr ?? was.vnetHdr,
    script: chosen(changes.script, was.script),
    linkState: changes.linkState ?? was.linkState,
    mtu: chosenNumber(changes.mtu, was.mtu),
    rateIn: chosenNumber(changes.rateIn, was.rateIn),
    rateOut: chosenNumber(changes.rateOut, was.rateOut),
  };
  return isParavirtual(wanted.driver)
    ? wanted
    : { ...wanted, ...OF_PLAIN_CARDS };
}

/** What was given, else what is there; null takes it away. */
function chosenNumber(
  wanted: number | null | undefined,
  now: number | undefined,
): number | undefined {
  return wanted === undefined ? now : wanted ?? undefined;
}

function refuseWrong(
  facts: NicModifyFacts,
  { changes, migratable }: NicModify,
  { entry, was, wanted }: Pick<Modified, "entry" | "was" | "wanted">,
): void {
  const others = facts.content.runtime.nics.filter((one) => one !== entry);
  // Two devices of Ganeti may have one name; Ganeti uses uuids.
  if (wanted.name !== was.name) refuseTakenName(others, wanted.name);
  if (wanted.mac !== was.mac) refuseMac(facts, wanted.mac);
  if (wanted.mode !== was.mode) refuseUnstartable(facts, wanted, migratable);
  refuseTap(facts, changes.tap);
  refuseRates(facts);
  if (wanted.mode === "bridged" && wanted.link === undefined) {
    throw refuse("Mode bridged needs --link", "name the bridge: --link br0");
  }
}

/**
 * If a NIC leaves a network, the entry describes the network, not the master.
 */
function recordedAs(ganeti: GanetiNic, { vlan = "" }: Nic): GanetiNic {
  const { TAGS = "" } = ganeti.environment;
  return { ...ganeti, environment: { TAGS, VLAN: vlan } };
}

/**
 * The NIC of a request.
 *
 * @throws {HotplugError} status 3
 */
export function modifiedNic(
  facts: NicModifyFacts,
  request: NicModify,
): Modified {
  const { device } = request;
  const { nics } = facts.content.runtime;
  const { entry, uuid, id } = chooseChange(facts, nics, {
    device,
    verb: "modify",
    title: NIC.title,
  });
  const was = nicNow(facts, entry);
  const wanted = nicWanted(facts, request, was);
  refuseWrong(facts, request, { entry, was, wanted });
  const { ganeti } = request;
  const of = { uuid, index: entry.index };
  return {
    ...{ entry, uuid, id, was, wanted },
    tap: netdevOf(facts.qemu, id)?.facts.tap,
    lost: [
      ...lostProperties(entry, facts.modelHas),
      ...(was.mtu !== undefined && wanted.mtu === undefined
        ? ["host_mtu"]
        : []),
    ],
    from: attachmentOf(facts, was, {
      ...of,
      ganeti: ganeti && recordedAs(ganeti, was),
    }),
    to: attachmentOf(facts, wanted, { ...of, ganeti }),
  };
}

/** Facts for changing a NIC. */
export interface NicModifyFacts extends NicAddFacts {
  /** The faults of its tap's connection. */
  readonly cuts: readonly string[];
  /** The bridge of its tap, whatever the recorded one is. */
  readonly bridge: string | undefined;
  /** Of its tap, where that was asked for; undefined: it cannot be seen. */
  readonly tuning?: LiveTuning | undefined;
  /** Properties of the driver that is asked for; undefined: none is. */
  readonly modelHas?: ReadonlySet<string> | undefined;
}

/** Asks only where something may have to go. */
async function readModel(
  driver: string | undefined,
  entry: NicEntry | undefined,
  { qmp }: World,
): Promise<ReadonlySet<string> | undefined> {
  if (driver === undefined || entry === undefined) return undefined;
  if (Object.keys(extraProperties(entry)).length === 0) return undefined;
  const model = isParavirtual(driver) ? VIRTIO_NET : driver;
  // Without an answer nothing is known to be missing.
  return await ask(qmp, propertyNamesOf(model));
}

/** Adds the facts for changing a NIC. @throws {HotplugError} */
export async function readNicModifyFacts(
  facts: Facts,
  { device, changes }: NicModify,
  world: World,
): Promise<NicModifyFacts> {
  const entry = findDevice(facts.content.runtime.nics, device);
  const { mode, link } = networkOf(entry && recordedNic(entry), changes);
  const notes = notesOf(facts, entry?.uuid ?? "");
  const noted = notes.script;
  const script = chosen(changes.script, noted);
  const { tap, driver } = changes;
  const there = netdevOf(facts.qemu, entry?.hvinfo.id ?? "")?.facts.tap;
  const isThere = entry !== undefined && there !== undefined;
  const name = chosen(changes.name, entry?.name);
  const { rateIn, rateOut, mtu } = changes;
  const hasMtu = entry !== undefined &&
    (notes.mtu !== undefined ||
      propertiesIn(NIC_PROPERTIES, entry).mtu !== null);
  const hasRates = [rateIn, rateOut, notes.rateIn, notes.rateOut]
    .some((one) => one !== undefined);
  const isTuned = hasMtu ||
    [rateIn, rateOut, mtu].some((one) => one !== undefined);
  const rates = { rateIn, rateOut, mtu };
  const wish = { name, mode, link, tap, script, driver, self: entry, ...rates };
  return {
    ...await readNicAddFacts(facts, wish, world),
    own: toNote(facts.own, facts.qemu.process),
    now: readNow(facts.qemu, entry?.hvinfo.id),
    cuts: isThere
      ? await cutsOf(there, placeOf(recordedNic(entry), noted))
      : [],
    bridge: isThere ? bridgeOf(there) : undefined,
    tuning: isThere && isTuned
      ? await readTuning(there, { hasRates })
      : undefined,
    modelHas: await readModel(driver, entry, world),
  };
}
