/**
 * Changes of disks.
 *
 * @module
 */

import { isControllerWords } from "../device/scsi_controller.ts";
import { toNote } from "../engine/own_facts.ts";
import type { World } from "../engine/world.ts";
import type { NodeFacts } from "../plan/facts.ts";
import type { KindChanges, Planner } from "../plan/kind.ts";
import { planDiskAdd } from "./add.ts";
import { readDiskAddFacts, readSource } from "./add_facts.ts";
import { readDiskAdoption } from "./adopt.ts";
import { withoutPath } from "./by_path.ts";
import { isIothreadWords } from "./iothread.ts";
import { planEmptyDrive, readEmptyDriveFacts } from "./empty_drive.ts";
import { readGroupFacts } from "./limit_group.ts";
import { planDiskSet } from "./limits.ts";
import { planMedium, readMedium, readMediumFacts } from "./medium.ts";
import { KEEP_MEDIUM } from "./medium_nodes.ts";
import { diskMend } from "./mend.ts";
import { planDiskRemove, readDiskRemoveFacts } from "./remove.ts";
import type { DiskRequest } from "./request.ts";
import { planDiskResize, readDiskResizeFacts } from "./resize.ts";
import { isDriveWords } from "./started_words.ts";
import { DISK_STEPS } from "./steps.ts";
import { either } from "../state/value_check.ts";

async function prepare(
  asked: DiskRequest,
  node: NodeFacts,
  world: World,
): Promise<Planner<DiskRequest>> {
  const { qmp } = world;
  const request = await withoutPath(asked, node);
  switch (request.kind) {
    case "disk-add": {
      const source = await readSource(node, request, world);
      return async (facts) => {
        const all = await readDiskAddFacts(facts, request, { source, world });
        return planDiskAdd(request, all);
      };
    }
    case "disk-add-empty":
      return async (facts) => {
        const all = await readEmptyDriveFacts(facts, { request, qmp });
        return planEmptyDrive(request, all);
      };
    case "disk-remove":
      return async (facts) => {
        const all = await readDiskRemoveFacts(facts, world, request);
        return planDiskRemove(request, all);
      };
    case "disk-resize":
      return async (facts) =>
        planDiskResize(request, await readDiskResizeFacts(facts, world));
    case "disk-set":
      return async (facts) =>
        planDiskSet(request, {
          ...facts,
          ...await readGroupFacts(request, qmp),
          own: toNote(facts.own, facts.qemu.process),
        });
    case "disk-set-medium": {
      const source = await readMedium(node, request, world);
      return async (facts) =>
        planMedium(request, await readMediumFacts(facts, source, qmp));
    }
    default:
      return request satisfies never;
  }
}

/** All further parts that changes need. */
export const DISK_CHANGES: KindChanges<DiskRequest> = {
  prepare,
  steps: DISK_STEPS,
  isWords: either(isControllerWords, isIothreadWords, isDriveWords),
  commands: { "blockdev-add": KEEP_MEDIUM },
  adopt: readDiskAdoption,
  mend: diskMend,
  finish: (instance, device) => ({
    kind: "disk-remove",
    instance,
    device,
    bootDisk: "forced",
  }),
};
