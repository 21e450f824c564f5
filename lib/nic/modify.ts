/**
 * Plans to change a NIC: in place if possible, else by plugging it again in its
 * slot, with the same uuid and id. In that case every part of the new NIC that
 * can fail is made before the old NIC is removed, and each step knows how the
 * old NIC comes back. Pure.
 *
 * @module
 */

import { titleOf } from "../device/select.ts";
import { type Plan, planOf } from "../engine/plan.ts";
import { refuse, unsupported } from "../errors.ts";
import type { Attachment } from "../host/attachment.ts";
import { sameRates } from "../host/tap_tuning.ts";
import {
  refuseFixedBus,
  refuseImpossible,
  refuseMachine,
  refuseMissingCommands,
} from "../plan/requirements.ts";
import { command, stateSteps } from "../plan/steps.ts";
import { entryView } from "../plan/view.ts";
import { isParavirtual, type Nic } from "../device/nic.ts";
import { deviceArguments, vhostOf } from "./driver.ts";
import { nicFilesStep, tapOf } from "./files.ts";
import { type Modified, modifiedNic, type NicModifyFacts } from "./modified.ts";
import { modifyWarnings } from "./modify_warnings.ts";
import { NIC } from "./name.ts";
import {
  joinSteps,
  outlives,
  refuseNetwork,
  refuseRecorded,
} from "./network.ts";
import { linkStateSteps, notesFor, noteSteps, setLink } from "./notes.ts";
import { nicMembers } from "./recorded.ts";
import type { NicModify } from "./request.ts";
import type { NicStep } from "./steps.ts";
import {
  changedMtu,
  isPlain,
  mtuProperties,
  newTapSteps,
  tuningOf,
} from "./tuning.ts";
import { plannedView } from "./view.ts";
import { recordedArguments } from "../device/hvinfo.ts";
import type { QmpStep } from "../engine/qmp_steps.ts";
import { deviceStep } from "../plan/addition.ts";
import { netdevOf } from "../plan/facts.ts";
import { noteOn } from "../state/own_check.ts";
import {
  awaitTapGone,
  fdSteps,
  netdevStep,
  openSteps,
  refuseNoTun,
  TAP_COMMANDS,
} from "./tap.ts";

function refuseReplug(
  facts: NicModifyFacts,
  { id, tap, entry, wanted, uuid, from }: Modified,
): void {
  // Its backend could not be made again if the new NIC fails.
  if (tap === undefined && netdevOf(facts.qemu, id) !== undefined) {
    throw unsupported(
      "Cannot unplug the NIC and plug it in again: its tap is not visible",
      "remove it, then add it again",
    );
  }
  refuseMachine(facts);
  refuseFixedBus(facts, { id, title: titleOf(entry) });
  refuseMissingCommands(facts.qemu, NIC.needs["nic-add"]);
  refuseMissingCommands(facts.qemu, TAP_COMMANDS);
  refuseNoTun(facts);
  refuseRecorded(from);
  refuseNetwork(facts, wanted);
  if (wanted.vhost === "on") vhostOf(facts, "on");
  if (noteOn(facts.own.record, uuid.toLowerCase())?.access !== undefined) {
    throw unsupported(
      "Cannot unplug the NIC and plug it in again: QEMU opened its tap by name",
      "remove it, then add it again",
    );
  }
  const { slot, bus } = entry.hvinfo;
  if (slot === undefined || bus === undefined) {
    throw refuse(
      "Cannot unplug the NIC and plug it in again: its slot is not recorded",
    );
  }
}

/**
 * The guest releases the old NIC; an undo brings it back with its own backend.
 */
function releaseSteps(
  facts: NicModifyFacts,
  { id, uuid, entry, was, tap, from }: Modified,
): NicStep[] {
  const { qemu } = facts;
  const live = netdevOf(qemu, id);
  const netdev = live?.id ?? id;
  const where = { address: recordedArguments(entry), netdev };
  const putBack = [
    command("device_add", deviceArguments(facts, { ...was, id }, where)),
    ...(was.linkState === "down" ? [setLink(id, "down")] : []),
  ];
  const title = `NIC ${entry.index}`;
  const { runState } = qemu;
  const { word: kind } = NIC;
  const ledger = { uuid: uuid.toLowerCase(), kind, note: "replug" } as const;
  const { queues, vhost, vnetHdr } = was;
  const tuning = tuningOf(was);
  const back = {
    ...{ queues, vhost, vnetHdr, attachment: from },
    ...(isPlain(tuning) ? {} : { tuning }),
  };
  const { paths: { nicDir: directory }, nicFiles } = facts;
  const file = directory === undefined || nicFiles === undefined
    ? {}
    : { file: { directory, seq: String(entry.index) } };
  return [
    ...(qemu.deviceIds.has(id)
      ? [{ kind: "unplug", id, title, runState, putBack, ledger } as const]
      : []),
    // The rest of the old tap on the node.
    ...(outlives(from) && tap !== undefined
      ? [{ kind: "attach-tap", tap, from, to: null } as const]
      : []),
    ...(live === undefined || tap === undefined ? [] : [
      {
        kind: "drop-netdev",
        id: netdev,
        back: { tap, ...back, ...file },
      } as const,
      awaitTapGone(facts, live.facts),
    ]),
  ];
}

