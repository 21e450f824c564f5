/**
 * How a new NIC's tap is joined to this node's network, and what stands in the
 * way of it. Pure.
 *
 * @module
 */

import type { NicDevice } from "../device/nic.ts";
import { expectLines, networkVariables } from "../device/netinfo.ts";
import { duplicate, refuse, unsupported } from "../errors.ts";
import type { Attachment } from "../host/attachment.ts";
import { NIC_MODES, SCRIPT_MODES } from "../host/network_words.ts";
import { parseVlans } from "../host/vlan.ts";
import { parseJson } from "../state/json.ts";
import type { NicAddFacts } from "./add_facts.ts";
import { refuseWords } from "./network_words.ts";
import type { GanetiNic, NicAdd } from "./request.ts";
import type { TapName } from "./step_types.ts";
import type { NicStep } from "./steps.ts";

/** Refuses every NIC. @throws {HotplugError} `refused` */
export function refuseNoTun({ tun }: Pick<NicAddFacts, "tun">): void {
  if (tun) return;
  throw refuse("Cannot make a tap: there is no /dev/net/tun on this node");
}

/**
 * Refuses a NIC that this node's network cannot take.
 *
 * @throws {HotplugError} `duplicate` | `refused` | `unsupported`
 */
export function refuseNode(facts: NicAddFacts, request: NicAdd): void {
  refuseMac(facts, request.mac.value);
  refuseNoTun(facts);
  if (facts.tapExists) {
    throw duplicate(`Network interface ${request.tap} exists already`);
  }
  refuseNetwork(facts, request);
}

/** Refuses a MAC of another NIC. @throws {HotplugError} `duplicate` */
export function refuseMac(
  { macs }: Pick<NicAddFacts, "macs">,
  mac: string,
): void {
  const owner = macs.get(mac);
  if (owner === undefined) return;
  throw duplicate(
    `MAC ${mac} is taken by a NIC of ${owner}`,
    "leave --mac out for a random one",
  );
}

/** What a NIC is to hang on. */
export type NetworkWish =
  & Pick<NicDevice, "mode" | "link" | "vlan" | "ip">
  & Pick<NicAdd, "script">;

/** What this node can join taps to. */
export type NetworkFacts = Pick<
  NicAddFacts,
  | "bridgeExists"
  | "vlanFiltering"
  | "ovs"
  | "ganetiScript"
  | "ganetiDown"
  | "scriptUsable"
>;

/** The built-in set-up's own needs. */
function refuseBuiltIn(facts: NetworkFacts, wish: NetworkWish): void {
  const { mode, link, vlan, ip } = wish;
  if (SCRIPT_MODES.some((one) => one === mode)) {
    throw unsupported(
      `NIC mode ${mode} needs a network script: the built-in set-up knows ${
        NIC_MODES.join(", ")
      }`,
      "give one with --script, or install Ganeti's",
    );
  }
  if (mode === "routed" && ip === undefined) {
    throw refuse("Mode routed needs the guest's IP address", "give it by --ip");
  }
  if (vlan && parseVlans(vlan) === undefined) {
    throw refuse(`VLAN ${vlan} is none: ids go from 1 to 4094`);
  }
  if (vlan && mode === "bridged" && !facts.vlanFiltering) {
    throw refuse(
      `Bridge ${link} does not look at VLANs: its vlan_filtering is 0`,
      `ip link set ${link} type bridge vlan_filtering 1`,
    );
  }
  if (mode === "openvswitch") refuseSwitch(facts, link);
}

function refuseSwitch(
  { ovs }: Pick<NetworkFacts, "ovs">,
  link: string | undefined,
): void {
  if (ovs === "no-tool") {
    throw unsupported(
      "Mode openvswitch needs Open vSwitch: there is no program ovs-vsctl",
      "install openvswitch-switch, or give a network script with --script",
    );
  }
  if (ovs === "missing") {
    throw refuse(`${link} is no switch of Open vSwitch on this node`);
  }
  if (ovs === "there") return;
  throw refuse(
    `Cannot ask Open vSwitch for switch ${link}: ${ovs.unreachable}`,
    "start it: systemctl start openvswitch-switch",
  );
}

/**
 * Refuses a network that this node does not have.
 *
 * @throws {HotplugError} `refused` | `unsupported`
 */
