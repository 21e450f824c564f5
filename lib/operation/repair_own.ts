/**
 * What repair makes of a record of ours that cannot be used: nothing else can
 * be told before a person has looked at it.
 *
 * @module
 */

import { HotplugError } from "../errors.ts";
import type { InstancePaths } from "../state/instance.ts";
import { readOwnRecord } from "../state/own_record.ts";
import { shellWord } from "../state/shell_word.ts";
import type { Remaining } from "./repair_outcome.ts";

/**
 * Why an instance's own record cannot be used, and what opens the way again;
 * undefined if it can. It is not removed by itself: it may be all that tells
 * whom a disk belonged to before.
 */
export function ownRecordFault(paths: InstancePaths): Remaining | undefined {
  try {
    readOwnRecord(paths);
    return undefined;
  } catch (error) {
    const damaged = error instanceof HotplugError &&
      error.code === "bad-state-file";
    if (!damaged) throw error;
    const path = `${paths.runDir}/kvm-hotplug/${paths.lockKey}.json`;
    return {
      what:
        `${error.message}; look who made it, then remove it: limits and pending removals noted there are lost, and owners and nodes changed for disks (disk add --via chown, mknod) are to be given back by hand`,
      hint: `rm -r ${shellWord(path)}`,
    };
  }
}