/** A route to the new tap replaces the route to the old one. */
function keepRoute({ from, to, tap }: Modified): NicStep[] {
  if (from.mode !== "routed" || to.mode !== "routed") return [];
  if (tap === undefined) return [];
  return [{ kind: "attach-tap", tap, from, to: from }];
}

/**
 * Plans to plug a NIC again.
 *
 * @throws {HotplugError} status 3
 */
function replugSteps(
  facts: NicModifyFacts,
  { changes }: NicModify,
  modified: Modified,
): { readonly steps: NicStep[]; readonly plug: QmpStep } {
  refuseReplug(facts, modified);
  const { id, uuid, entry, wanted, to, lost } = modified;
  const nic = { ...wanted, id };
  const made = { value: "tap" } as const;
  const notes = notesFor(wanted, facts.content.runtime.hvparams);
  const address = { ...recordedArguments(entry, lost), ...mtuProperties(nic) };
  const plug = deviceStep(deviceArguments(facts, nic, { address }));
  const steps: NicStep[] = [
    ...openSteps(nic, changes.tap ?? facts.communicationTap),
    ...keepRoute(modified),
    ...joinSteps(made, to),
    ...newTapSteps(made, nic),
    ...fdSteps(nic),
    ...releaseSteps(facts, modified),
    // The file names the old tap while QEMU has it, and the new tap before QEMU
    // has a backend on it: if the backend stays, so does its name.
    ...nicFilesStep(facts, (taps) => taps.with(entry.index, made)),
    netdevStep(nic),
    plug,
    ...linkStateSteps(facts, id, { was: "up", wanted: nic.linkState }),
    ...noteSteps(facts, { uuid, notes }),
    { kind: "verify-device", id, slot: entry.hvinfo.slot ?? 0 },
  ];
  return { steps, plug };
}

/** Changes that need a NIC to be plugged again. */
function needsReplug(
  { qemu }: NicModifyFacts,
  { changes }: NicModify,
  { was, wanted, id, tap }: Modified,
): boolean {
  const keys = ["mac", "driver", "queues", "vhost", "vnetHdr"] as const;
  // The guest is told of an MTU when its card is plugged.
  if (isParavirtual(wanted.driver) && was.mtu !== wanted.mtu) return true;
  return keys.some((key) => was[key] !== wanted[key]) ||
    (changes.tap !== undefined && changes.tap !== tap) ||
    !qemu.deviceIds.has(id);
}

/** Whether the two connections are the same. */
function isSame(one: Attachment, other: Attachment): boolean {
  const [a, b] = [one, other].map(({ script, ...rest }) => {
    const told = Object.entries(script?.environment ?? {})
      .filter(([_, value]) => value !== "").sort();
    return JSON.stringify([rest, script?.path, script?.down, told]);
  });
  return a === b;
}

/** The connection of a tap that is cut off: another bridge, or none. */
function elsewhere({ bridge }: NicModifyFacts): Attachment | null {
  if (bridge === undefined) return null;
  const nothing = { vlan: null, ip: null, script: null };
  return { mode: "bridged", link: bridge, ...nothing };
}

/** Options about the connection of a NIC. */
const PLACE = ["mode", "link", "vlan", "ip"] as const;

function moveSteps(
  facts: NicModifyFacts,
  { changes }: NicModify,
  { tap, wanted, from: recorded, to }: Modified,
): NicStep[] {
  // A person may have disconnected it on purpose: it is connected again only on
  // request.
  const isAsked = PLACE.some((key) => changes[key] !== undefined);
  const isCut = facts.cuts.length > 0;
  if (isSame(recorded, to) && !(isCut && isAsked)) return [];
  const from = isCut ? elsewhere(facts) : recorded;
  if (!isCut) refuseRecorded(recorded);
  refuseNetwork(facts, wanted);
  if (tap !== undefined) return [{ kind: "attach-tap", tap, from, to }];
  throw unsupported("Cannot move the NIC: its tap is not visible");
}

