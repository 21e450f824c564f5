/**
 * The steps that plug a NIC anew in its slot, with the same uuid and id. All
 * that can fail of the new one is made before the old one goes; each step
 * knows how the old one comes back. Pure.
 *
 * @module
 */

import { netdevArguments, type NicDevice } from "../device/nic.ts";
import { titleOf } from "../device/select.ts";
import { refuse, unsupported } from "../errors.ts";
import type { Attachment } from "../host/attachment.ts";
import { netdevOf } from "../plan/facts.ts";
import {
  refuseFixedBus,
  refuseMachine,
  refuseMissingCommands,
} from "../plan/requirements.ts";
import { command, qmpStep } from "../plan/steps.ts";
import { vhostOf } from "./add.ts";
import { deviceArguments } from "./driver.ts";
import { nicFilesStep } from "./files.ts";
import type { Modified, NicModifyFacts } from "./modified.ts";
import { joinSteps, outlives, refuseNetwork, refuseNoTun } from "./network.ts";
import { refuseRecorded } from "./network_words.ts";
import { linkStateSteps, noteSteps, setLink } from "./notes.ts";
import type { NicModify } from "./request.ts";
import { fdSteps, TAP_COMMANDS } from "./tap.ts";
import type { NicStep } from "./steps.ts";
import type { QmpStep } from "../engine/qmp_steps.ts";
import { NIC } from "./name.ts";
import { NIC_NEEDS } from "./needs.ts";

/** The NIC, and what its old and its new tap hang on. */
export interface Replug extends Modified {
  /** Of the old tap. */
  readonly from: Attachment;
  /** Of the new tap. */
  readonly to: Attachment;
}

function refuseReplug(
  facts: NicModifyFacts,
  { id, tap, entry, wanted, uuid, from, notes: { script } }: Replug,
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
  refuseMissingCommands(facts.qemu, NIC_NEEDS["nic-add"]);
  refuseMissingCommands(facts.qemu, TAP_COMMANDS);
  refuseNoTun(facts);
  refuseRecorded(from);
  refuseNetwork(facts, { ...wanted, script });
  if (wanted.vhost === "on") vhostOf(facts, "on");
  if (facts.own.record.devices[uuid.toLowerCase()]?.access !== undefined) {
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
function releaseSteps(facts: NicModifyFacts, replug: Replug): NicStep[] {
  const { id, uuid, entry, was, tap, from, noted } = replug;
  const { qemu } = facts;
  const live = netdevOf(qemu, id);
  const netdev = live?.id ?? id;
  const down = noted.linkState === "down";
  const putBack = [
    command("device_add", deviceArguments(facts, replug, { ...was, netdev })),
    ...(down ? [setLink(id, "down")] : []),
  ];
  const title = `NIC ${entry.index}`;
  const { runState } = qemu;
  const { word: kind } = NIC;
  const ledger = { uuid: uuid.toLowerCase(), kind, note: "replug" } as const;
  const { queues, vhost, vnetHdr } = was;
  return [
    ...(qemu.deviceIds.has(id)
      ? [{ kind: "unplug", id, title, runState, putBack, ledger } as const]
      : []),
    ...leaveSteps(replug),
    ...(live === undefined || tap === undefined ? [] : [
      {
        kind: "drop-netdev",
        id: netdev,
        back: { tap, queues, vhost, vnetHdr, attachment: from },
      } as const,
      { kind: "await-tap-gone", tap } as const,
    ]),
  ];
}

/** The steps that take the old tap's traces off the node. */
function leaveSteps({ from, tap }: Replug): NicStep[] {
  if (!outlives(from) || tap === undefined) return [];
  return [{ kind: "attach-tap", tap, from, to: null }];
}

/** A route to the new tap takes the place of that to the old one. */
function keepRoute({ from, to, tap }: Replug): NicStep[] {
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
  request: NicModify,
  replug: Replug,
): { readonly steps: NicStep[]; readonly plug: QmpStep } {
  refuseReplug(facts, replug);
  const { id, uuid, entry, wanted, to, notes } = replug;
  const { queues, vhost, vnetHdr } = wanted;
  const nic: Pick<NicDevice, "id" | "queues" | "vhost"> = { id, queues, vhost };
  const add = deviceArguments(facts, replug, { ...wanted, netdev: id });
  const plug = qmpStep("device_add", add, command("device_del", { id }));
  const steps: NicStep[] = [
    { kind: "open-tap", name: request.changes.tap ?? null, queues, vnetHdr },
    ...(vhost === "on" ? [{ kind: "open-vhost" as const, queues }] : []),
    ...keepRoute(replug),
    ...joinSteps({ value: "tap" }, to),
    ...fdSteps(nic),
    ...releaseSteps(facts, replug),
    // The file names the old tap as long as QEMU has it, and the new one before
    // QEMU has a backend on it: where that stays, so does its name.
    ...nicFilesStep(facts, { replaced: entry.index, by: { value: "tap" } }),
    qmpStep("netdev_add", netdevArguments(nic), command("netdev_del", { id })),
    plug,
    ...linkStateSteps(facts, id, { was: "up", wanted: notes.linkState }),
    ...noteSteps(facts, { uuid, notes }),
    { kind: "verify-device", id, slot: entry.hvinfo.slot ?? 0 },
  ];
  return { steps, plug };
}
