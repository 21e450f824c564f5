/**
 * Plans to add a NIC. Pure: the same request and facts give the same plan.
 *
 * @module
 */

import { pciAddress } from "../device/bus_slot.ts";
import { nicEntry } from "../device/entry.ts";
import { isParavirtual, type NicDevice } from "../device/nic.ts";
import type { Plan } from "../engine/plan.ts";
import { duplicate, type Remark, remark } from "../errors.ts";
import {
  alreadyThere,
  deviceStep,
  entryChange,
  newIdentity,
  planAddition,
  twinOf,
} from "../plan/addition.ts";
import { netdevOf } from "../plan/facts.ts";
import { planFinish } from "../plan/finish.ts";
import { refuseImpossible } from "../plan/requirements.ts";
import { untilStop } from "../plan/until_end.ts";
import { placeView } from "../plan/view.ts";
import type { NicAddFacts } from "./add_facts.ts";
import {
  deviceArguments,
  driverOf,
  refuseForPlain,
  startWarning,
  vhostOf,
} from "./driver.ts";
import { nicFilesStep } from "./files.ts";
import { NIC } from "./name.ts";
import {
  attachmentOf,
  joinSteps,
  refuseNetwork,
  refuseUnstartable,
  unstartable,
} from "./network.ts";
import { linkStateSteps, notesFor, noteSteps } from "./notes.ts";
import { nicOptions, twinNic } from "./now.ts";
import { atStartOf, expectQueues } from "./queues.ts";
import type { NicAdd } from "./request.ts";
import type { NicEntry } from "../state/runtime.ts";
import { refuseNoTapWay, refuseNoTun, refuseTap, tapSteps } from "./tap.ts";
import {
  mtuProperties,
  mtuWarning,
  newTapSteps,
  ratesWarning,
  refuseRates,
  untoldWarning,
} from "./tuning.ts";
import { plannedView } from "./view.ts";

/** Warnings about the bridge that the NIC will join. */
export function bridgeWarnings(
  { bridgeState }: NicAddFacts,
  { mode, link }: Pick<NicDevice, "mode" | "link">,
): (Remark | undefined)[] {
  if (mode !== "bridged" || bridgeState === undefined) return [];
  const { link: state, listensSeconds } = bridgeState;
  return [
    state === "down"
      ? remark(
        "bridge-down",
        `bridge ${link} is down: the NIC has no connection until the bridge is up`,
      )
      : undefined,
    listensSeconds > 0
      ? remark(
        "bridge-listens",
        `bridge ${link} uses spanning tree (STP): the NIC has no connection for the first ${listensSeconds} s`,
      )
      : undefined,
  ];
}

/**
 * Refuses a MAC of another NIC, or of the bridge that the NIC will join.
 *
 * @throws {HotplugError} `duplicate`
 */
export function refuseMac(
  { macs, bridgeState }: NicAddFacts,
  mac: string,
): void {
  if (bridgeState?.mac === mac) {
    throw duplicate(
      `MAC ${mac} is already used by the bridge`,
      "omit --mac to get a random one",
    );
  }
  const owner = macs.get(mac);
  if (owner === undefined) return;
  throw duplicate(
    `MAC ${mac} is taken by a NIC of ${owner}`,
    "omit --mac to get a random one",
  );
}

/** Omitted settings come from Ganeti's start: SPEC 6.3. */
function newNic(facts: NicAddFacts, request: NicAdd): NicDevice {
  const { hvparams } = facts.content.runtime;
  const { queues, vnetHdr, linkState = "up" } = request;
  const { mode = "none", link, vlan, ip, network, netinfo, script } = request;
  refuseNetwork(facts, { mode, link, vlan, ip, script });
  refuseUnstartable(facts, { mode }, request.migratable);
  const driver = driverOf(facts, request.driver ?? hvparams.nicType);
  refuseForPlain(driver, { queues, vhost: request.vhost });
  const vhost = isParavirtual(driver) ? vhostOf(facts, request.vhost) : "off";
  const atStart = atStartOf(driver, { ...facts.content, qemu: facts.qemu });
  return {
    ...newIdentity(facts, NIC, request),
    ...{ driver, mac: request.mac.value, mode, link, vlan, ip },
    ...{ network, netinfo, vhost, script, linkState },
    queues: queues ?? expectQueues(atStart),
    vnetHdr: vnetHdr ?? atStart.vnetHdr,
    ...{ mtu: request.mtu, rateIn: request.rateIn, rateOut: request.rateOut },
  };
}

/**
 * Plans to add a NIC.
 *
 * @throws {HotplugError} status 3
 */
export function planNicAdd(request: NicAdd, facts: NicAddFacts): Plan {
  refuseImpossible(facts, NIC.needs["nic-add"]);
  refuseNoTapWay(facts);
  const { nics, hvparams } = facts.content.runtime;
  const twin = twinOf(nics, facts, request.uuid.value) ??
    twinNic(nics, request);
  const again = (now: NicAddFacts, entry: NicEntry) => {
    const options = nicOptions(now, request, entry);
    const words = [...Object.keys(options.asked), "name"];
    const change = { verb: "modify", options: words } as const;
    return alreadyThere(now, NIC, entry, { request, ...options, change });
  };
  if (twin !== undefined) return again(facts, twin);
  const { unfinished } = facts;
  if (unfinished !== undefined) {
    const tap = netdevOf(facts.qemu, unfinished.id)?.facts.tap;
    return planFinish(facts, unfinished, {
      kind: NIC,
      check: (now, entry) => again({ ...facts, ...now }, entry),
      besides: nicFilesStep(
        facts,
        (taps) => [...taps, tap],
        request.ganeti?.seq,
      ),
    });
  }
  refuseMac(facts, request.mac.value);
  refuseNoTun(facts);
  refuseTap(facts, request.tap);
  refuseRates(facts);
  const nic = newNic(facts, request);
  const properties = mtuProperties(nic);
  const { id, uuid, place, linkState } = nic;
  const { ganeti, tap = facts.communicationTap } = request;
  const { host, backend } = tapSteps(facts, nic, tap);
  const verify = { kind: "verify-device", id, slot: place.slot } as const;
  const index = nics.length;
  const to = attachmentOf(facts, nic, { uuid, index, ganeti });
  const made = { value: "tap" } as const;
  const notes = notesFor(nic, hvparams);
  const before = host.find((one) => one.kind === "own-record")?.change.after;
  return planAddition(facts, {
    kind: NIC,
    change: entryChange(NIC, nic, {
      entry: nicEntry({ ...nic, properties }, ganeti?.object),
    }),
    view: plannedView(
      nic,
      { index, uuid, id, ...placeView(place) },
      { tap: null, hvparams },
    ),
    before: [
      ...host,
      ...joinSteps(made, to),
      ...newTapSteps(made, nic),
      // The file comes before QEMU's backend: if the backend stays, so does its
      // name.
      ...nicFilesStep(facts, (taps) => [...taps, made], ganeti?.seq),
      ...backend,
    ],
    plug: deviceStep(
      deviceArguments(facts, nic, {
        address: { ...pciAddress(place), ...properties },
      }),
    ),
    after: [
      ...linkStateSteps(facts, id, { was: "up", wanted: linkState }),
      ...noteSteps(facts, { uuid, notes, before }),
    ],
    verify,
    warnings: [
      unstartable(facts),
      startWarning(facts, nic),
      mtuWarning(facts, nic),
      untoldWarning(nic),
      untilStop(NIC, properties),
      ratesWarning(nic),
      ...bridgeWarnings(facts, nic),
    ],
  });
}
