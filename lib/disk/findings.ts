/**
 * Ways to disks that are gone, where QEMU still has the disk open. Pure.
 *
 * @module
 */

import type { Facts } from "../plan/facts.ts";
import { type Finding, repairPlan } from "../plan/finding.ts";
import { forgetSteps } from "../plan/give_back.ts";
import { stillOpen } from "../host/still_open.ts";

/** The disk was plugged again: that one's record gives it back, too. */
function isPassedOn(
  { own: { record }, content }: Facts,
  uuid: string,
): boolean {
  const { disks } = content.runtime;
  const mine = record.devices[uuid]?.access;
  return disks.some((disk) => {
    const key = disk.uuid?.toLowerCase() ?? "";
    const access = record.devices[key]?.access;
    return access?.way === "chown" && mine?.way === "chown" &&
      access.inode === mine.inode && access.from === mine.from;
  });
}

/** What is to be told of them; what another record has is forgotten. */
export function openFindings(
  facts: Facts,
  uuids: readonly string[],
): Finding[] {
  const { own, paths } = facts;
  return uuids.flatMap((uuid): Finding[] => {
    const access = own.record.devices[uuid]?.access;
    if (access === undefined) return [];
    if (!isPassedOn(facts, uuid)) return [stillOpen(access)];
    const steps = forgetSteps(own, uuid).map(({ holder: _, ...step }) => step);
    return [{
      what: `${uuid} is in the tool's own record, and was plugged anew`,
      did: "forgot it",
      plan: repairPlan(paths.name, `what is noted of ${uuid}`, steps),
    }];
  });
}
