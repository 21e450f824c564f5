/**
 * Links that have drifted from their disks. Ganeti numbers a link when it plugs
 * the disk and never again, but makes links by the order of the configuration.
 * A start or migration from such a file opens other disks than the VM has, or
 * swaps two of them (SPEC 10.1, item 1). Pure.
 *
 * @module
 */

import { isEmptied } from "../device/backend.ts";
import { nameOfEntry, titleOf } from "../device/select.ts";
import {
  identitiesAt,
  identityOf,
  type Lead,
  leadOf,
} from "../host/identity.ts";
import type { OpenFile } from "../host/process.ts";
import type { Difference } from "../plan/difference.ts";
import type { BlockBackend } from "../qmp/commands.ts";
import { logicalPaths } from "../state/logical_id.ts";
import type { DiskEntry } from "../state/runtime.ts";
import { shellWord } from "../state/shell_word.ts";

/** A path that leads to a file or device. */
export interface NamedDisk {
  readonly path: string;
  /** `identityOf` */
  readonly identity: string;
}

/** Facts about one recorded disk, beside its entry. */
export interface LinkFacts {
  /** The target of its link; undefined if it has none. */
  readonly lead: Lead | undefined;
  /**
   * The files of its `logical_id` on this node: more than one only for DRBD,
   * none for kinds that get their name when attached.
   */
  readonly named: readonly NamedDisk[];
}

/** The facts in which drift is found. */
export interface DriftFacts {
  readonly links: readonly LinkFacts[];
  /** All open files of QEMU; undefined if its process cannot be seen. */
  readonly open: ReadonlySet<string> | undefined;
  /** QEMU's pid, if it can be seen. */
  readonly pid?: number | undefined;
}

/** Ganeti's own request corrects all links at once. */
const BY_REQUEST =
  "do not migrate or restart the VM now; the next hotplug by Ganeti (hotplug_device with disks_info) corrects the links";

/** The hint for a disk that is not at its own path any more. */
function putBack({ pid }: DriftFacts, path: string): string {
  const where = pid === undefined ? "" : ` (ls -l /proc/${pid}/fd shows it)`;
  return `its source was moved, replaced or removed: before you migrate or restart the VM, put the file or device that QEMU has open${where} back at ${
    shellWord(path)
  }`;
}

/**
 * The open file of QEMU for a disk, if it is proven: its `logical_id` names
 * exactly one file that QEMU has open.
 */
export function provenOpen(
  { links, open }: DriftFacts,
  index: number,
): NamedDisk | undefined {
  const named = links[index]?.named ?? [];
  const [held, ...others] = named.filter((one) => open?.has(one.identity));
  return others.length === 0 ? held : undefined;
}

/** The drift of a disk's link; undefined: none. */
function driftOf(
  disk: DiskEntry,
  facts: DriftFacts,
  { disks, block }: {
    readonly disks: readonly DiskEntry[];
    readonly block: readonly BlockBackend[];
  },
): Difference | undefined {
  const { link, index } = disk;
  if (link === null) return undefined;
  const { links, open } = facts;
  const { lead, named = [] } = links[index] ?? {};
  const leadsTo = lead?.identity;
  const [right] = named;
  const [path] = logicalPaths(disk);
  const back = path === undefined ? BY_REQUEST : putBack(facts, path);
  const drift = (
    kind: string,
    what: string,
    hint = right === undefined
      ? back
      : `ln -sfn ${shellWord(right.path)} ${shellWord(link)}`,
  ): Difference => ({
    code: `link-${kind}`,
    device: nameOfEntry(disk),
    message: `The link ${link} of ${titleOf(disk)} leads ${what}`,
    hint,
  });
  const other = disks.find((one) =>
    one.index !== index && one.link !== null &&
    (one.link === link ||
      (leadsTo !== undefined && links[one.index]?.lead?.identity === leadsTo))
  );
  if (other !== undefined) {
    const what = `to the same disk as the link of ${titleOf(other)}`;
    return drift("shared", what, BY_REQUEST);
  }
  if (lead?.fault !== undefined) {
    const what = `to a file or device that does not answer: ${lead.fault}`;
    return drift("silent", what, "check its file system or device");
  }
  if (leadsTo === undefined) return drift("leads-nowhere", "nowhere");
  if (right && named.every(({ identity }) => identity !== leadsTo)) {
    return drift("other-disk", `to another disk than ${right.path}`);
  }
  // For an empty drive QEMU has nothing open.
  if (open?.has(leadsTo) !== false || isEmptied(disk, block)) return undefined;
  return drift(
    "not-open",
    "to a file or device that QEMU does not have open",
    back,
  );
}

/** Every drifted link, in the order of the disks. */
export function findDrift(
  disks: readonly DiskEntry[],
  facts: DriftFacts,
  block: readonly BlockBackend[],
): Difference[] {
  return disks.flatMap((disk) => driftOf(disk, facts, { disks, block }) ?? []);
}

async function linkFacts(disk: DiskEntry): Promise<LinkFacts> {
  const { link } = disk;
  const paths = logicalPaths(disk);
  const [lead, identities] = await Promise.all([
    link === null ? undefined : leadOf(link),
    identitiesAt(paths),
  ]);
  return {
    lead,
    named: paths.flatMap((path, i) => {
      const identity = identities[i];
      return identity === undefined ? [] : [{ path, identity }];
    }),
  };
}

/**
 * Reads the targets of the links; opens nothing.
 *
 * @param openFiles the open files of QEMU, empty if its process cannot be seen
 */
export async function readDriftFacts(
  disks: readonly DiskEntry[],
  openFiles: readonly OpenFile[] = [],
): Promise<DriftFacts> {
  return {
    links: await Promise.all(disks.map(linkFacts)),
    // Every process has open files; an empty list means that we may not look.
    open: openFiles.length === 0
      ? undefined
      : new Set(openFiles.map(({ status }) => identityOf(status))),
    pid: openFiles[0]?.pid,
  };
}