/**
 * Moves the tap and sets it. A bridge gives each port its own MTU: where the
 * NIC has another, it is set before the move, too, so that an undone move leads
 * back to it.
 */
function tuneSteps(
  { tuning, bridgeState }: NicModifyFacts,
  { changes }: NicModify,
  { modified: { tap, was, wanted }, move }: {
    readonly modified: Modified;
    readonly move: readonly NicStep[];
  },
): NicStep[] {
  const asked = [changes.mtu, changes.rateIn, changes.rateOut];
  const isAsked = asked.some((one) => one !== undefined);
  const isMoved = move.length > 0 && wanted.mtu !== undefined;
  if (tap === undefined || tuning === undefined || !(isAsked || isMoved)) {
    return [...move];
  }
  const { in: rateIn, out: rateOut } = tuningOf(was);
  // What tc does not tell is as it was recorded.
  const from = {
    mtu: was.mtu ?? tuning.mtu,
    in: tuning.in === "unknown" ? rateIn : tuning.in,
    out: tuning.out === "unknown" ? rateOut : tuning.out,
  };
  const to = tuningOf(wanted);
  if (tuning.in === "unknown" && !sameRates(from, to)) {
    throw unsupported(
      `Cannot change the rates of the NIC: tc does not tell which rates ${tap} has`,
      `to see why, run: tc qdisc show dev ${tap}`,
    );
  }
  const free = was.mtu === undefined ? null : bridgeState?.mtu ?? 1500;
  const whole = { ...to, mtu: to.mtu ?? free };
  const isSet = sameRates(whole, from) &&
    (whole.mtu === null || whole.mtu === tuning.mtu);
  if (isSet && !isMoved) return [...move];
  const kind = "tune-tap" as const;
  return [
    ...(isMoved ? [{ kind, tap, from, to: from }] : []),
    ...move,
    { kind, tap, from, to: whole },
  ];
}

function inPlaceSteps(
  facts: NicModifyFacts,
  request: NicModify,
  modified: Modified,
): NicStep[] {
  const { id, uuid, was, wanted } = modified;
  const { linkState } = wanted;
  const { script, mtu, rateIn, rateOut } = notesFor(
    wanted,
    facts.content.runtime.hvparams,
  );
  const move = moveSteps(facts, request, modified);
  const asked = request.changes.linkState;
  const carrier = { was: was.linkState, wanted: linkState, asked };
  return [
    ...tuneSteps(facts, request, { modified, move }),
    ...linkStateSteps(facts, id, carrier),
    ...noteSteps(facts, {
      uuid,
      notes: { linkState, script, mtu, rateIn, rateOut },
    }),
  ];
}

/** The members to record: for a card that stays, only the requested ones. */
function toRecord({ changes }: NicModify, { entry, wanted }: Modified): Nic {
  const { mac = "", hvinfo: { driver = wanted.driver } } = entry;
  return {
    ...wanted,
    mac: changes.mac ?? mac.toLowerCase(),
    driver: changes.driver === undefined ? driver : wanted.driver,
  };
}

/**
 * Plans to change a NIC.
 *
 * @throws {HotplugError} status 3
 */
export function planNicModify(
  request: NicModify,
  facts: NicModifyFacts,
): Plan {
  refuseImpossible(facts, NIC.needs["nic-modify"]);
  const modified = modifiedNic(facts, request);
  const { entry, uuid, wanted } = modified;
  const isReplug = needsReplug(facts, request, modified);
  const { steps: inner, plug } = isReplug
    ? replugSteps(facts, request, modified)
    : { steps: inPlaceSteps(facts, request, modified), plug: undefined };
  const members = nicMembers(
    entry,
    isReplug
      ? {
        ...wanted,
        lost: modified.lost,
        properties: changedMtu(modified),
      }
      : toRecord(request, modified),
    request.ganeti?.object,
  );
  const tap = isReplug ? null : tapOf(facts, entry) ?? null;
  const { hvparams } = facts.content.runtime;
  const device = plannedView(wanted, entryView(entry), { tap, hvparams });
  const changes = Object.keys(members).length > 0;
  const { stage, commit } = stateSteps(facts, {
    change: "members",
    list: "nics",
    uuid,
    members,
  });
  return planOf({
    action: "modify",
    instance: facts.paths.name,
    title: titleOf(entry),
    device,
    kinds: [NIC.word],
    steps: changes ? [stage, ...inner, commit] : inner,
    turn: plug,
    warnings: modifyWarnings(facts, modified, {
      isReplug,
      isMoved: inner.some(({ kind }) => kind === "attach-tap"),
    }),
  });
}
