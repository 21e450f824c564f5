/**
 * What removing a device of any kind has in common. Pure.
 *
 * @module
 */

import { belongsTo, isExactName, parseDeviceId } from "../device/device_id.ts";
import { findDevice, noSuchDevice, titleOf } from "../device/select.ts";
import { type Plan, planOf } from "../engine/plan.ts";
import type { UnplugStep } from "../engine/qmp_steps.ts";
import type { Step } from "../engine/verbs.ts";
import { HotplugError, refuse } from "../errors.ts";
import { optionValues } from "../state/fixed_command.ts";
import { type DeviceEntry, devicesOf } from "../state/runtime.ts";
import { isUuid } from "../state/value_check.ts";
import { noteOn } from "../state/own_check.ts";
import type { Facts } from "./facts.ts";
import { forgetSteps } from "./give_back.ts";
import type { Kind, KindName, OwnKind } from "./kind.ts";
import { refuseFixedBus, refuseImpossible } from "./requirements.ts";
import { stateSteps } from "./steps.ts";
import { type Stray, straysOf, strayView } from "./strays.ts";
import { commandLine } from "../state/instance.ts";

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
function identified<E extends DeviceEntry>(
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
      }, so its device in QEMU is not known`,
      {
        hint:
          `adopt ${instance} records the device if QEMU shows which one it is`,
      },
    );
  }
  return { entry, uuid, id, title };
}

/**
 * The recorded device that a word means, for a change of it.
 *
 * @param verb for the message: `modify`
 * @throws {HotplugError} `no-such-device` | `ambiguous-device` | `unsupported`,
 * `refused` if it is on its way out
 */
export function chooseChange<E extends DeviceEntry>(
  { paths, own }: Pick<Facts, "paths" | "own">,
  entries: readonly E[],
  { device, verb }: { readonly device: string; readonly verb: string },
): Removable<E> {
  const entry = findDevice(entries, device);
  if (entry === undefined) throw noSuchDevice(entries, device);
  const found = identified(entry, { instance: paths.name, verb });
  const { uuid, id, title } = found;
  if (noteOn(own.record, uuid.toLowerCase())?.pending?.id !== id) return found;
  throw refuse(
    `Cannot ${verb} ${title}: it is being removed`,
    `to wait for the guest, run: ${
      commandLine(paths, entry.kind, "remove", paths.name, id)
    }`,
  );
}

/** @throws {HotplugError} `no-such-device` if the word means the other kind */
function refuseOtherKind(
  facts: Facts,
  { list, title }: KindName,
  word: string,
) {
  const { disks, nics } = facts.content.runtime;
  const other = findDevice<DeviceEntry>(list === "disks" ? nics : disks, word);
  if (other === undefined) return;
  const { name } = facts.paths;
  throw new HotplugError(
    "no-such-device",
    `${word} is not a ${title}: it is ${titleOf(other)}`,
    { hint: `${other.kind} remove ${name} ${word}` },
  );
}

/** What QEMU has of a device that the file does not record. */
function unrecorded(facts: Facts, { word: kind }: KindName, word: string) {
  const { deviceIds, nodeNames, netdevs } = facts.qemu;
  const ids = [...deviceIds, ...nodeNames, ...netdevs.keys()];
  if (!isUuid(word)) return ids.find((id) => id === word);
  return ids.find((id) =>
    parseDeviceId(id)?.kind === kind && belongsTo(word, id)
  );
}

/**
 * The device to remove, or the plan of nothing to remove.
 *
 * @throws {HotplugError} `no-such-device` | `ambiguous-device` | `unsupported`
 */
function chooseRemoval<E extends DeviceEntry>(
  facts: Facts,
  { kind, entries, word, checkGone }: Removal<E>,
): Removable<E> | Plan {
  const entry = findDevice(entries, word);
  if (entry !== undefined) {
    return identified(entry, { instance: facts.paths.name, verb: "remove" });
  }
  if (!isExactName(word)) {
    refuseFixed(facts, kind);
    // No other device is named: it must not be what one is led to remove.
    const list = commandLine(facts.paths, "list", facts.paths.name);
    const hint = `to see its devices, run: ${list}`;
    throw noSuchDevice(entries, word, hint);
  }
  const left = unrecorded(facts, kind, word);
  if (left !== undefined) {
    refuseOtherKind(facts, kind, left);
    const { paths, content: { runtime } } = facts;
    const owner = devicesOf(runtime).find(({ hvinfo }) => hvinfo.id === left);
    if (owner !== undefined) {
      throw refuse(
        `QEMU has ${left}, which is recorded as ${
          titleOf(owner)
        } with a different uuid: ${owner.uuid}`,
        `to see its devices, run: ${commandLine(paths, "list", paths.name)}`,
      );
    }
    const { kind: word } = parseDeviceId(left) ?? { kind: kind.word };
    throw refuse(
      `QEMU has ${left}, but the runtime file does not record it`,
      `to remove it anyway, run: ${
        commandLine(paths, word, "remove", paths.name, left, "--force")
      }`,
    );
  }
  checkGone?.();
  const { name: instance } = facts.paths;
  const nothing = { title: word, device: null, steps: [] };
  return planOf({ action: "remove", instance, ...nothing });
}

/**
 * Refuses what no entry stands for because it is in `kvm_cmd`, where Ganeti
 * before 2.10 had all disks: new devices can be plugged, those stay.
 */
function refuseFixed({ content, paths }: Facts, { list }: KindName) {
  const { kvmCmd, disks } = content.runtime;
  if (list !== "disks" || disks.length > 0) return;
  if (optionValues(kvmCmd, "-drive").length === 0) return;
  throw new HotplugError(
    "no-such-device",
    `The runtime file of ${paths.name} records no disk: disks of its fixed command line (kvm_cmd, -drive) cannot be removed while the VM runs`,
    {
      hint: `to record QEMU's disks, run: ${
        commandLine(paths, "adopt", paths.name)
      }`,
    },
  );
}

/**
 * The step that takes a device out of the guest, if QEMU still has it.
 *
 * @throws {HotplugError} `unsupported` if it cannot be taken out
 */
function unplugStep(
  facts: Facts,
  { word: kind, ending }: OwnKind,
  { id, title, uuid }: { id: string; title: string; uuid: string },
): UnplugStep | undefined {
  const { qemu, own } = facts;
  if (!qemu.deviceIds.has(id)) return undefined;
  refuseFixedBus(facts, { id, title });
  const { runState } = qemu;
  const key = uuid.toLowerCase();
  const pending = noteOn(own.record, key)?.pending;
  const asked = pending?.id === id ? { requestedAt: pending.requestedAt } : {};
  const ledger = { uuid: key, kind, note: "pending" } as const;
  const more = { ...asked, ...(ending && { ending: ending(id) }), ledger };
  return { kind: "unplug", id, title, runState, ...more };
}

/** What is particular to removing a device of one kind. */
export interface Removal<E extends DeviceEntry> {
  /** Decides which list of the runtime file shrinks. */
  readonly kind: OwnKind;
  /** The least that it needs of the monitor. */
  readonly needs: readonly string[];
  /** The recorded devices among which `word` selects. */
  readonly entries: readonly E[];
  /** The user's word for the device. */
  readonly word: string;
  /** Refuses to call gone what no entry and no id of QEMU's stand for. */
  readonly checkGone?: () => void;
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
): Plan {
  refuseImpossible(facts, removal.needs);
  const { kind, word, strayBackend } = removal;
  const stray = strayBackend && findStray(facts, kind.word, word);
  if (stray !== undefined) {
    const backend = strayBackend?.(stray.id) ?? [];
    return planStray(facts, stray, { kind, backend });
  }
  const chosen = chooseRemoval(facts, removal);
  if (!("entry" in chosen)) return chosen;
  removal.check?.(chosen);
  const { stage, commit } = stateSteps(facts, {
    change: "delete",
    list: kind.list,
    uuid: chosen.uuid,
  });
  const unplug = unplugStep(facts, kind, chosen);
  return planOf({
    action: "remove",
    instance: facts.paths.name,
    title: chosen.title,
    device: kind.view(chosen.entry, facts),
    kinds: [kind.word],
    steps: [
      stage,
      unplug,
      ...removal.backend(chosen),
      ...forgetSteps(facts.own, chosen.uuid.toLowerCase()),
      commit,
    ],
    turn: unplug,
    ifCut: "finish",
  });
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
function ownSteps(
  { own, content }: Facts,
  { id }: Stray,
  { giveBack }: Pick<Kind, "giveBack">,
): Step[] {
  const recorded = new Set(
    devicesOf(content.runtime).map(({ uuid }) => uuid?.toLowerCase()),
  );
  const mine = Object.keys(own.record.devices)
    .filter((uuid) => !recorded.has(uuid) && belongsTo(uuid, id));
  return mine.flatMap((uuid) => [
    ...giveBack(own, uuid),
    ...forgetSteps(own, uuid),
  ]);
}

/** What is particular to removing a stray of one kind. */
export interface StrayRemoval {
  /** Also gives back what was changed for it. */
  readonly kind: OwnKind;
  /** The steps between the guest and the record. */
  readonly backend: readonly Step[];
}

/** Plans to remove a stray. */
export function planStray(
  facts: Facts,
  stray: Stray,
  { kind, backend }: StrayRemoval,
): Plan {
  const { qemu, paths } = facts;
  const { id } = stray;
  const title = `${kind.title} ${id}`;
  const { runState } = qemu;
  if (stray.has === "device") refuseFixedBus(facts, { id, title });
  const ending = kind.ending?.(id);
  const unplug: UnplugStep | undefined = stray.has === "device"
    ? { kind: "unplug", id, title, runState, ...(ending && { ending }) }
    : undefined;
  return planOf({
    action: "remove",
    instance: paths.name,
    title,
    device: strayView(stray, qemu, kind),
    kinds: [kind.word],
    steps: [unplug, ...backend, ...ownSteps(facts, stray, kind)],
    turn: unplug,
    ifCut: "finish",
  });
}
