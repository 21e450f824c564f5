/**
 * What adding a device of any kind has in common. Pure.
 *
 * @module
 */

import type { PciPlace, SlotFacts } from "../device/bus_slot.ts";
import { chooseSlot } from "../device/choose_slot.ts";
import {
  deviceId,
  type IdPlace,
  preferredScheme,
} from "../device/device_id.ts";
import type { Place } from "../device/hvinfo.ts";
import { titleOf } from "../device/select.ts";
import type { QmpStep } from "../engine/qmp_steps.ts";
import { type Decision, type DeviceView, planOf } from "../engine/plan.ts";
import type { QmpCommand, Step } from "../engine/verbs.ts";
import { duplicate, refuse, type Remark } from "../errors.ts";
import { type DeviceEntry, devicesOf } from "../state/runtime.ts";
import { noteOn } from "../state/own_check.ts";
import type { Facts } from "./facts.ts";
import type { Kind, KindName } from "./kind.ts";
import type { Plug } from "./request.ts";
import {
  refuseMachine,
  refuseTakenId,
  refuseTakenName,
} from "./requirements.ts";
import { command, qmpStep, stateSteps } from "./steps.ts";
import { commandLine } from "../state/instance.ts";

/**
 * The recorded device that has the uuid of a new one.
 *
 * @param entries those of the new one's kind
 * @throws {HotplugError} `duplicate` if one of another kind has it
 */
export function twinOf<E extends DeviceEntry>(
  entries: readonly E[],
  { content }: Pick<Facts, "content">,
  uuid: string,
): E | undefined {
  const hasIt = (one: DeviceEntry) => one.uuid?.toLowerCase() === uuid;
  const twin = entries.find(hasIt);
  const other = devicesOf(content.runtime).find(hasIt);
  if (twin !== undefined || other === undefined) return twin;
  throw duplicate(`uuid ${uuid} is that of ${titleOf(other)}`);
}

/**
 * The decision on adding what the file records already.
 *
 * @throws {HotplugError} `duplicate` if QEMU does not have it; `refused` if it
 * is on its way out: the guest would lose it at its next reboot
 */
export function alreadyThere(
  facts: Facts,
  { view }: Pick<Kind, "view">,
  twin: DeviceEntry,
): Decision {
  const { id } = twin.hvinfo;
  const remove = (word: string) =>
    commandLine(facts.paths, twin.kind, "remove", facts.paths.name, word);
  if (id === undefined || !facts.qemu.deviceIds.has(id)) {
    throw duplicate(
      `${titleOf(twin)} is recorded already, but ${
        id === undefined ? "without a device id" : "QEMU does not have it"
      }`,
      `${
        remove(id ?? twin.uuid ?? String(twin.index))
      } brings the record in line with QEMU`,
    );
  }
  const noted = noteOn(facts.own.record, twin.uuid?.toLowerCase() ?? "");
  if (noted?.pending?.id === id) {
    throw refuse(
      `${
        titleOf(twin)
      } (${id}) is being removed, and the guest has not released it yet`,
      `${remove(id)} waits for the guest; then it can be added again`,
    );
  }
  return {
    kind: "nothing-to-do",
    action: "add",
    instance: facts.paths.name,
    device: view(twin, facts),
    warnings: [],
  };
}

/** What the choice of a place depends on. */
export function slotFacts({ content, qemu }: Facts): SlotFacts {
  const { runtime } = content;
  return {
    recorded: devicesOf(runtime),
    live: qemu.pci,
    buses: qemu.buses,
    reservations: runtime.hvparams.pciReservations,
  };
}

/** Who a new device is and where it goes. */
export interface Identity<P extends Place = PciPlace> {
  /** Device id, taken by nothing in QEMU or the file. */
  readonly id: string;
  /** Lower case; the request's. */
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
  kind: KindName,
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
  { word, list }: KindName,
  { request, placeFor }: { request: Plug; placeFor: () => P },
): Identity<P> {
  const { runtime } = facts.content;
  const { uuid: { value: uuid }, name } = request;
  // Two of Ganeti's devices may have one name; it goes by uuids.
  if (request.ganeti === undefined) {
    refuseTakenName(runtime[list], name);
  }
  const place = placeFor();
  const scheme = request.idScheme ?? preferredScheme(runtime, word);
  const id = deviceId(scheme, word, { uuid, ...idPlaceOf(place) });
  refuseTakenId(facts, id);
  return { id, uuid, name, place };
}

/** Plugs the frontend; the guest has to release it again. */
export function deviceStep(args: QmpCommand["arguments"]): QmpStep {
  return qmpStep("device_add", args, command("device_del", { id: args.id }));
}

/** What is particular to adding a device of one kind. */
export interface Addition {
  /** Decides which list of the runtime file grows. */
  readonly kind: KindName;
  /** From {@linkcode newIdentity} or {@linkcode identityAt}. */
  readonly identity: Identity<Place>;
  /** The entry for the runtime file, as JSON text. */
  readonly entry: string;
  /** Words of `kvm_cmd` that come with it. @default none */
  readonly words?: readonly string[] | undefined;
  /** What the caller is told; the tap's name comes later. */
  readonly view: DeviceView;
  /** The steps on host and QEMU, up to the device itself. */
  readonly before: readonly Step[];
  /** Plugs it: {@linkcode deviceStep}. */
  readonly plug: QmpStep;
  /** What follows, such as its limits. */
  readonly after: readonly Step[];
  /** Looks for it where it was put. */
  readonly verify: Step;
  /** What the user accepts with it. */
  readonly warnings: readonly Remark[];
}

/**
 * Plans an addition: the new record is written, the device plugged and looked
 * for, and then the record takes the old one's place.
 */
export function planAddition(facts: Facts, addition: Addition): Decision {
  const { kind, identity: { uuid }, view, words, plug } = addition;
  const { stage, commit } = stateSteps(facts, {
    change: "insert",
    list: kind.list,
    uuid,
    entry: addition.entry,
    ...(words && { words }),
  });
  return {
    kind: "plan",
    plan: planOf({
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
      warnings: addition.warnings,
    }),
  };
}
