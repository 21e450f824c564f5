/**
 * Common parts of removing a device of any kind. Pure.
 *
 * @module
 */

import { belongsTo, isExactName, parseDeviceId } from "../device/device_id.ts";
import { findDevice, noSuchDevice, titleOf } from "../device/select.ts";
import { type Plan, planOf } from "../engine/plan.ts";
import type { UnplugStep } from "../engine/qmp_steps.ts";
import type { Step } from "../engine/verbs.ts";
import { HotplugError, refuse } from "../errors.ts";
import type { DeviceEntry, RecordedDevice } from "../state/runtime.ts";
import type { RuntimeChange } from "../state/runtime_change.ts";
import { isUuid } from "../state/value_check.ts";
import { noteOn } from "../state/own_check.ts";
import type { Facts } from "./facts.ts";
import { forgetSteps } from "./give_back.ts";
import type { EntryKind, Kind, KindName, OwnKind } from "./kind.ts";
import { isEntry, isPending, keyOf, type Stray } from "./recorded.ts";
import { refuseFixedBus, refuseImpossible } from "./requirements.ts";
import type { Unrecorded } from "./request.ts";
import { stateSteps } from "./steps.ts";
import { refuseLeftover, straysOfKind, strayView } from "./strays.ts";
import { commandLine } from "../state/instance.ts";

/** A device that can be found in QEMU: its record tells its id. */
export type Removable<E extends RecordedDevice> =
  & {
    readonly entry: E;
    /** {@linkcode keyOf}. */
    readonly key: string;
    readonly id: string;
    readonly title: string;
  }
  // As written; only entries have one.
  & (E extends DeviceEntry ? { readonly uuid: string } : unknown);

/**
 * The uuid and id of a recorded device.
 *
 * @param verb for the message: `remove`
 * @throws {HotplugError} `unsupported` if the record does not have them
 */
function identified<E extends RecordedDevice>(
  entry: E,
  { instance, verb }: { instance: string; verb: string },
): Removable<E> {
  const { uuid, hvinfo: { id } } = entry;
  const title = titleOf(entry);
  const key = keyOf(entry);
  if (key === undefined || id === undefined) {
    throw new HotplugError(
      "unsupported",
      `Cannot ${verb} ${title}: the runtime file gives it no ${
        isEntry(entry) && uuid === undefined ? "uuid" : "device id"
      }, so its device in QEMU is not known`,
      {
        hint:
          `adopt ${instance} records the device if QEMU shows which one it is`,
      },
    );
  }
  return { entry, key, uuid, id, title } as Removable<E>;
}

/**
 * The recorded device that a word means, for a change.
 *
 * @param wish.verb for the message: `modify`
 * @param wish.title of the kind: `NIC`
 * @throws {HotplugError} `no-such-device` | `ambiguous-device` | `unsupported`,
 * `refused` if it is being removed
 */
export function chooseChange<E extends RecordedDevice>(
  { paths, own }: Pick<Facts, "paths" | "own">,
  entries: readonly E[],
  { device, verb, title: kind }: {
    readonly device: string;
    readonly verb: string;
    readonly title: string;
  },
): Removable<E> {
  const entry = findDevice(entries, device);
  if (entry === undefined) throw noSuchDevice(entries, device, { title: kind });
  const found = identified(entry, { instance: paths.name, verb });
  const { id, title } = found;
  if (!isPending(own.record, entry)) return found;
  throw refuse(
    `Cannot ${verb} ${title}: it is being removed`,
    `to wait for the guest, run: ${
      commandLine(paths, entry.kind, "remove", paths.name, id)
    }`,
  );
}

/** @throws {HotplugError} `no-such-device` if the id is of another kind */
function refuseOtherKind(
  facts: Facts,
  { word: kind, title }: KindName,
  word: string,
) {
  const others = facts.recorded.filter((one) => one.kind !== kind);
  const other = findDevice(others, word);
  if (other === undefined) return;
  const { name } = facts.paths;
  throw new HotplugError(
    "no-such-device",
    `${word} is not a ${title}: it is ${titleOf(other)}`,
    { hint: `${other.kind} remove ${name} ${word}` },
  );
}

/** The parts in QEMU of a device that the file does not record. */
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
function chooseRemoval<E extends RecordedDevice>(
  facts: Facts,
  { kind, entries, word, isExact = isExactName, ...more }: Removal<E>,
): Removable<E> | Plan {
  const entry = findDevice(entries, word);
  if (entry !== undefined) {
    return identified(entry, { instance: facts.paths.name, verb: "remove" });
  }
  if (!isExact(word)) {
    more.checkUnknown?.();
    // No other device is named: a person must not be led to remove it.
    const list = commandLine(facts.paths, "list", facts.paths.name);
    const hint = `to see its devices, run: ${list}`;
    throw noSuchDevice(entries, word, { title: kind.title, hint });
  }
  const left = unrecorded(facts, kind, word);
  if (left !== undefined) {
    refuseOtherKind(facts, kind, left);
    const { paths } = facts;
    const owner = facts.recorded.find(({ hvinfo }) => hvinfo.id === left);
    if (owner !== undefined) {
      throw refuse(
        `QEMU has ${left}, which is recorded as ${
          titleOf(owner)
        } with a different uuid: ${owner.uuid}`,
        `to see its devices, run: ${commandLine(paths, "list", paths.name)}`,
      );
    }
    refuseLeftover(facts, left);
    const { kind: word } = parseDeviceId(left) ?? { kind: kind.word };
    throw refuse(
      `QEMU has ${left}, but the runtime file does not record it`,
      `to remove it anyway, run: ${
        commandLine(paths, word, "remove", paths.name, left, "--force")
      }`,
    );
  }
  more.checkGone?.();
  return nothingTo(facts, word);
}

