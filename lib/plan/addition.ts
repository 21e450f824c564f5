/**
 * Common parts of adding a device of any kind. Pure.
 *
 * @module
 */

import {
  type PciPlace,
  sitsAsRecorded,
  type SlotFacts,
} from "../device/bus_slot.ts";
import { chooseSlot } from "../device/choose_slot.ts";
import {
  deviceId,
  type IdPlace,
  preferredScheme,
  schemeOf,
} from "../device/device_id.ts";
import type { Place } from "../device/hvinfo.ts";
import { rootBus } from "../device/pci_bus.ts";
import { titleOf } from "../device/select.ts";
import type { QmpStep } from "../engine/qmp_steps.ts";
import { type DeviceView, type Plan, planOf } from "../engine/plan.ts";
import type { QmpCommand, Step } from "../engine/verbs.ts";
import { duplicate, HotplugError, type Remark } from "../errors.ts";
import { type DeviceEntry, devicesOf } from "../state/runtime.ts";
import type { CommandChange } from "../state/command_change.ts";
import type { RuntimeChange } from "../state/runtime_change.ts";
import type { Facts } from "./facts.ts";
import type { EntryKind, Kind, KindName } from "./kind.ts";
import { pausedWarning } from "./paused.ts";
import type { Plug } from "./request.ts";
import {
  refuseMachine,
  refusePending,
  refuseTakenId,
  refuseTakenName,
} from "./requirements.ts";
import { command, qmpStep, stateSteps } from "./steps.ts";
import { refuseLeftover } from "./strays.ts";
import { commandLine } from "../state/instance.ts";
import { absentDifference } from "./compare_entry.ts";

/** The recorded device of this uuid, which is in lower case. */
export function findEntry<E extends DeviceEntry>(
  entries: readonly E[],
  uuid: string,
): E | undefined {
  return entries.find((one) => one.uuid?.toLowerCase() === uuid);
}

/**
 * The recorded device with the uuid of a new one.
 *
 * @param entries the entries of the new device's kind
 * @throws {HotplugError} `duplicate` if a device of another kind has it
 */
export function twinOf<E extends DeviceEntry>(
  entries: readonly E[],
  { content }: Pick<Facts, "content">,
  uuid: string,
): E | undefined {
  const twin = findEntry(entries, uuid);
  const other = findEntry(devicesOf(content.runtime), uuid);
  if (twin !== undefined || other === undefined) return twin;
  throw duplicate(`uuid ${uuid} is already used by ${titleOf(other)}`);
}

/** Values by the names of their options; null: there is none. */
export type OptionValues = Readonly<
  Record<string, string | number | null | undefined>
>;

/** A request for a device that is already recorded. */
export interface Again {
  readonly request: Plug;
  /** The requested options of the kind; undefined: not given. */
  readonly asked: OptionValues;
  /** The existing values in the same words; undefined: unknown. */
  readonly there: OptionValues;
  /** The command that changes the device, and the options that it takes. */
  readonly change?: {
    readonly verb: "modify" | "set";
    readonly options: readonly string[];
  };
}

/** The value in a request; a value that a master omits means none. */
export function said<T>(value: T | undefined, { ganeti }: Plug) {
  return value ?? (ganeti === undefined ? undefined : null);
}

/** The options of {@linkcode Plug}. */
function plugOptions(
  { qemu }: Facts,
  request: Plug,
  twin: DeviceEntry,
): Pick<Again, "asked" | "there"> {
  const { uuid: { origin, value }, name, slot, bus, idScheme } = request;
  const live = qemu.pci.find(({ id }) => id === twin.hvinfo.id);
  const isMoved = sitsAsRecorded(twin.hvinfo, live) === false;
  const place = live !== undefined && isMoved
    ? { slot: live.slot, bus: live.behind || rootBus(qemu.machine).name }
    : twin.hvinfo;
  const port = qemu.buses.find((one) =>
    one.kind === "port" && one.name === place.bus
  )?.number;
  return {
    asked: {
      uuid: origin === "given" ? value : undefined,
      name: said(name, request),
      slot,
      bus,
      "id-scheme": idScheme,
    },
    there: {
      uuid: twin.uuid?.toLowerCase(),
      name: twin.name ?? null,
      // A port may be named by its number.
      slot: slot === port ? slot : place.slot,
      bus: place.bus,
      "id-scheme": schemeOf(twin),
    },
  };
}

/** The given options that differ, and a line for each. */
function differing({ asked, there }: Pick<Again, "asked" | "there">) {
  const say = (value: string | number | null = "not known") => value ?? "none";
  return Object.entries(asked).flatMap(([name, value]) => {
    const now = there[name];
    if (value === undefined || value === now) return [];
    const option = name === name.toUpperCase() ? name : `--${name}`;
    const told = `${option} is ${say(now)} (asked: ${say(value)})`;
    return { name, told };
  });
}

/** The ways on from a device that differs in these options. */
function hintFor(
  names: readonly string[],
  change: Again["change"],
  line: (verb: string) => string,
): string {
  const isLive = names.every((name) => change?.options.includes(name));
  const way = change !== undefined && isLive
    ? `to change it, give them to: ${line(change.verb)}`
    : `to add it with these options, first remove it: ${line("remove")}`;
  return `to keep the device as it is, omit these options; ${way}`;
}

/**
 * The plan of adding a recorded device: nothing to do.
 *
 * @throws {HotplugError} `duplicate` if QEMU does not have it, or if it differs
 * from the request; `refused` if it is being removed: the guest would lose it
 * at its next reboot
 */
