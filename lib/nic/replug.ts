/**
 * The steps that plug a NIC anew in its slot, with the same uuid and id. All
 * that can fail of the new one is made before the old one goes; each step
 * knows how the old one comes back. Pure.
 *
 * @module
 */

import { recordedAddress } from "../device/hvinfo.ts";
import { titleOf } from "../device/select.ts";
import type { QmpStep } from "../engine/qmp_steps.ts";
import { refuse, unsupported } from "../errors.ts";
import { deviceStep } from "../plan/addition.ts";
import { netdevOf } from "../plan/facts.ts";
import {
  refuseFixedBus,
  refuseMachine,
  refuseMissingCommands,
} from "../plan/requirements.ts";
import { command } from "../plan/steps.ts";
import { noteOn } from "../state/own_check.ts";
import { deviceArguments, vhostOf } from "./driver.ts";
import { nicFilesStep } from "./files.ts";
import type { Modified, NicModifyFacts } from "./modified.ts";
import { NIC } from "./name.ts";
import {
  joinSteps,
  outlives,
  refuseNetwork,
  refuseRecorded,
} from "./network.ts";
import { linkStateSteps, notesFor, noteSteps, setLink } from "./notes.ts";
import type { NicModify } from "./request.ts";
import type { NicStep } from "./steps.ts";
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
      "Cannot plug the NIC anew: its tap cannot be seen",
      "remove it and add it anew",
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
      "Cannot plug the NIC anew: QEMU opened its tap by its name",
      "remove it and add it anew",
    );
  }
  const { slot, bus } = entry.hvinfo;
  if (slot === undefined || bus === undefined) {
    throw refuse("Cannot plug the NIC anew: its slot is not recorded");
  }
}

/** The guest releases the old one; it comes back with its own backend. */
function releaseSteps(
  facts: NicModifyFacts,
  { id, uuid, entry, was, tap, from }: Modified,
): NicStep[] {
  const { qemu } = facts;
  const live = netdevOf(qemu, id);
  const netdev = live?.id ?? id;
  const where = { address: recordedAddress(entry), netdev };
  const putBack = [
    command("device_add", deviceArguments(facts, { ...was, id }, where)),
    ...(was.linkState === "down" ? [setLink(id, "down")] : []),
  ];
  const title = `NIC ${entry.index}`;
  const { runState } = qemu;
  const { word: kind } = NIC;
  const ledger = { uuid: uuid.toLowerCase(), kind, note: "replug" } as const;
  const { queues, vhost, vnetHdr } = was;
  const back = { queues, vhost, vnetHdr, attachment: from };
  const { paths: { nicDir: directory }, nicFiles } = facts;
  const file = directory === undefined || nicFiles === undefined
    ? {}
    : { file: { directory, seq: String(entry.index) } };
  return [
    ...(qemu.deviceIds.has(id)
      ? [{ kind: "unplug", id, title, runState, putBack, ledger } as const]
      : []),
    // The old tap's traces on the node.
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

/** A route to the new tap takes the place of that to the old one. */
function keepRoute({ from, to, tap }: Modified): NicStep[] {
  if (from.mode !== "routed" || to.mode !== "routed") return [];
  if (tap === undefined) return [];
  return [{ kind: "attach-tap", tap, from, to: from }];
}

/**
 * Plans to plug a NIC anew.
 *
 * @throws {HotplugError} status 3
 */
export function replugSteps(
  facts: NicModifyFacts,
  { changes }: NicModify,
  modified: Modified,
): { readonly steps: NicStep[]; readonly plug: QmpStep } {
  refuseReplug(facts, modified);
  const { id, uuid, entry, wanted, to } = modified;
  const nic = { ...wanted, id };
  const made = { value: "tap" } as const;
  const notes = notesFor(wanted, facts.content.runtime.hvparams);
  const plug = deviceStep(
    deviceArguments(facts, nic, { address: recordedAddress(entry) }),
  );
  const steps: NicStep[] = [
    ...openSteps(nic, changes.tap),
    ...keepRoute(modified),
    ...joinSteps(made, to),
    ...fdSteps(nic),
    ...releaseSteps(facts, modified),
    // The file names the old tap as long as QEMU has it, and the new one before
    // QEMU has a backend on it: where that stays, so does its name.
    ...nicFilesStep(facts, (taps) => taps.with(entry.index, made)),
    netdevStep(nic),
    plug,
    ...linkStateSteps(facts, id, { was: "up", wanted: nic.linkState }),
    ...noteSteps(facts, { uuid, notes }),
    { kind: "verify-device", id, slot: entry.hvinfo.slot ?? 0 },
  ];
  return { steps, plug };
}
