/**
 * Plans to remove disks. Pure.
 *
 * @module
 */

import { refuse } from "../errors.ts";
import type { DiskEntry } from "../state/runtime.ts";
import type { Facts } from "./facts.ts";
import type { Decision } from "./plan.ts";
import {
  chooseRemoval,
  qmpStep,
  refuseImpossible,
  stateSteps,
  unplugSteps,
} from "./plan_common.ts";
import type { DiskRemove } from "./request.ts";
import type { AwaitReleaseStep, Step } from "./step.ts";
import { recordedView } from "./view.ts";

const REMOVE_COMMANDS = ["device_del", "blockdev-del"];

/** The disk's node: named as the device, or nothing of the kind is left. */
function backendSteps(facts: Facts, id: string): Step[] {
  if (!facts.qemu.nodeNames.has(id)) return [];
  return [qmpStep("blockdev-del", { "node-name": id }, null)];
}

function releaseSteps(facts: Facts, index: number): AwaitReleaseStep[] {
  const identity = facts.diskIdentities[index];
  const pid = facts.qemu.process?.pid;
  if (identity === undefined || pid === undefined) return [];
  return [{ kind: "await-release", pid, identity }];
}

function refuseBootDisk(
  facts: Facts,
  { entry, id, title }: { entry: DiskEntry; id: string; title: string },
) {
  const { hvparams } = facts.content.runtime;
  const started = facts.qemu.process?.argv.some((word) =>
    word.split(/[,="{}\s]+/).includes(id)
  );
  const boots = entry.index === 0 && hvparams.bootOrder === "disk" && started;
  if (!boots) return;
  throw refuse(
    `Cannot remove ${title}: it is the disk the VM was started from`,
    "--force removes it all the same",
  );
}

/**
 * Plans to remove a disk: the guest first, then QEMU's node, then the record.
 *
 * @throws {HotplugError} status 3
 */
export function planDiskRemove(request: DiskRemove, facts: Facts): Decision {
  refuseImpossible(facts, REMOVE_COMMANDS);
  const chosen = chooseRemoval(facts, {
    kind: "disk",
    entries: facts.content.runtime.disks,
    word: request.device,
  });
  if ("kind" in chosen) return chosen;
  const { entry, uuid, id, title } = chosen;
  if (request.bootDisk === "kept") refuseBootDisk(facts, chosen);
  const { stage, commit } = stateSteps(facts, {
    change: "delete",
    list: "disks",
    uuid,
  });
  return {
    kind: "plan",
    plan: {
      action: "remove",
      instance: facts.paths.name,
      title,
      device: recordedView(entry, facts),
      steps: [
        stage,
        ...unplugSteps(facts, chosen),
        ...backendSteps(facts, id),
        ...releaseSteps(facts, entry.index),
        commit,
      ],
      warnings: [],
    },
  };
}
