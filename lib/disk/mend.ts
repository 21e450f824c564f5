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
import { DISK } from "./name.ts";
import {
  planDiskRemove,
  readDiskRemoveFacts,
  strayDiskSteps,
} from "./remove.ts";

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
