/**
 * Repairs of differences of disks.
 *
 * @module
 */

import type { Plan } from "../engine/plan.ts";
import type { World } from "../engine/world.ts";
import { giveBackPlan, repairPlan } from "../plan/finding.ts";
import type { Difference, WholeFacts } from "../plan/difference.ts";
import { forgetSteps } from "../plan/give_back.ts";
import { planStray } from "../plan/removal.ts";
import { straysOf } from "../plan/strays.ts";
import { titleOf } from "../device/select.ts";
import { mediumState, readStartedMedia } from "./started_medium.ts";
import { mediumRecord } from "./started_words.ts";
import { DISK } from "./name.ts";
import {
  planDiskRemove,
  readDiskRemoveFacts,
  strayDiskSteps,
} from "./remove.ts";

/** Records the medium that QEMU has in a drive that the VM was started with. */
async function recordMedium(
  facts: WholeFacts,
  id: string,
): Promise<Plan | undefined> {
  const { qemu, content: { runtime }, openFiles } = facts;
  const media = await readStartedMedia({ qemu, runtime }, openFiles);
  const found = media.find(({ drive }) => drive.hvinfo.id === id);
  if (found === undefined || mediumState(found) !== "other") return undefined;
  const { drive, live, there } = found;
  const medium = live?.nodeName === "" ? null : there;
  if (medium === undefined) return undefined;
  const { stage, commit } = mediumRecord(facts, drive, medium);
  return repairPlan(facts.paths.name, `the medium of ${titleOf(drive)}`, {
    kinds: [DISK.word],
    steps: [stage, commit],
  });
}

/**
 * The plan that repairs one of them.
 *
 * @throws {HotplugError} if it cannot be repaired
 */
export async function diskMend(
  facts: WholeFacts,
  { device, mend }: Difference,
  world: Pick<World, "qmp">,
): Promise<Plan | undefined> {
  const { paths, own } = facts;
  const { word, subject = "" } = mend ?? {};
  switch (word) {
    case "remove":
      return planDiskRemove({
        kind: "disk-remove",
        instance: paths.name,
        device: device?.uuid ?? device?.id ?? "",
        bootDisk: "forced",
      }, await readDiskRemoveFacts(facts, world));
    case "orphan-node": {
      const stray = straysOf(facts.qemu, facts.content.runtime)
        .find(({ id, has }) => id === subject && has === "backend");
      const whole = await readDiskRemoveFacts(facts, world);
      const backend = strayDiskSteps(whole, subject);
      return stray && planStray(facts, stray, { kind: DISK, backend });
    }
    case "medium":
      return await recordMedium(facts, device?.id ?? "");
    case "give-back":
      return giveBackPlan(facts, subject, DISK);
    case "forget": {
      const steps = forgetSteps(own, subject)
        .map(({ holder: _, ...step }) => step);
      const kinds = [DISK.word];
      const title = `the record of ${subject}`;
      return repairPlan(paths.name, title, { kinds, steps });
    }
  }
  return undefined;
}