export function alreadyThere(
  facts: Facts,
  { view }: Pick<Kind, "view">,
  twin: DeviceEntry,
  { request, asked, there, change }: Again,
): Plan {
  const device = view(twin, facts);
  const absent = absentDifference(facts, twin);
  if (absent !== undefined) {
    throw duplicate(absent.message, absent.hint ?? undefined);
  }
  const { id = "" } = twin.hvinfo;
  refusePending(facts, twin);
  const line = (verb: string) =>
    commandLine(facts.paths, twin.kind, verb, facts.paths.name, id);
  const common = plugOptions(facts, request, twin);
  const differs = differing({
    asked: { ...asked, ...common.asked },
    // A kind may know more.
    there: { ...common.there, ...there },
  });
  if (differs.length > 0) {
    throw new HotplugError(
      "duplicate",
      `${titleOf(twin)} (${id}) already exists, but differs: ${
        differs.map(({ told }) => told).join(", ")
      }`,
      {
        hint: hintFor(differs.map(({ name }) => name), change, line),
        device,
      },
    );
  }
  const { name: instance } = facts.paths;
  const title = titleOf(twin);
  return planOf({ action: "add", instance, title, device, steps: [] });
}

/** The facts for the choice of a place. */
export function slotFacts(
  { content, qemu, recorded }: Pick<Facts, "content" | "qemu" | "recorded">,
): SlotFacts {
  return {
    recorded,
    live: qemu.pci,
    buses: qemu.buses,
    reservations: content.runtime.hvparams.pciReservations,
  };
}

/** The id and the place of a new device. */
export interface Identity<P extends Place = PciPlace> {
  /** Device id, not used in QEMU or the file. */
  readonly id: string;
  /** Lower case; from the request. */
  readonly uuid: string;
  /** Unique among the instance's devices of this kind. */
  readonly name?: string | undefined;
  /** Free in QEMU and in the file. */
  readonly place: P;
}

/** In a port every slot is 0: the id has the port's number. */
function idPlaceOf(place: Place): IdPlace {
  return "slot" in place ? { slot: place.port ?? place.slot } : place;
}

/**
 * Chooses the place and id of a new device on PCI.
 *
 * @throws {HotplugError} status 3: no place for it, or its name or id is taken
 */
export function newIdentity(
  facts: Facts,
  kind: EntryKind,
  request: Plug,
): Identity {
  const placeFor = () => {
    refuseMachine(facts);
    return chooseSlot(slotFacts(facts), kind.word, request);
  };
  return identityAt(facts, kind, { request, placeFor });
}

/**
 * Chooses a new device's id.
 *
 * @throws as {@linkcode newIdentity}
 */
export function identityAt<P extends Place>(
  facts: Facts,
  { word, recorded }: EntryKind,
  { request, placeFor }: { request: Plug; placeFor: () => P },
): Identity<P> {
  const { runtime } = facts.content;
  const { uuid: { value: uuid }, name } = request;
  // Two devices of Ganeti may have one name; Ganeti uses uuids.
  if (request.ganeti === undefined) {
    refuseTakenName(recorded(runtime), name);
  }
  const place = placeFor();
  const scheme = request.idScheme ?? preferredScheme(runtime, word);
  const id = deviceId(scheme, word, { uuid, ...idPlaceOf(place) });
  refuseLeftover(facts, id);
  refuseTakenId(facts, id);
  return { id, uuid, name, place };
}

/** Plugs the frontend; its undo needs the guest to release it. */
export function deviceStep(args: QmpCommand["arguments"]): QmpStep {
  return qmpStep("device_add", args, command("device_del", { id: args.id }));
}

/**
 * The change that records a device as an entry of a list.
 *
 * @param entry its JSON text
 * @param words the words of `kvm_cmd` that are added with it. @default none
 */
export function entryChange(
  { list }: EntryKind,
  { uuid }: Pick<Identity<Place>, "uuid">,
  { entry, words }: {
    readonly entry: string;
    readonly words?: CommandChange | undefined;
  },
): RuntimeChange {
  const about = { change: "insert", list, uuid, entry } as const;
  return { ...about, ...(words && { words }) };
}

/** The parts of an addition that depend on the kind. */
export interface Addition {
  readonly kind: KindName;
  /** What records it: {@linkcode entryChange}, or words of `kvm_cmd`. */
  readonly change: RuntimeChange;
  /** The view for the caller; the name of the tap comes later. */
  readonly view: DeviceView;
  /** The steps on host and QEMU, up to the device itself. */
  readonly before: readonly Step[];
  /** Plugs it: {@linkcode deviceStep}. */
  readonly plug: QmpStep;
  /** Later steps, such as its limits. */
  readonly after: readonly Step[];
  /** Looks for it where it was put. @default QEMU's answer is enough */
  readonly verify?: Step;
  /** Warnings that the user accepts with it. */
  readonly warnings: readonly (Remark | undefined)[];
  /** Remarks that are true once it is there. @default none */
  readonly done?: readonly Remark[];
}

/**
 * Plans an addition: the new record is written, the device is plugged and
 * checked, and then the record replaces the old one.
 */
export function planAddition(facts: Facts, addition: Addition): Plan {
  const { kind, view, plug, done } = addition;
  const { stage, commit } = stateSteps(facts, addition.change);
  return planOf({
    action: "add",
    instance: facts.paths.name,
    title: `${kind.title} ${view.index}`,
    device: view,
    kinds: [kind.word],
    steps: [
      stage,
      ...addition.before,
      plug,
      ...addition.after,
      addition.verify,
      commit,
    ],
    turn: plug,
    warnings: [...addition.warnings, pausedWarning(facts)],
    ...(done && { done }),
  });
}
