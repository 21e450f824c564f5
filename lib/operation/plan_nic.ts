/**
 * Plans for NICs. Pure: the same request and facts give the same plan.
 *
 * @module
 */

import { chooseSlot } from "../device/bus_slot.ts";
import { deviceId, preferredScheme } from "../device/device_id.ts";
import {
  fdNames,
  netdevArguments,
  type NicDevice,
  nicDeviceArguments,
  nicDriver,
  nicEntry,
} from "../device/nic.ts";
import { titleOf } from "../device/select.ts";
import { HotplugError, refuse } from "../errors.ts";
import type { NicEntry } from "../state/runtime.ts";
import type { Facts, NicAddFacts } from "./facts.ts";
import { nicFilesStep } from "./plan_nic_files.ts";
import type { Decision } from "./plan.ts";
import {
  chooseRemoval,
  command,
  qmpStep,
  refuseImpossible,
  stateSteps,
  unplugSteps,
} from "./plan_common.ts";
import { refuseForeignId, refuseMachine } from "./refusals.ts";
import type { NicAdd, NicRemove } from "./request.ts";
import type { Step } from "./step.ts";
import { newNicView, recordedView } from "./view.ts";

const ADD_COMMANDS = [
  "getfd",
  "closefd",
  "netdev_add",
  "netdev_del",
  "device_add",
  "device_del",
];

const REMOVE_COMMANDS = ["device_del", "netdev_del"];

function duplicate(message: string, hint?: string): HotplugError {
  return new HotplugError("duplicate", message, { hint });
}

/** The recorded NIC that this request would add again, if there is one. */
function findTwin(facts: NicAddFacts, request: NicAdd): NicEntry | undefined {
  const { nics, disks } = facts.content.runtime;
  const uuid = request.uuid.value;
  const disk = disks.find((one) => one.uuid?.toLowerCase() === uuid);
  if (disk) throw duplicate(`uuid ${uuid} is that of ${titleOf(disk)}`);
  const twin = nics.find((one) => one.uuid?.toLowerCase() === uuid);
  if (twin === undefined) return undefined;
  const { mac } = request;
  if (mac.origin === "made" || twin.mac?.toLowerCase() === mac.value) {
    return twin;
  }
  throw duplicate(
    `uuid ${uuid} is that of ${titleOf(twin)}, whose MAC is ${twin.mac}`,
  );
}

function alreadyThere(facts: NicAddFacts, twin: NicEntry): Decision {
  const { id } = twin.hvinfo;
  if (id === undefined || !facts.qemu.deviceIds.has(id)) {
    throw duplicate(
      `${titleOf(twin)} is recorded, but QEMU does not have it`,
      `nic remove ${facts.paths.name} ${twin.uuid} brings the record in line`,
    );
  }
  return {
    kind: "nothing-to-do",
    action: "add",
    instance: facts.paths.name,
    device: recordedView(twin, facts),
    warnings: [],
  };
}

function refuseNode(facts: NicAddFacts, request: NicAdd) {
  const owner = facts.macs.get(request.mac.value);
  if (owner !== undefined) {
    throw duplicate(
      `MAC ${request.mac.value} is taken by a NIC of ${owner}`,
      "leave --mac out for a random one",
    );
  }
  if (!facts.tun) {
    throw refuse("Cannot make a tap: there is no /dev/net/tun on this node");
  }
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
  if (request.vlan && scriptOf(facts, request) === undefined) {
    throw new HotplugError(
      "unsupported",
      "A VLAN needs a network script: the built-in set-up does not know VLANs",
      { hint: "give one with --script" },
    );
  }
}

function vhostOf(facts: NicAddFacts, request: NicAdd): "on" | "off" {
  const { vhostNet } = facts.content.runtime.hvparams;
  const vhost = request.vhost ?? (vhostNet ? "on" : "off");
  if (vhost === "off" || facts.vhost) return vhost;
  throw refuse(
    `${
      request.vhost === undefined ? "Hvparam vhost_net asks for" : "Asked for"
    } vhost, and there is no /dev/vhost-net on this node`,
    "load module vhost_net, or say --no-vhost",
  );
}

function newNic(facts: NicAddFacts, request: NicAdd): NicDevice {
  const { runtime } = facts.content;
  const { hvparams } = runtime;
  const place = chooseSlot({
    recorded: [...runtime.disks, ...runtime.nics],
    live: facts.qemu.pci,
    reservations: hvparams.pciReservations,
  }, request.slot);
  const scheme = request.idScheme ?? preferredScheme(runtime, "nic");
  const uuid = request.uuid.value;
  const vhost = vhostOf(facts, request);
  return {
    id: deviceId(scheme, "nic", { uuid, slot: place.slot }),
    uuid,
    name: request.name,
    place,
    driver: nicDriver(request.driver ?? hvparams.nicType),
    mac: request.mac.value,
    mode: request.mode,
    link: request.link,
    vlan: request.vlan,
    ip: request.ip,
    network: request.network,
    // Ganeti takes several queues only together with vhost: SPEC 6.3.
    queues: request.queues ??
      (vhost === "on" ? hvparams.virtioNetQueues : 1),
    vhost,
    jail: hvparams.useChroot ? "chroot" : "none",
  };
}

