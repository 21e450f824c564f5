/**
 * Plans for NICs. Pure: the same request and facts give the same plan.
 *
 * @module
 */

import { nicEntry } from "../device/entry.ts";
import {
  isParavirtual,
  type NicDevice,
  nicDeviceArguments,
  settingsAtStart,
  VIRTIO_NET,
} from "../device/nic.ts";
import { titleOf } from "../device/select.ts";
import type { Decision } from "../engine/plan.ts";
import { duplicate, refuse } from "../errors.ts";
import {
  alreadyThere,
  deviceStep,
  newIdentity,
  planAddition,
  twinOf,
} from "../plan/addition.ts";
import { refuseImpossible } from "../plan/requirements.ts";
import { newNicView } from "./view.ts";
import type { NicEntry } from "../state/runtime.ts";
import type { NicAddFacts } from "./add_facts.ts";
import { driverOf, jailOf, refusePlain, startWarnings } from "./driver.ts";
import { nicFilesStep } from "./files.ts";
import { refuseNode } from "./network.ts";
import { linkStateSteps, type NicNotes, noteSteps } from "./notes.ts";
import type { NicAdd } from "./request.ts";
import { refuseNoTapWay, tapSteps, vnetHdrOf } from "./tap.ts";
import type { NicStep } from "./steps.ts";
import { NIC } from "./name.ts";
import { NIC_NEEDS } from "./needs.ts";

/** The recorded NIC that this request would add again, if there is one. */
function findTwin(facts: NicAddFacts, request: NicAdd): NicEntry | undefined {
  const { mac, uuid: { value: uuid } } = request;
  const twin = twinOf(facts.content.runtime.nics, facts, uuid);
  if (twin === undefined) return undefined;
  if (mac.origin === "made" || twin.mac?.toLowerCase() === mac.value) {
    return twin;
  }
  throw duplicate(
    `uuid ${uuid} is that of ${titleOf(twin)}, whose MAC is ${twin.mac}`,
  );
}

/**
 * Whether the kernel accelerates a NIC.
 *
 * @param asked the user's word; undefined: hvparam `vhost_net` decides
 * @throws {HotplugError} `refused` if this node cannot
 */
export function vhostOf(
  facts: Pick<NicAddFacts, "content" | "vhost">,
  asked: NicAdd["vhost"],
): "on" | "off" {
  const { vhostNet } = facts.content.runtime.hvparams;
  const vhost = asked ?? (vhostNet ? "on" : "off");
  if (vhost === "off" || facts.vhost) return vhost;
  throw refuse(
    `${
      asked === undefined ? "Hvparam vhost_net asks for" : "Asked for"
    } vhost, and there is no /dev/vhost-net on this node`,
    "load module vhost_net, or say --no-vhost",
  );
}

/** A NIC is plugged with as many as Ganeti's start would give it. */
function queuesAtStart(facts: NicAddFacts): number {
  return settingsAtStart(VIRTIO_NET, facts.content.runtime.hvparams).queues;
}

/** Queues and vhost, which only a virtio card can have: SPEC 6.3. */
function accelerated(
  facts: NicAddFacts,
  { queues, vhost }: NicAdd,
  driver: string,
): Pick<NicDevice, "queues" | "vhost"> {
  if (isParavirtual(driver)) {
    const accelerator = vhostOf(facts, vhost);
    return { queues: queues ?? queuesAtStart(facts), vhost: accelerator };
  }
  refusePlain({ queues, vhost });
  return { queues: 1, vhost: "off" };
}

function newNic(facts: NicAddFacts, request: NicAdd): NicDevice {
  const { hvparams } = facts.content.runtime;
  const driver = driverOf(facts, request.driver ?? hvparams.nicType);
  const { queues, vhost } = accelerated(facts, request, driver);
  const { mode, link, vlan, ip, network, netinfo } = request;
  return {
    ...newIdentity(facts, NIC, request),
    driver,
    mac: request.mac.value,
    mode,
    link,
    vlan,
    ip,
    network,
    netinfo,
    queues,
    vhost,
    jail: jailOf(facts),
    object: request.ganeti?.object,
  };
}

/** What is noted of it: what else no later call would know. */
function notesOfNew(
  facts: NicAddFacts,
  { linkState = "up", script }: NicAdd,
  { driver, vhost }: NicDevice,
): NicNotes {
  const atStart = settingsAtStart(driver, facts.content.runtime.hvparams);
  const noted = vhost === atStart.vhost ? undefined : vhost;
  return { linkState, script, vhost: noted };
}

/** The steps that leave the guest without a carrier, if that is asked for. */
function carrierSteps(
  facts: NicAddFacts,
  { linkState = "up" }: NicAdd,
  { id }: NicDevice,
): NicStep[] {
  return linkStateSteps(facts, id, { was: "up", wanted: linkState });
}

function addSteps(
  facts: NicAddFacts,
  request: NicAdd,
  nic: NicDevice,
) {
  const { host, backend } = tapSteps(facts, request, nic);
  const before = host.find((one) => one.kind === "own-record")?.change.after;
  const { id, uuid, place: { slot } } = nic;
  const notes = notesOfNew(facts, request, nic);
  // The file comes before QEMU's backend: where that stays, so does its name.
  const files = nicFilesStep(facts, {
    added: { value: "tap" },
    seq: request.ganeti?.seq,
  });
  return {
    before: [...host, ...files, ...backend],
    plug: deviceStep(nicDeviceArguments(nic)),
    after: [
      ...carrierSteps(facts, request, nic),
      ...noteSteps(facts, { uuid, notes, before }),
    ],
    verify: { kind: "verify-device", id, slot } as const,
  };
}

/**
 * Plans to add a NIC.
 *
 * @throws {HotplugError} status 3
 */
export function planNicAdd(request: NicAdd, facts: NicAddFacts): Decision {
  refuseImpossible(facts, NIC_NEEDS["nic-add"]);
  refuseNoTapWay(facts);
  const twin = findTwin(facts, request);
  if (twin !== undefined) return alreadyThere(facts, NIC, twin);
  refuseNode(facts, request);
  const nic = newNic(facts, request);
  const { hvparams } = facts.content.runtime;
  const vnetHdr = vnetHdrOf(facts, request, nic);
  const warnings = startWarnings(hvparams, { ...nic, vnetHdr });
  const index = facts.content.runtime.nics.length;
  return planAddition(facts, {
    kind: NIC,
    identity: nic,
    entry: nicEntry(nic),
    view: {
      ...newNicView(nic, index),
      link_state: request.linkState ?? "up",
    },
    ...addSteps(facts, request, nic),
    warnings,
  });
}
