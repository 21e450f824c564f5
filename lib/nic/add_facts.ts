/**
 * Facts for adding a NIC, beside the instance.
 *
 * @module
 */

import { isParavirtual } from "../device/nic.ts";
import { toNote, whoIs } from "../engine/own_facts.ts";
import type { World } from "../engine/world.ts";
import { HotplugError } from "../errors.ts";
import { readConfinement } from "../host/confinement.ts";
import {
  type BridgeState,
  filtersVlans,
  ganetiDown,
  ganetiScript,
  isProgram,
  type ModeScript,
  modeScript,
  readBridge,
} from "../host/network.ts";
import { isInterfaceName } from "../host/network_words.ts";
import { findSwitch, type SwitchState } from "../host/openvswitch.ts";
import { seesAsQemu } from "../host/reach.ts";
import {
  communicationTap,
  interfaceExists,
  isBridge,
  listBridges,
  tapSupport,
} from "../host/tap.ts";
import type { Facts, NodeFacts } from "../plan/facts.ts";
import type { FoundUnfinished } from "../plan/finish.ts";
import { ratesFault } from "../host/tap_tuning.ts";
import { listInstances } from "../plan/instances.ts";
import type { CheckFacts } from "../plan/kind.ts";
import type { QmpSession } from "../qmp/client.ts";
import { propertyNamesOf } from "../qmp/device_queries.ts";
import { ask } from "../qmp/query.ts";
import { runtimeDir } from "../state/instance.ts";
import type { NicEntry } from "../state/runtime.ts";
import { readRuntimeFile } from "../state/runtime_file.ts";
import { readMacs, type TapNow } from "./live.ts";
import type { NicAdd } from "./request.ts";

/** Whether QEMU can open a tap by itself, if it has to. */
export type OwnTapFacts = Readonly<NonNullable<ReturnType<typeof readOwnTap>>>;

/**
 * Asks whether QEMU can open taps itself.
 *
 * @returns undefined if it gets open taps, or its process is unknown
 */
export function readOwnTap(
  { qemu: { commands, process }, confinement }: CheckFacts,
) {
  if (commands.has("getfd") && commands.has("closefd")) return undefined;
  if (confinement === undefined) return undefined;
  const look = (path: string) =>
    seesAsQemu(confinement, { path, access: "rw" });
  return {
    /** The process about which the kernel was asked. */
    qemu: whoIs(process),
    /** Why it cannot, undefined if it can. */
    tun: look("/dev/net/tun"),
    /** Why it cannot open the accelerator, undefined if it can. */
    vhost: look("/dev/vhost-net"),
  };
}

/** Facts for adding a NIC. */
export interface NicAddFacts extends CheckFacts {
  readonly tun: boolean;
  readonly vhost: boolean;
  readonly tapExists: boolean;
  readonly bridgeExists: boolean;
  /** The bridges of this node; empty if `bridgeExists`. */
  readonly bridges: readonly string[];
  /** Undefined if the link is not a bridge. */
  readonly bridgeState: BridgeState | undefined;
  /** Whether the link is a bridge that filters VLANs. */
  readonly vlanFiltering: boolean;
  /** Whether the link is a switch of Open vSwitch. */
  readonly ovs: SwitchState;
  /** If installed. */
  readonly ganetiScript: string | undefined;
  /** The program that undoes Ganeti's script, if there is one. */
  readonly ganetiDown: string | undefined;
  /** Whether the requested script can be run. */
  readonly scriptUsable: boolean;
  /** Undefined if the tap is passed open, or the answer is unknown. */
  readonly ownTap: OwnTapFacts | undefined;
  /** Words of `--driver` or `nic_type` for which this QEMU has a PCI card. */
  readonly cards: ReadonlySet<string>;
  /** The tap of the recorded NIC that the request may mean. */
  readonly now?: TapNow | undefined;
  /** The NIC itself, plugged but not recorded. */
  readonly unfinished?: FoundUnfinished<NicEntry> | undefined;
  /**
   * The script of a mode for which Ganeti has none; undefined: none is needed.
   */
  readonly modeScript?: ModeScript | undefined;
  /** The name of a new tap for a NIC by which Ganeti talks with its guest. */
  readonly communicationTap?: string | undefined;
  /** Why this node cannot have the rates, undefined if it can, or none are. */
  readonly ratesFault?: string | undefined;
  /** MACs of this node's instances, lower case, to the instance. */
  readonly macs: ReadonlyMap<string, string>;
  /** MACs in QEMU, lower case, by device id. */
  readonly liveMacs: ReadonlyMap<string, string>;
}

/**
 * The NICs in this node's runtime files, by the names of their instances; this
 * instance is first.
 */
