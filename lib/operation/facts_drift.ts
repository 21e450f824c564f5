/**
 * What this node has behind the links of recorded disks.
 *
 * @module
 */

import { identityAt } from "../host/identity.ts";
import { openIdentities, type QemuProcess } from "../host/process.ts";
import { logicalPaths } from "../state/logical_id.ts";
import type { DiskEntry } from "../state/runtime.ts";
import type { DriftFacts, LinkFacts } from "./drift.ts";

function linkFacts(disk: DiskEntry): LinkFacts {
  return {
    leadsTo: disk.link === null ? undefined : identityAt(disk.link),
    named: logicalPaths(disk).flatMap((path) => {
      const identity = identityAt(path);
      return identity === undefined ? [] : [{ path, identity }];
    }),
  };
}

/** Looks where the links lead and what QEMU has open; opens nothing. */
export function readDriftFacts(
  disks: readonly DiskEntry[],
  process: QemuProcess | undefined,
): DriftFacts {
  return {
    links: disks.map(linkFacts),
    open: process === undefined ? undefined : openIdentities(process.pid),
  };
}
