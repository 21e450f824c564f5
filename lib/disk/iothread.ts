/**
 * The iothread of a disk that a master adds: hvparam `virtio_disk_iothreads` of
 * the next Ganeti (SPEC 13). Pure.
 *
 * @module
 */

import { findDriver } from "../device/disk_driver.ts";
import { VIRTIO_BLK } from "../device/disk_settings.ts";
import type { Facts } from "../plan/facts.ts";
import { refuseMissingCommands } from "../plan/requirements.ts";
import { command, qmpStep } from "../plan/steps.ts";
import type { QmpStep } from "../engine/qmp_steps.ts";
import type { CommandChange } from "../state/command_change.ts";
import { qemuId } from "../state/value_check.ts";
import type { DiskAdd } from "./request.ts";

/** The new iothread if a VM has none. */
const FIRST = "iothread0";

/**
 * The number of iothreads that the disks share: none if disks have threads of
 * their own.
 */
export function iothreadsFor(
  { content }: Pick<Facts, "content">,
  { ganeti, driver, settings, properties }: DiskAdd,
): number {
  const { diskIothreads, diskType, diskAio } = content.runtime.hvparams;
  const isFollowed = ganeti !== undefined &&
    properties?.iothread === undefined &&
    findDriver(driver ?? diskType) === VIRTIO_BLK &&
    (settings.aio ?? diskAio) !== "threads";
  return isFollowed ? diskIothreads : 0;
}

/** An iothread, and the words that make it. */
export interface ChosenIothread {
  readonly iothread?: string | undefined;
  /** Words of `kvm_cmd`: every start must have it. */
  readonly words?: CommandChange;
  readonly steps: readonly QmpStep[];
}

/** Chooses one: in turn, or a new one if there is none. */
export function chooseIothread(
  facts: Facts & { readonly iothreads: ReadonlySet<string> },
  request: DiskAdd,
): ChosenIothread {
  const count = iothreadsFor(facts, request);
  if (count < 1) {
    const { iothread } = request.properties ?? {};
    return iothread === undefined
      ? { steps: [] }
      : { iothread: String(iothread), steps: [] };
  }
  // `iothread10` comes behind `iothread2`.
  const there = [...facts.iothreads].sort((a, b) =>
    a.localeCompare(b, "en", { numeric: true })
  );
  const turn = facts.content.runtime.disks.length % there.length;
  if (there.length > 0) return { iothread: there[turn], steps: [] };
  refuseMissingCommands(facts.qemu, ["object-add", "object-del"]);
  const undo = command("object-del", { id: FIRST });
  return {
    iothread: FIRST,
    words: { title: "iothread", put: ["-object", `iothread,id=${FIRST}`] },
    steps: [
      qmpStep("object-add", { "qom-type": "iothread", id: FIRST }, undo),
    ],
  };
}

/**
 * Whether a value that was read back has the words of
 * {@linkcode ChosenIothread}.
 */
export function isIothreadWords(value: unknown): value is readonly string[] {
  if (!Array.isArray(value) || value.length !== 2) return false;
  const [option, text] = value;
  return option === "-object" && typeof text === "string" &&
    text.startsWith("iothread,id=") && qemuId(text.slice(12));
}
