/**
 * Plans to change a plugged disk in place. Pure.
 *
 * @module
 */

import { backendOf } from "../device/backend.ts";
import type { ProcessIdentity } from "../host/process_identity.ts";
import { isLimited, sameLimits } from "../qmp/io_limits.ts";
import type { Facts } from "../plan/facts.ts";
import type { Decision } from "../engine/plan.ts";
import { chooseDisk, notInQemu, refuseEmpty } from "../disk/chosen.ts";
import { changedLimits, noteLimits } from "../disk/limits.ts";
import {
  refuseImpossible,
  refuseMissingCommands,
} from "../plan/requirements.ts";
import type { DiskSet } from "./request.ts";
import type { Step } from "./step.ts";

/** What changing a disk depends on. */
export interface DiskSetFacts extends Facts {
  /** Who runs now; null if that cannot be told. */
  readonly who: ProcessIdentity | null;
}

/**
 * Plans to change a disk.
 *
 * @throws {HotplugError} status 3
 */
export function planDiskSet(request: DiskSet, facts: DiskSetFacts): Decision {
  refuseImpossible(facts, "disk-set");
  refuseMissingCommands(facts.qemu, ["block_set_io_throttle"]);
  const { device, limits: change = {} } = request;
  const chosen = chooseDisk(facts, { device, verb: "change" });
  refuseEmpty(facts, chosen, "limit");
  const { id, uuid, title } = chosen;
  const backend = backendOf(facts.qemu.block, id);
  if (backend === undefined || backend.qdev === "") {
    throw notInQemu(facts, chosen);
  }
  const { limits: before = {}, qdev } = backend;
  const limits = changedLimits(before, change);
  const note = { uuid, who: facts.who, before: [] };
  const steps: Step[] = [
    ...noteLimits(facts.own, limits, note),
    ...(sameLimits(before, limits)
      ? []
      : [{ kind: "limit-disk", id, qdev, limits, before } as const]),
  ];
  const { limits: _, ...rest } = chosen.view;
  const about = {
    action: "set",
    instance: facts.paths.name,
    device: isLimited(limits) ? { ...chosen.view, limits } : rest,
    warnings: [],
  } as const;
  return steps.length === 0
    ? { kind: "nothing-to-do", ...about }
    : { kind: "plan", plan: { ...about, title, steps } };
}
