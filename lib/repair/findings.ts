/**
 * Where runtime file, QEMU and node do not agree, and what mends it. Pure.
 *
 * What is provably ours (our ids, our texts, our record) or provably dead is
 * mended; a device that a guest has is never touched: it is listed with the
 * command that would take it out.
 *
 * @module
 */

import { servesUnnamed } from "../device/backend.ts";
import { sitsAsRecorded } from "../device/bus_slot.ts";
import { allFdNames } from "../device/nic.ts";
import { titleOf } from "../device/select.ts";
import { controllerFindings } from "../disk/controller.ts";
import type { Drift } from "../disk/drift.ts";
import { openFindings } from "../disk/findings.ts";
import {
  diskBackendSteps,
  type DiskRemoveFacts,
  planDiskRemove,
} from "../disk/remove.ts";
import { isRemembrance } from "../engine/own_facts.ts";
import type { Decision, Plan } from "../engine/plan.ts";
import { messageOf } from "../errors.ts";
import type { Confinement } from "../host/confinement.ts";
import { nicBack, nicFileFindings } from "../nic/findings.ts";
import { nicBackendSteps, planNicRemove } from "../nic/remove.ts";
import {
  type Finding,
  type FormatCommand,
  repairPlan,
} from "../plan/finding.ts";
import { endAccessSteps, forgetSteps } from "../plan/give_back.ts";
import { planStray } from "../plan/removal.ts";
import { qmpStep } from "../plan/steps.ts";
import { type Stray, straysOf } from "../plan/strays.ts";
import type { DeviceEntry } from "../state/runtime.ts";

/** What repair looks at, besides what a removal does. */
export interface RepairFacts extends DiskRemoveFacts {
  /** Files that only an operation of ours can have left: absolute paths. */
  readonly leftovers: readonly string[];
  /** Undefined if QEMU's process is unknown. */
  readonly confinement: Confinement | undefined;
  /** Taps that QEMU has open; undefined if its process cannot be seen. */
  readonly heldTaps: ReadonlySet<string> | undefined;
  /** Those of the NIC files' taps that this node has. */
  readonly taps: ReadonlySet<string>;
  /** Uuids whose disk, reached by chown or mknod, QEMU has open. */
  readonly inUse: ReadonlySet<string>;
  /** Links of recorded disks that lead elsewhere; none if it cannot be told. */
  readonly drift: readonly Drift[];
}

function planOf(decision: Decision): Plan | undefined {
  return decision.kind === "plan" ? decision.plan : undefined;
}

/** A recorded device that QEMU does not have: what is left of it goes. */
function vanished(facts: RepairFacts, entry: DeviceEntry): Finding[] {
  const { hvinfo: { id }, uuid, kind } = entry;
  const { deviceIds, block } = facts.qemu;
  if (id === undefined || deviceIds.has(id)) return [];
  if (servesUnnamed(block, id)) return [];
  const back = kind === "nic" ? nicBack(facts, entry) : undefined;
  if (back !== undefined) return [back];
  const what = `${
    titleOf(entry)
  } (${id}) is recorded, but QEMU has no such device`;
  const device = uuid ?? id;
  const request = { instance: facts.paths.name, device };
  try {
    const plan = planOf(
      kind === "disk"
        ? planDiskRemove(
          { ...request, kind: "disk-remove", bootDisk: "forced" },
          facts,
        )
        : planNicRemove({ ...request, kind: "nic-remove" }, facts),
    );
    if (plan === undefined) return [];
    return [{ what, did: "removed its entry and what was left of it", plan }];
  } catch (error) {
    return [{ what, hint: messageOf(error) }];
  }
}

function misplaced(facts: RepairFacts, entry: DeviceEntry): Finding[] {
  const { id, slot } = entry.hvinfo;
  const live = facts.qemu.pci.find((one) => one.id === id);
  if (id === undefined || live === undefined) return [];
  if (sitsAsRecorded(entry.hvinfo, live) !== false) return [];
  const there = live.behind === "" ? "" : ` of ${live.behind}`;
  return [{
    what: `${
      titleOf(entry)
    } (${id}) is recorded in slot ${slot}, and sits in slot ${live.slot}${there}`,
    hint: `${entry.kind} remove ${facts.paths.name} ${id}, then add it again`,
  }];
}

/** A device that no entry records: a guest has it, so it is left alone. */
function unrecorded(
  facts: RepairFacts,
  { id, kind }: Stray,
  format: FormatCommand,
): Finding {
  return {
    what: `QEMU has ${
      kind === "disk" ? "disk" : "NIC"
    } ${id}, which the runtime file does not record: record it with adopt, or take it out`,
    hint: format([kind, "remove", facts.paths.name, id, "--force"]),
  };
}

