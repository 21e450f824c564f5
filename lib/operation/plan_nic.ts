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
import { duplicate, refuse } from "../errors.ts";
import type { NicEntry } from "../state/runtime.ts";
import type { NicAddFacts } from "./facts.ts";
import { nicFilesStep } from "./plan_nic_files.ts";
import { networkSteps, refuseNode } from "./plan_nic_network.ts";
import type { Decision } from "./plan.ts";
import {
  alreadyThere,
  command,
  qmpStep,
  refuseImpossible,
  stateSteps,
} from "./plan_common.ts";
import { refuseMachine, refuseTakenId, refuseTakenName } from "./refusals.ts";
import type { NicAdd } from "./request.ts";
import type { Step } from "./step.ts";
import { newNicView } from "./view.ts";

const ADD_COMMANDS = [
  "getfd",
  "closefd",
  "netdev_add",
  "netdev_del",
  "device_add",
  "device_del",
];

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
  refuseTakenName(facts.content.runtime.nics, request.name);
  refuseMachine(facts, request.bus);
  refuseNode(facts, request);
  const nic = newNic(facts, request);
  refuseTakenId(facts, nic.id);
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
