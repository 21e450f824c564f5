/**
 * The iothread of a disk that a master adds: hvparam `virtio_disk_iothreads` of
 * the next Ganeti (SPEC 13). Pure.
 *
 * @module
 */

import type { Properties } from "../device/hvinfo.ts";
import { type Remark, remark } from "../errors.ts";
import { findDriver } from "../device/disk_driver.ts";
import { VIRTIO_BLK } from "../device/disk_settings.ts";
import type { Facts } from "../plan/facts.ts";
import { refuseMissingCommands } from "../plan/requirements.ts";
import { command, qmpStep } from "../plan/steps.ts";
import type { QmpStep } from "../engine/qmp_steps.ts";
import type { CommandChange } from "../state/command_change.ts";
import { hasObject } from "../state/fixed_command.ts";
import { qemuId } from "../state/value_check.ts";
import type { DiskAdd } from "./request.ts";

/** The one that is made where a VM has none. */
const FIRST = "iothread0";

/** How many iothreads the disks share: none with threads of their own. */
export function iothreadsFor(
  { content }: Pick<Facts, "content">,
  { ganeti, driver, settings, iothread }: DiskAdd,
): number {
  const { diskIothreads, diskType, diskAio } = content.runtime.hvparams;
  const isFollowed = ganeti !== undefined && iothread === undefined &&
    findDriver(driver ?? diskType) === VIRTIO_BLK &&
    (settings.aio ?? diskAio) !== "threads";
  return isFollowed ? diskIothreads : 0;
}

/** An iothread, and what makes it. */
export interface ChosenIothread {
  readonly iothread?: string | undefined;
  /** Of `kvm_cmd`: every start has to have it. */
  readonly words?: CommandChange;
  readonly steps: readonly QmpStep[];
}

/** Chooses one: in turn, or a new one if there is none. */
export function chooseIothread(
  facts: Facts & { readonly iothreads: ReadonlySet<string> },
  request: DiskAdd,
): ChosenIothread {
  const count = iothreadsFor(facts, request);
  if (count < 1) return { iothread: request.iothread, steps: [] };
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
 * What the entry has for each start: Ganeti gives every key of hvinfo to QEMU.
 * An iothread that no start makes is left out, as a target does without; so is
 * one where a start chooses one itself.
 */
export function propertiesFor(
  { content }: Pick<Facts, "content">,
  { settings: { queues }, iothread }: Pick<DiskAdd, "settings" | "iothread">,
): Properties {
  const { kvmCmd, hvparams } = content.runtime;
  const isKept = iothread !== undefined &&
    hasObject(kvmCmd, { type: "iothread", id: iothread }) &&
    hvparams.diskIothreads < 1;
  return {
    ...(queues === undefined ? {} : { "num-queues": queues }),
    ...(isKept ? { iothread } : {}),
  };
}

/** Ganeti makes hvinfo anew when it starts a VM that was stopped: SPEC 13. */
export function untilStop(properties: Properties): Remark | undefined {
  const all = Object.entries(properties).map((pair) => pair.join(" "));
  if (all.length === 0) return undefined;
  return remark(
    "until-stop",
    `Ganeti's stop and start makes the disk without ${
      all.join(", ")
    }; a migration and a reboot keep it`,
  );
}

/** Whether a value that was read back is words of {@linkcode ChosenIothread}. */
export function isIothreadWords(value: unknown): value is readonly string[] {
  if (!Array.isArray(value) || value.length !== 2) return false;
  const [option, text] = value;
  return option === "-object" && typeof text === "string" &&
    text.startsWith("iothread,id=") && qemuId(text.slice(12));
}
