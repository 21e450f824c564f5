/**
 * A VM that is paused takes a change, but its guest does not see it yet. Pure.
 *
 * @module
 */

import { type Remark, remark } from "../errors.ts";
import { type InstancePaths, resumeLine } from "../state/instance.ts";
import type { QemuFacts } from "./facts.ts";

/** The warning about it; undefined if the VM is not paused. */
export function pausedWarning(
  { paths, qemu }: {
    readonly paths: Pick<InstancePaths, "name" | "reachedBy">;
    readonly qemu: Pick<QemuFacts, "runState">;
  },
): Remark | undefined {
  if (qemu.runState !== "paused") return undefined;
  return remark(
    "paused",
    "the VM is paused: the guest sees a change when the VM runs again",
    { hint: resumeLine(paths, paths.name) },
  );
}