export function nicsOfNode(
  { paths, content }: NodeFacts,
): [string, readonly NicEntry[]][] {
  const all: [string, readonly NicEntry[]][] = [
    [paths.name, content.runtime.nics],
  ];
  for (const name of listInstances(paths.runDir)) {
    try {
      const path = `${runtimeDir(paths.runDir)}/${name}.runtime`;
      all.push([name, readRuntimeFile(path)?.runtime.nics ?? []]);
    } catch (error) {
      // A broken file of another instance is no reason to refuse this one.
      if (!(error instanceof HotplugError)) throw error;
    }
  }
  return all;
}

/**
 * MACs that are in use: recorded ones, and those in this QEMU.
 *
 * @param self its own MACs do not count
 */
function takenMacs(
  facts: Facts,
  live: NicAddFacts["liveMacs"],
  self: NicEntry | undefined,
): Map<string, string> {
  const { name } = facts.paths;
  const own = self?.hvinfo.id;
  const macs = new Map<string, string>();
  // The last one read counts: this instance's own.
  for (const [instance, nics] of nicsOfNode(facts).reverse()) {
    for (const { mac, hvinfo: { id } } of nics) {
      const isOwn = instance === name && own !== undefined && id === own;
      if (mac !== undefined && !isOwn) macs.set(mac.toLowerCase(), instance);
    }
  }
  for (const [id, mac] of live) if (id !== own) macs.set(mac, name);
  return macs;
}

/** Ganeti's own network scripts, if installed. */
export function ganetiScripts() {
  return { ganetiScript: ganetiScript(), ganetiDown: ganetiDown() };
}

async function readOvs(
  { mode, link = "" }: Pick<NicAdd, "mode" | "link">,
): Promise<SwitchState> {
  if (mode !== "openvswitch" || !isInterfaceName(link)) return "missing";
  return await findSwitch(link);
}

/** Asks QEMU for cards other than virtio, which every QEMU has. */
async function readCards(
  { content }: Facts,
  { driver }: Pick<NicAdd, "driver">,
  world: World,
): Promise<ReadonlySet<string>> {
  const words = new Set([driver, content.runtime.hvparams.nicType]);
  const cards = new Set<string>();
  for (const word of words) {
    if (word === undefined || isParavirtual(word)) continue;
    if (await isCard(world.qmp, word)) cards.add(word);
  }
  return cards;
}

/** Ganeti's name of such a NIC: SPEC 2.2. */
const COMMUNICATION = "ganeti:communication:";

/** Adds the facts for plugging a NIC. */
export async function readNicAddFacts(
  facts: Facts,
  request:
    & Pick<
      NicAdd,
      | "name"
      | "mode"
      | "link"
      | "tap"
      | "script"
      | "driver"
      | "linkState"
      | "vhost"
    >
    & {
      readonly rateIn?: number | null | undefined;
      readonly rateOut?: number | null | undefined;
      readonly mtu?: number | null | undefined;
    }
    & { readonly self?: NicEntry | undefined },
  world: World,
): Promise<NicAddFacts> {
  const { process } = facts.qemu;
  // A link from a runtime file may be any text.
  const { linkState, vhost, script, link = "" } = request;
  const { rateIn, rateOut, mtu } = request;
  const noted = [linkState, vhost, script, rateIn, rateOut, mtu];
  const bridgeExists = isInterfaceName(link) && isBridge(link);
  const confinement = process && readConfinement(process);
  const { nics } = facts.content.runtime;
  const liveMacs = world.hasQemu
    ? await readMacs(world.qmp, facts.qemu, nics)
    : new Map<string, string>();
  return {
    ...facts,
    ...tapSupport(),
    tapExists: request.tap !== undefined && interfaceExists(request.tap),
    bridgeExists,
    bridges: bridgeExists ? [] : listBridges(),
    bridgeState: isInterfaceName(link) ? readBridge(link) : undefined,
    vlanFiltering: isInterfaceName(link) && filtersVlans(link),
    ovs: await readOvs(request),
    ...ganetiScripts(),
    modeScript: script === undefined
      ? modeScript(request.mode ?? "none")
      : undefined,
    communicationTap: request.name?.startsWith(COMMUNICATION)
      ? communicationTap()
      : undefined,
    scriptUsable: request.script !== undefined && isProgram(request.script),
    confinement,
    ownTap: readOwnTap({ ...facts, confinement }),
    cards: await readCards(facts, request, world),
    ratesFault: rateIn || rateOut
      ? await ratesFault({ in: rateIn ?? null, out: rateOut ?? null })
      : undefined,
    // If there is a record, an old note of this NIC may have to be removed.
    own: noted.every((one) => one === undefined)
      ? facts.own
      : toNote(facts.own, process),
    liveMacs,
    macs: takenMacs(facts, liveMacs, request.self),
  };
}

/** A PCI card has a backend, a MAC address and an address on its bus. */
const OF_A_CARD = ["netdev", "mac", "addr"];

/** Whether a driver of this name is a PCI network card: qapi/qdev.json. */
async function isCard(qmp: QmpSession, driver: string): Promise<boolean> {
  const names = await ask(qmp, propertyNamesOf(driver));
  return OF_A_CARD.every((name) => names?.has(name));
}
