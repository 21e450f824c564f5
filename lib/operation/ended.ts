/**
 * A QEMU that ended in the middle of an operation: nothing of it is in use any
 * more, so what was made for it on this node is put in order at once.
 *
 * @module
 */

import { HotplugError, messageOf } from "../errors.ts";
import {
  lookForProcess,
  type ProcessIdentity,
} from "../host/process_identity.ts";
import type { InstancePaths } from "../state/instance.ts";
import type { Plan } from "../engine/plan.ts";
import { recover } from "../engine/recover.ts";
import type { RecoverOptions } from "../engine/recover_world.ts";
import type { World } from "../engine/world.ts";

/** An operation that failed and left something over. */
export interface Cut {
  /** What was to be done; its journal is there. */
  readonly plan: Plan;
  /** Why it was not. */
  readonly error: HotplugError;
  /** For whom. */
  readonly qemu: ProcessIdentity;
}

/**
 * Puts in order what an operation left, if QEMU has ended.
 *
 * @returns `finished` if all that was left to do needed no QEMU; the error that
 * is true then; or the error as it was if QEMU still runs, or anything is left
 */
export async function settleIfEnded(
  { plan, error, qemu }: Cut,
  { paths, world, options }: {
    readonly paths: InstancePaths;
    readonly world: World;
    readonly options: RecoverOptions;
  },
): Promise<"finished" | HotplugError> {
  try {
    if (lookForProcess(qemu) === "same") return error;
    const recovery = await recover(paths, options);
    world.leftAlone.push(...recovery?.leftAlone ?? []);
    if (recovery?.course === "finish") return "finished";
  } catch {
    return error;
  }
  const why = error.cause === undefined ? error : error.cause;
  return new HotplugError(
    "not-running",
    `Cannot ${plan.action} ${plan.title}: QEMU (pid ${qemu.pid}) has ended: ${
      messageOf(why)
    }`,
    { cause: error, hint: "what had been done on this node was undone" },
  );
}