function scriptOf(facts: NicAddFacts, request: NicAdd): string | undefined {
  return request.script ?? facts.ganetiScript;
}

/** The environment Ganeti gives its network script: SPEC 6.1. */
function scriptEnvironment(
  nic: NicDevice,
  { instance, index }: { instance: string; index: number },
): Record<string, string> {
  const { name, ip, link, network } = nic;
  return {
    INSTANCE: instance,
    MAC: nic.mac,
    MODE: nic.mode,
    INTERFACE_INDEX: String(index),
    INTERFACE_UUID: nic.uuid,
    TAGS: "",
    ACTION: "up",
    VLAN: nic.vlan ?? "",
    ...(name ? { INTERFACE_NAME: name } : {}),
    ...(ip ? { IP: ip } : {}),
    ...(link ? { LINK: link, BRIDGE: link } : {}),
    ...(network ? { NETWORK_UUID: network } : {}),
  };
}

function networkSteps(
  facts: NicAddFacts,
  request: NicAdd,
  nic: NicDevice,
): Step[] {
  if (nic.mode === "none" || nic.link === undefined) return [];
  const path = scriptOf(facts, request);
  if (path === undefined) return [{ kind: "bridge-port", bridge: nic.link }];
  const environment = scriptEnvironment(nic, {
    instance: facts.paths.name,
    index: facts.content.runtime.nics.length,
  });
  return [{ kind: "network-script", path, environment }];
}

function fdSteps(nic: NicDevice): Step[] {
  const names = fdNames(nic);
  const step = (fdname: string, fd: string): Step => ({
    ...qmpStep("getfd", { fdname }, command("closefd", { fdname })),
    fd,
  });
  return [
    ...names.tap.map((name, queue) => step(name, `tap:${queue}`)),
    ...names.vhost.map((name, queue) => step(name, `vhost:${queue}`)),
  ];
}

function addSteps(
  facts: NicAddFacts,
  request: NicAdd,
  nic: NicDevice,
): Step[] {
  const { stage, commit } = stateSteps(facts, {
    change: "insert",
    list: "nics",
    uuid: nic.uuid,
    entry: nicEntry(nic),
  });
  const vnetHdr = request.vnetHdr ??
    (facts.content.runtime.hvparams.vnetHdr ? "on" : "off");
  const { queues, id } = nic;
  const name = request.tap ?? null;
  return [
    stage,
    { kind: "open-tap", name, queues, vnetHdr },
    ...(nic.vhost === "on" ? [{ kind: "open-vhost" as const, queues }] : []),
    ...networkSteps(facts, request, nic),
    ...fdSteps(nic),
    qmpStep("netdev_add", netdevArguments(nic), command("netdev_del", { id })),
    qmpStep(
      "device_add",
      nicDeviceArguments(nic),
      command("device_del", { id }),
    ),
    ...nicFilesStep(facts, { added: { value: "tap" } }),
    { kind: "verify-device", id, slot: nic.place.slot },
    commit,
  ];
}

/**
 * Plans to add a NIC.
 *
 * @throws {HotplugError} status 3
 */
export function planNicAdd(request: NicAdd, facts: NicAddFacts): Decision {
  refuseImpossible(facts, ADD_COMMANDS);
  const twin = findTwin(facts, request);
  if (twin !== undefined) return alreadyThere(facts, twin);
  refuseMachine(facts, request.bus);
  refuseNode(facts, request);
  const nic = newNic(facts, request);
  refuseForeignId(facts.qemu, nic.id);
  const index = facts.content.runtime.nics.length;
  return {
    kind: "plan",
    plan: {
      action: "add",
      instance: facts.paths.name,
      title: `NIC ${index}`,
      device: newNicView(nic, index),
      steps: addSteps(facts, request, nic),
      warnings: [],
    },
  };
}

/** The NIC's backend and, behind it, the tap. */
function backendSteps(facts: Facts, id: string): Step[] {
  const netdev = facts.qemu.netdevs.get(id);
  if (netdev === undefined) return [];
  return [
    qmpStep("netdev_del", { id }, null),
    ...(netdev.tap === undefined
      ? []
      : [{ kind: "await-tap-gone" as const, tap: netdev.tap }]),
  ];
}

/**
 * Plans to remove a NIC: the guest first, then QEMU's backend and with it the
 * tap, then the record.
 *
 * @throws {HotplugError} status 3
 */
export function planNicRemove(request: NicRemove, facts: Facts): Decision {
  refuseImpossible(facts, REMOVE_COMMANDS);
  const chosen = chooseRemoval(facts, {
    kind: "nic",
    entries: facts.content.runtime.nics,
    word: request.device,
  });
  if ("kind" in chosen) return chosen;
  const { entry, uuid, id, title } = chosen;
  const { stage, commit } = stateSteps(facts, {
    change: "delete",
    list: "nics",
    uuid,
  });
  return {
    kind: "plan",
    plan: {
      action: "remove",
      instance: facts.paths.name,
      title,
      device: recordedView(entry, facts),
      steps: [
        stage,
        ...unplugSteps(facts, chosen),
        ...backendSteps(facts, id),
        ...nicFilesStep(facts, { removed: entry.index }),
        commit,
      ],
      warnings: [],
    },
  };
}