/** A backend of our form that no device uses. */
function orphan(facts: RepairFacts, stray: Stray): Finding {
  const { id, kind } = stray;
  const steps = kind === "disk"
    ? diskBackendSteps(facts, id)
    : nicBackendSteps(facts, id);
  return {
    what: `QEMU has ${
      kind === "disk" ? "block node" : "network backend"
    } ${id}, which no device uses`,
    did: "removed it",
    plan: planStray(facts, stray, steps),
  };
}

/** The text add-fd was given by us. */
const OPAQUE = /^kvm-hotplug /;

function fdsets({ qemu, paths }: RepairFacts): Finding[] {
  return qemu.fdsets.filter(({ opaques }) =>
    opaques.length > 0 && opaques.every((one) => OPAQUE.test(one))
  ).map(({ id, opaques }) => {
    const set = { "fdset-id": id };
    return {
      what: `QEMU keeps fd set ${id} (${opaques[0]}), which is not needed`,
      did: "removed it",
      plan: repairPlan(paths.name, `fd set ${id}`, [
        qmpStep("remove-fd", set, null),
      ]),
    };
  });
}

/** A tap QEMU has open and no backend: it was passed, and never used. */
function fdNames(facts: RepairFacts): Finding[] {
  const { heldTaps, qemu, nicFiles, paths } = facts;
  const known = new Set([
    ...[...qemu.netdevs.values()].map(({ tap }) => tap),
    ...Object.values(nicFiles ?? {}),
  ]);
  const lost = [...heldTaps ?? []].filter((tap) => !known.has(tap));
  if (lost.length === 0) return [];
  return [{
    what: `QEMU holds tap ${lost.join(", ")}, which no NIC uses`,
    did: "closed what was passed to it and not used",
    plan: repairPlan(paths.name, "fds passed to QEMU", [
      { kind: "drop-fd-names", names: allFdNames() },
    ]),
  }];
}

/** What the tool's own record has of devices that are gone. */
export function ownFindings(
  { paths, own }: Pick<RepairFacts, "paths" | "own">,
  uuids: readonly string[],
): Finding[] {
  return uuids.map((uuid) => ({
    what: `${uuid} is in the tool's own record, and is gone`,
    did: "gave back what had been changed for it, and forgot it",
    plan: repairPlan(paths.name, `what is noted of ${uuid}`, [
      ...endAccessSteps(own, uuid),
      ...forgetSteps(own, uuid),
    ]),
  }));
}

function forgotten(facts: RepairFacts): Finding[] {
  const { own, content: { runtime } } = facts;
  const recorded = new Set(
    [...runtime.disks, ...runtime.nics].map(({ uuid }) => uuid?.toLowerCase()),
  );
  // Those of a disk that is still plugged go with it.
  const plugged = straysOf(facts.qemu, runtime).some(({ has, origin }) =>
    has === "device" && origin === "plugged"
  );
  const uuids = Object.entries(own.record.devices)
    .flatMap(([uuid, one]) => isRemembrance(one) ? [] : [uuid]);
  const lost = plugged ? [] : uuids.filter((uuid) => !recorded.has(uuid));
  const isOpen = (uuid: string) => facts.inUse.has(uuid);
  return [
    ...ownFindings(facts, lost.filter((uuid) => !isOpen(uuid))),
    ...openFindings(facts, lost.filter(isOpen)),
  ];
}

/** Files that an operation was writing when it ended. */
export function leftoverFindings(
  instance: string,
  leftovers: readonly string[],
): Finding[] {
  return leftovers.map((path) => ({
    what: `${path} is left of an interrupted operation`,
    did: "removed it",
    plan: repairPlan(instance, path, [{ kind: "remove-leftover", path }]),
  }));
}

/**
 * All on which runtime file, QEMU and node do not agree.
 *
 * @param format makes a command of ours that reaches the same instance
 */
export function findAll(facts: RepairFacts, format: FormatCommand): Finding[] {
  const { runtime } = facts.content;
  const entries: DeviceEntry[] = [...runtime.disks, ...runtime.nics];
  const strays = straysOf(facts.qemu, runtime)
    .filter(({ origin }) => origin === "plugged");
  return [
    ...entries.flatMap((one) => vanished(facts, one)),
    ...fdsets(facts),
    ...strays.filter(({ has }) => has === "backend")
      .map((one) => orphan(facts, one)),
    ...fdNames(facts),
    ...nicFileFindings(facts),
    ...forgotten(facts),
    ...leftoverFindings(facts.paths.name, facts.leftovers),
    ...entries.flatMap((one) => misplaced(facts, one)),
    ...facts.drift.map(({ what, hint }) => ({ what, hint })),
    ...strays.filter(({ has }) => has === "device")
      .map((one) => unrecorded(facts, one, format)),
    ...controllerFindings(facts, format),
  ];
}
