/**
 * How a new NIC's tap is joined to this node's network, and what stands in the
 * way of it. Pure.
 *
 * @module
 */

import { NIC_MODES, type NicDevice, SCRIPT_MODES } from "../device/nic.ts";
import { duplicate, refuse, unsupported } from "../errors.ts";
import type { NicAddFacts } from "./facts_nic.ts";
import type { GanetiNic, NicAdd } from "./request.ts";
import type { Step } from "./step.ts";

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
  const owner = facts.macs.get(request.mac.value);
  if (owner !== undefined) {
    throw duplicate(
      `MAC ${request.mac.value} is taken by a NIC of ${owner}`,
      "leave --mac out for a random one",
    );
  }
  refuseNoTun(facts);
  if (facts.tapExists) {
    throw duplicate(`Network interface ${request.tap} exists already`);
  }
  if (request.mode === "bridged" && !facts.bridgeExists) {
    throw refuse(
      `${request.link} is no bridge of this node`,
      "name an existing bridge with --link, or take --mode none",
    );
  }
  if (request.script !== undefined && !facts.scriptUsable) {
    throw refuse(`Network script ${request.script} is no program of this node`);
  }
  if (scriptOf(facts, request) !== undefined) return;
  if (SCRIPT_MODES.some((one) => one === request.mode)) {
    throw unsupported(
      `NIC mode ${request.mode} needs a network script: the built-in set-up knows ${
        NIC_MODES.join(" and ")
      }`,
      "give one with --script, or install Ganeti's",
    );
  }
  if (request.vlan && request.mode === "bridged") {
    throw unsupported(
      "A VLAN needs a network script: the built-in set-up does not know VLANs",
      "give one with --script",
    );
  }
}

/** The script to run; Ganeti's own knows no mode `none`. */
function scriptOf(facts: NicAddFacts, request: NicAdd): string | undefined {
  const own = request.mode === "none" ? undefined : facts.ganetiScript;
  return request.script ?? own;
}

/**
 * The environment Ganeti gives its network script: SPEC 6.1. A master knows
 * more of it than a command line can say.
 */
function scriptEnvironment(
  nic: NicDevice,
  { instance, index, ganeti }: {
    instance: string;
    index: number;
    ganeti: GanetiNic | undefined;
  },
): Record<string, string> {
  const { name, ip, link, network, vlan } = nic;
  const noVlan = vlan === undefined && ganeti !== undefined;
  return {
    INSTANCE: instance,
    MAC: nic.mac,
    MODE: nic.mode,
    INTERFACE_INDEX: String(index),
    INTERFACE_UUID: nic.uuid,
    TAGS: "",
    ACTION: "up",
    ...(noVlan ? {} : { VLAN: vlan ?? "" }),
    ...(name ? { INTERFACE_NAME: name } : {}),
    ...(ip ? { IP: ip } : {}),
    ...(link ? { LINK: link } : {}),
    ...(link && nic.mode === "bridged" ? { BRIDGE: link } : {}),
    ...(network ? { NETWORK_UUID: network } : {}),
    ...ganeti?.environment,
  };
}

/** The steps that join the tap to the network; none for mode `none`. */
export function networkSteps(
  facts: NicAddFacts,
  request: NicAdd,
  nic: NicDevice,
): Step[] {
  const path = scriptOf(facts, request);
  if (path === undefined) {
    if (nic.mode === "none" || nic.link === undefined) return [];
    return [{ kind: "bridge-port", bridge: nic.link }];
  }
  const environment = scriptEnvironment(nic, {
    instance: facts.paths.name,
    index: request.ganeti?.seq ?? facts.content.runtime.nics.length,
    ganeti: request.ganeti,
  });
  return [{ kind: "network-script", path, environment }];
}
