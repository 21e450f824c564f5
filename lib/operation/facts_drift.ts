/**
 * What this node has behind the links of recorded disks.
 *
 * @module
 */

import { isEmptied } from "../device/backend.ts";
import { identityAt } from "../host/identity.ts";
import { openIdentities, type QemuProcess } from "../host/process.ts";
import type { BlockBackend } from "../qmp/commands.ts";
import { logicalPaths } from "../state/logical_id.ts";
import type { DiskEntry } from "../state/runtime.ts";
import type { DriftFacts, LinkFacts } from "../disk/drift.ts";

/** Who has the disks open. */
export interface DriftQemu {
  /** Undefined if it cannot be seen. */
  readonly process: QemuProcess | undefined;
  /** Of query-block; undefined: QEMU was not asked. */
  readonly block?: readonly BlockBackend[] | undefined;
}

function linkFacts(disk: DiskEntry, { block }: DriftQemu): LinkFacts {
  return {
    ...(isEmptied(disk, block) ? { medium: "out" } : {}),
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
  qemu: DriftQemu,
): DriftFacts {
  const { process } = qemu;
  return {
    links: disks.map((disk) => linkFacts(disk, qemu)),
    open: process === undefined ? undefined : openIdentities(process.pid),
  };
}
