/**
 * What removing a device of any kind has in common. Pure.
 *
 * @module
 */

import { deviceId } from "../device/device_id.ts";
import {
  findDevice,
  isExactName,
  isUuid,
  noSuchDevice,
  titleOf,
} from "../device/select.ts";
import type { Decision, Plan } from "../engine/plan.ts";
import type { UnplugStep } from "../engine/qmp_steps.ts";
import type { Step } from "../engine/verbs.ts";
import { HotplugError, refuse } from "../errors.ts";
import { strayNicFiles } from "../nic/files.ts";
import { optionValues } from "../state/kvm_options.ts";
import type { DeviceEntry } from "../state/runtime.ts";
import type { Facts } from "./facts.ts";
import { endAccessSteps, forgetSteps } from "./give_back.ts";
import { refuseImpossible } from "./requirements.ts";
import { stateSteps } from "./steps.ts";
import { type Stray, straysOf, strayView } from "./strays.ts";
import { recordedView } from "./view.ts";

/** A device that can be found in QEMU: it has a uuid and an id. */
export type Removable<E extends DeviceEntry> = {
  readonly entry: E;
  readonly uuid: string;
  readonly id: string;
  readonly title: string;
};

/**
 * What an operation must know of a recorded device.
 *
 * @param verb for the message: `remove`
 * @throws {HotplugError} `unsupported` if the record does not tell it
 */
export function identified<E extends DeviceEntry>(
  entry: E,
  { instance, verb }: { instance: string; verb: string },
): Removable<E> {
  const { uuid, hvinfo: { id } } = entry;
  const title = titleOf(entry);
  if (uuid === undefined || id === undefined) {
    throw new HotplugError(
      "unsupported",
      `Cannot ${verb} ${title}: the runtime file gives it no ${
        uuid === undefined ? "uuid" : "device id"
      }, so nothing proves which device of QEMU it is`,
      { hint: `adopt ${instance} records which one it is, if QEMU proves it` },
    );
  }
  return { entry, uuid, id, title };
}

/** @throws {HotplugError} `no-such-device` if the word means the other kind */
function refuseOtherKind(facts: Facts, kind: "disk" | "nic", word: string) {
  const { disks, nics } = facts.content.runtime;
  const other = findDevice<DeviceEntry>(kind === "disk" ? nics : disks, word);
  if (other === undefined) return;
  const { name } = facts.paths;
  throw new HotplugError(
    "no-such-device",
    `${word} is no ${kind === "disk" ? "disk" : "NIC"}: it is ${
      titleOf(other)
    }`,
    { hint: `${other.kind} remove ${name} ${word}` },
  );
}

/** What QEMU has of a device that the file does not record. */
function unrecorded(facts: Facts, kind: "disk" | "nic", word: string) {
  const { deviceIds, nodeNames, netdevs } = facts.qemu;
  const ids = [...deviceIds, ...nodeNames, ...netdevs.keys()];
  if (!isUuid(word)) return ids.find((id) => id === word);
  const uuid = word.toLowerCase();
  const ganeti = deviceId("ganeti", kind, { uuid, slot: 0 });
  const design = new RegExp(
    `^(?:hot)?${kind}-${uuid.slice(0, 8)}-(?:pci|scsi)-\\d+$`,
  );
  return ids.find((id) => id === ganeti || design.test(id));
}

/**
 * The device to remove, or the decision that there is nothing to remove.
 *
 * @throws {HotplugError} `no-such-device` | `ambiguous-device` | `unsupported`
 */
function chooseRemoval<E extends DeviceEntry>(
  facts: Facts,
  { kind, entries, word }: {
    kind: "disk" | "nic";
    entries: readonly E[];
    word: string;
  },
): Removable<E> | Decision {
  const entry = findDevice(entries, word);
  if (entry !== undefined) {
    return identified(entry, { instance: facts.paths.name, verb: "remove" });
  }
  if (!isExactName(word)) {
    refuseFixed(facts, kind);
    throw noSuchDevice(entries, word);
  }
  const left = unrecorded(facts, kind, word);
  if (left !== undefined) {
    refuseOtherKind(facts, kind, left);
    throw refuse(
      `QEMU has ${left}, but the runtime file does not record it: nothing proves whose it is`,
      `${
        /^(?:hot)?nic-/.test(left) ? "nic" : kind
      } remove ${facts.paths.name} ${left} --force takes it out all the same`,
    );
  }
  return {
    kind: "nothing-to-do",
    action: "remove",
    instance: facts.paths.name,
    device: null,
    warnings: [],
  };
}

/**
 * Refuses what no entry stands for because it is in `kvm_cmd`, where Ganeti
 * before 2.10 had all disks: new devices can be plugged, those stay.
 */
function refuseFixed({ content, paths }: Facts, kind: "disk" | "nic") {
  const { kvmCmd, disks } = content.runtime;
  if (kind !== "disk" || disks.length > 0) return;
  if (optionValues(kvmCmd, "-drive").length === 0) return;
  throw new HotplugError(
    "no-such-device",
    `No disk of ${paths.name} is recorded: those of its fixed command line (kvm_cmd, -drive) stay as long as the VM runs`,
    { hint: `adopt ${paths.name} tells what QEMU has; new disks can be added` },
  );
}

