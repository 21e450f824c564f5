/**
 * Plans to remove disks. Pure.
 *
 * @module
 */

import { refuse } from "../errors.ts";
import type { DiskEntry } from "../state/runtime.ts";
import type { Facts } from "./facts.ts";
import type { Decision } from "./plan.ts";
import { qmpStep } from "./plan_common.ts";
import { planRemoval } from "./plan_removal.ts";
import type { DiskRemove } from "./request.ts";
import type { AwaitReleaseStep, Step } from "./step.ts";

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
 * Plans to remove a disk.
 *
 * @throws {HotplugError} status 3
 */
export function planDiskRemove(request: DiskRemove, facts: Facts): Decision {
  return planRemoval(facts, {
    kind: "disk",
    entries: facts.content.runtime.disks,
    word: request.device,
    commands: ["blockdev-del"],
    check: (chosen) => {
      if (request.bootDisk === "kept") refuseBootDisk(facts, chosen);
    },
    backend: ({ id, entry }) => [
      ...backendSteps(facts, id),
      ...releaseSteps(facts, entry.index),
    ],
  });
}
