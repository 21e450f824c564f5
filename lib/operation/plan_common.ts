/**
 * What plans of disks and of NICs have in common.
 *
 * @module
 */

import { basename } from "@std/path";
import {
  findDevice,
  isExactName,
  isUuid,
  noSuchDevice,
  titleOf,
} from "../device/select.ts";
import { deviceId } from "../device/device_id.ts";
import { duplicate, HotplugError, refuse } from "../errors.ts";
import { inverse, type RuntimeChange } from "../state/runtime_change.ts";
import type { DeviceEntry } from "../state/runtime.ts";
import type { Facts } from "./facts.ts";
import type { Decision } from "./plan.ts";
import { refuseMissingCommands, refuseRunState } from "./refusals.ts";
import { recordedView } from "./view.ts";
import type {
  CommitStateStep,
  QmpCommand,
  StageStateStep,
  UnplugStep,
} from "./step.ts";

/** The two steps of a change of the runtime file: stage first, commit last. */
export function stateSteps(
  facts: Facts,
  change: RuntimeChange,
): { stage: StageStateStep; commit: CommitStateStep } {
  const path = facts.paths.runtime;
  const temporary = `${basename(path)}${facts.nonce}.new`;
  const back = inverse(change, facts.content.runtime);
  return {
    stage: { kind: "stage-state", path, temporary, change },
    commit: { kind: "commit-state", path, temporary, change, inverse: back },
  };
}

/** A QMP command with the command that takes it back. */
export function qmpStep(
  execute: string,
  args: QmpCommand["arguments"],
  undo: QmpCommand | null,
) {
  return { kind: "qmp" as const, execute, arguments: args, undo };
}

/** A QMP command without return. */
export function command(
  execute: string,
  args: QmpCommand["arguments"],
): QmpCommand {
  return { execute, arguments: args };
}

/**
 * The decision on adding what the file records already.
 *
 * @throws {HotplugError} `duplicate` if QEMU does not have it
 */
export function alreadyThere(facts: Facts, twin: DeviceEntry): Decision {
  const { id } = twin.hvinfo;
  if (id === undefined || !facts.qemu.deviceIds.has(id)) {
    throw duplicate(
      `${titleOf(twin)} is recorded already, but ${
        id === undefined ? "without a device id" : "QEMU does not have it"
      }`,
      `${twin.kind} remove ${facts.paths.name} ${
        twin.uuid ?? twin.index
      } brings the record in line with QEMU`,
    );
  }
  return {
    kind: "nothing-to-do",
    action: "add",
    instance: facts.paths.name,
    device: recordedView(twin, facts),
    warnings: [],
  };
}

/** A device that can be unplugged: it has a uuid and an id. */
export type Removable<E extends DeviceEntry> = {
  readonly entry: E;
  readonly uuid: string;
  readonly id: string;
  readonly title: string;
};

function removable<E extends DeviceEntry>(entry: E): Removable<E> {
  const { uuid, hvinfo: { id } } = entry;
  const title = titleOf(entry);
  if (uuid === undefined || id === undefined) {
    throw new HotplugError(
      "unsupported",
      `Cannot remove ${title}: the runtime file gives it no ${
        uuid === undefined ? "uuid" : "device id"
      }, so nothing proves which device of QEMU it is`,
      { hint: "it was not made for hotplug when the instance was started" },
    );
  }
  return { entry, uuid, id, title };
}

/** What QEMU has of a device that the file does not record. */
function unrecorded(facts: Facts, kind: "disk" | "nic", word: string) {
  const { deviceIds, nodeNames, netdevs } = facts.qemu;
  const ids = [...deviceIds, ...nodeNames, ...netdevs.keys()];
  if (!isUuid(word)) return ids.find((id) => id === word);
  const uuid = word.toLowerCase();
  const ganeti = deviceId("ganeti", kind, { uuid, slot: 0 });
  const design = `${kind}-${uuid.slice(0, 8)}-pci-`;
  return ids.find((id) =>
    id === ganeti || id.startsWith(design) || id.startsWith(`hot${design}`)
  );
}

/**
 * The device to remove, or the decision that there is nothing to remove.
 *
 * @throws {HotplugError} `no-such-device` | `ambiguous-device` | `unsupported`
 */
export function chooseRemoval<E extends DeviceEntry>(
  facts: Facts,
  { kind, entries, word }: {
    kind: "disk" | "nic";
    entries: readonly E[];
    word: string;
  },
): Removable<E> | Decision {
  const entry = findDevice(entries, word);
  if (entry !== undefined) return removable(entry);
  if (!isExactName(word)) throw noSuchDevice(entries, word);
  const left = unrecorded(facts, kind, word);
  if (left !== undefined) {
    throw refuse(
      `QEMU has ${left}, but the runtime file does not record it: nothing proves whose it is`,
      "it was added by hand, or something interrupted left it",
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

/** The step that takes a device out of the guest, if QEMU still has it. */
export function unplugSteps(
  facts: Facts,
  { id, title }: { id: string; title: string },
): UnplugStep[] {
  if (!facts.qemu.deviceIds.has(id)) return [];
  return [{ kind: "unplug", id, title, runState: facts.qemu.runState }];
}

/** What must hold for every operation. */
export function refuseImpossible(
  facts: Facts,
  commands: readonly string[],
): void {
  refuseRunState(facts.qemu);
  refuseMissingCommands(facts.qemu, commands);
}