/** The step that takes a device out of the guest, if QEMU still has it. */
function unplugSteps(
  { qemu, own }: Facts,
  { id, title, uuid }: { id: string; title: string; uuid: string },
): UnplugStep[] {
  if (!qemu.deviceIds.has(id)) return [];
  const { runState } = qemu;
  const pending = own.record.devices[uuid.toLowerCase()]?.pending;
  const asked = pending?.id === id ? { requestedAt: pending.requestedAt } : {};
  return [{ kind: "unplug", id, title, runState, ...asked }];
}

/** What is particular to removing a device of one kind. */
export interface Removal<E extends DeviceEntry> {
  /** Decides which list of the runtime file shrinks. */
  readonly kind: "disk" | "nic";
  /** The recorded devices among which `word` selects. */
  readonly entries: readonly E[];
  /** The user's word for the device. */
  readonly word: string;
  /** Refuses what must not be removed. */
  readonly check?: (chosen: Removable<E>) => void;
  /** The steps between the guest and the runtime file. */
  readonly backend: (chosen: Removable<E>) => readonly Step[];
  /** The same for what no entry records; undefined: it is refused. */
  readonly strayBackend?: ((id: string) => readonly Step[]) | undefined;
}

/**
 * Plans a removal: the guest first, then QEMU's backend and the host, then the
 * record; the new record is written before the guest is asked.
 *
 * @throws {HotplugError} status 3
 */
export function planRemoval<E extends DeviceEntry>(
  facts: Facts,
  removal: Removal<E>,
): Decision {
  refuseImpossible(facts, `${removal.kind}-remove`);
  const { kind, word, strayBackend } = removal;
  const stray = strayBackend && findStray(facts, kind, word);
  if (stray !== undefined) {
    return {
      kind: "plan",
      plan: planStray(facts, stray, strayBackend?.(stray.id) ?? []),
    };
  }
  const chosen = chooseRemoval(facts, removal);
  if ("kind" in chosen) return chosen;
  removal.check?.(chosen);
  const { stage, commit } = stateSteps(facts, {
    change: "delete",
    list: removal.kind === "disk" ? "disks" : "nics",
    uuid: chosen.uuid,
  });
  return {
    kind: "plan",
    plan: {
      action: "remove",
      instance: facts.paths.name,
      title: chosen.title,
      device: recordedView(chosen.entry, facts),
      steps: [
        stage,
        ...unplugSteps(facts, chosen),
        ...removal.backend(chosen),
        ...forgetSteps(facts.own, chosen.uuid.toLowerCase()),
        commit,
      ],
      warnings: [],
    },
  };
}

/** The part of a uuid that a device id holds. */
const UUID_PART = /^(?:hot)?(?:disk|nic)-([0-9a-f-]+?)(?:-(?:pci|scsi)-\d+)?$/i;

/** Whether a device of this uuid can have got this id. */
function belongsTo(uuid: string, id: string): boolean {
  const part = UUID_PART.exec(id)?.[1]?.toLowerCase();
  return part !== undefined && uuid.toLowerCase().startsWith(part);
}

/** The stray that an exact id or a full uuid means. */
export function findStray(
  facts: Facts,
  kind: "disk" | "nic",
  word: string,
): Stray | undefined {
  const strays = straysOf(facts.qemu, facts.content.runtime);
  return strays.find((one) =>
    one.id !== "" && one.kind === kind &&
    (one.id === word || (isUuid(word) && belongsTo(word, one.id)))
  );
}

/** What the tool's own record has of it, by the uuid in its id. */
function ownSteps({ own, content }: Facts, { id }: Stray): Step[] {
  const { disks, nics } = content.runtime;
  const recorded = new Set(
    [...disks, ...nics].map(({ uuid }) => uuid?.toLowerCase()),
  );
  const mine = Object.keys(own.record.devices)
    .filter((uuid) => !recorded.has(uuid) && belongsTo(uuid, id));
  return mine.flatMap((uuid) => [
    ...endAccessSteps(own, uuid),
    ...forgetSteps(own, uuid),
  ]);
}

/**
 * Plans to remove a stray.
 *
 * @param backend the steps between the guest and this node
 */
export function planStray(
  facts: Facts,
  stray: Stray,
  backend: readonly Step[],
): Plan {
  const { qemu, paths } = facts;
  const { id, kind } = stray;
  const title = `${kind === "disk" ? "disk" : "NIC"} ${id}`;
  const { runState } = qemu;
  const tap = qemu.netdevs.get(id)?.tap;
  return {
    action: "remove",
    instance: paths.name,
    title,
    device: strayView(stray, qemu),
    steps: [
      ...(stray.has === "device"
        ? [{ kind: "unplug" as const, id, title, runState }]
        : []),
      ...backend,
      ...(tap === undefined ? [] : strayNicFiles(facts, (one) => one === tap)),
      ...ownSteps(facts, stray),
    ],
    warnings: [],
  };
}