export function refuseNetwork(facts: NetworkFacts, wish: NetworkWish): void {
  refuseWords(wish, scriptOf(facts, wish) === undefined ? "node" : "script");
  if (wish.mode === "bridged" && !facts.bridgeExists) {
    throw refuse(
      `${wish.link} is no bridge of this node`,
      "name an existing bridge with --link, or take --mode none",
    );
  }
  if (wish.script !== undefined && !facts.scriptUsable) {
    throw refuse(`Network script ${wish.script} is no program of this node`);
  }
  if (scriptOf(facts, wish) === undefined) refuseBuiltIn(facts, wish);
}

/** The script to run; Ganeti's own knows no mode `none`. */
function scriptOf(
  { ganetiScript }: NetworkFacts,
  { mode, script }: Pick<NetworkWish, "mode" | "script">,
): string | undefined {
  return script ?? (mode === "none" ? undefined : ganetiScript);
}

/** What a network script is told of a NIC. */
export type NetworkNic = Pick<
  NicDevice,
  | "uuid"
  | "name"
  | "mac"
  | "mode"
  | "link"
  | "vlan"
  | "ip"
  | "network"
  | "netinfo"
>;

/**
 * The environment Ganeti gives its network script: SPEC 6.1. A master knows
 * more of it than a command line can say.
 */
function scriptEnvironment(
  nic: NetworkNic,
  { instance, index, ganeti }: AttachmentOf,
): Record<string, string> {
  const { name, ip, link, network, netinfo, vlan } = nic;
  return expectLines({
    INSTANCE: instance,
    MAC: nic.mac,
    MODE: nic.mode,
    INTERFACE_INDEX: String(index),
    INTERFACE_UUID: nic.uuid,
    TAGS: "",
    ACTION: "up",
    // Of a master's NIC without the parameter there is no such variable.
    ...(ganeti === undefined ? { VLAN: vlan ?? "" } : {}),
    ...(name ? { INTERFACE_NAME: name } : {}),
    ...(ip ? { IP: ip } : {}),
    ...(link ? { LINK: link } : {}),
    ...(link && nic.mode === "bridged" ? { BRIDGE: link } : {}),
    ...(network ? { NETWORK_UUID: network } : {}),
    ...(network && netinfo ? networkVariables(parseJson(netinfo)) : {}),
    ...ganeti?.environment,
  });
}

/** Whose network it is. */
export interface AttachmentOf {
  /** Its name. */
  readonly instance: string;
  /** Place of the NIC. */
  readonly index: number;
  /** Only from a master. */
  readonly ganeti?: GanetiNic | undefined;
  /** What the user gave. */
  readonly script?: string | undefined;
}

/**
 * What the tap of a NIC hangs on, and who joins it there.
 *
 * @throws {HotplugError} `refused` if a script cannot be told of the NIC
 */
export function attachmentOf(
  facts: Partial<Pick<NetworkFacts, "ganetiScript" | "ganetiDown">>,
  nic: NetworkNic,
  of: AttachmentOf,
): Attachment {
  const { script } = of;
  const { mode, link = null, vlan = null, ip = null } = nic;
  const ganetis = mode === "none" ? undefined : facts.ganetiScript;
  const path = script ?? ganetis;
  const down = script === undefined ? facts.ganetiDown ?? null : null;
  return {
    mode,
    link: link || null,
    vlan: vlan || null,
    ip,
    script: path === undefined
      ? null
      : { path, down, environment: scriptEnvironment(nic, of) },
  };
}

/** The step that joins a new tap to the network; none for mode `none`. */
export function networkSteps(
  facts: NicAddFacts,
  request: NicAdd,
  nic: NicDevice,
): NicStep[] {
  const to = attachmentOf(facts, nic, {
    instance: facts.paths.name,
    index: request.ganeti?.seq ?? facts.content.runtime.nics.length,
    ganeti: request.ganeti,
    script: request.script,
  });
  return joinSteps({ value: "tap" }, to);
}

/** Whether something stays on the node when the tap is gone: SPEC 6.4. */
export function outlives({ mode, script }: Attachment): boolean {
  return ["routed", "openvswitch"].includes(mode) || script?.down != null;
}

/** The step that joins a new tap; none where it hangs on nothing. */
export function joinSteps(tap: TapName, to: Attachment): NicStep[] {
  if (to.mode === "none" && to.script === null) return [];
  return [{ kind: "attach-tap", tap, from: null, to }];
}