function nothingTo({ paths: { name: instance } }: Facts, title: string): Plan {
  return planOf({ action: "remove", instance, title, device: null, steps: [] });
}

/**
 * The step that removes a device from the guest, if QEMU still has it.
 *
 * @throws {HotplugError} `unsupported` if it cannot be removed
 */
function unplugStep(
  facts: Facts,
  { word: kind, ending }: OwnKind,
  { id, title, key }: { id: string; title: string; key: string },
): UnplugStep | undefined {
  const { qemu, own } = facts;
  if (!qemu.deviceIds.has(id)) return undefined;
  refuseFixedBus(facts, { id, title });
  const { runState } = qemu;
  const pending = noteOn(own.record, key)?.pending;
  const asked = pending?.id === id ? { requestedAt: pending.requestedAt } : {};
  const ledger = { uuid: key, kind, note: "pending" } as const;
  const more = { ...asked, ...(ending && { ending: ending(id) }), ledger };
  return { kind: "unplug", id, title, runState, ...more };
}

/** The parts of a removal that depend on the kind. */
export interface Removal<E extends RecordedDevice> {
  readonly kind: OwnKind;
  /** What takes it out of the record: {@linkcode entryRemoval}. */
  readonly change: (chosen: Removable<E>) => RuntimeChange;
  /** The QMP commands that it needs. */
  readonly needs: readonly string[];
  /** The recorded devices from which `word` selects. */
  readonly entries: readonly E[];
  /** The user's word for the device. */
  readonly word: string;
  /**
   * Whether a word can only mean one particular device, now or never again: to
   * remove it when it is not there is no mistake. @default isExactName
   */
  readonly isExact?: (word: string) => boolean;
  /** Refuses a word that is not exact and means nothing, in its own way. */
  readonly checkUnknown?: () => void;
  /**
   * Refuses to report a device without an entry and without an id in QEMU as
   * gone.
   */
  readonly checkGone?: () => void;
  /** Refuses a device that must not be removed. */
  readonly check?: (chosen: Removable<E>) => void;
  /** The steps between the guest and the runtime file. */
  readonly backend: (chosen: Removable<E>) => readonly Step[];
  /** Whether what no entry records goes, too. @default "kept" */
  readonly unrecorded?: Unrecorded | undefined;
  /** The steps for that, between the guest and the record. */
  readonly strayBackend: (id: string) => readonly Step[];
}

/**
 * Plans a removal: first the guest, then QEMU's backend and the host, then the
 * record; the new record is written before the guest is asked.
 *
 * @throws {HotplugError} status 3
 */
export function planRemoval<E extends RecordedDevice>(
  facts: Facts,
  removal: Removal<E>,
): Plan {
  refuseImpossible(facts, removal.needs);
  const { kind, word, unrecorded = "kept", strayBackend } = removal;
  const stray = findStray(facts, kind, word);
  const goes = unrecorded === "forced" ||
    (unrecorded === "leftover" && stray?.has === "backend");
  if (stray !== undefined && goes) {
    const backend = strayBackend(stray.id);
    return planStray(facts, stray, { kind, backend });
  }
  // It was recorded or plugged since: it stays.
  if (unrecorded === "leftover") return nothingTo(facts, word);
  const chosen = chooseRemoval(facts, removal);
  if (!("entry" in chosen)) return chosen;
  removal.check?.(chosen);
  const { stage, commit } = stateSteps(facts, removal.change(chosen));
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
      ...forgetSteps(facts.own, chosen.key),
      commit,
    ],
    turn: unplug,
    ifCut: "finish",
  });
}

/** What takes an entry out of its list. */
export function entryRemoval({ list }: EntryKind) {
  return ({ uuid }: { readonly uuid: string }): RuntimeChange => ({
    change: "delete",
    list,
    uuid,
  });
}

/** The stray with an exact id or a full uuid. */
export function findStray(
  facts: Facts,
  kind: Pick<OwnKind, "word" | "strays">,
  word: string,
): Stray | undefined {
  return straysOfKind(facts, kind).find(({ id }) =>
    id !== "" && (id === word || (isUuid(word) && belongsTo(word, id)))
  );
}

/** What the tool's own record has of it, by its id or the uuid in it. */
function ownSteps(
  facts: Facts,
  { id }: Stray,
  { giveBack }: Pick<Kind, "giveBack">,
): Step[] {
  const { own } = facts;
  const recorded = new Set(facts.recorded.map(keyOf));
  const mine = Object.keys(own.record.devices)
    .filter((key) => !recorded.has(key))
    .filter((key) => key === id || belongsTo(key, id));
  return mine.flatMap((key) => [
    ...giveBack(own, key),
    ...forgetSteps(own, key),
  ]);
}

/** The parts of removing a stray that depend on the kind. */
export interface StrayRemoval {
  /** Also undoes the changes that were made for it. */
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
