/**
 * Links that have drifted from the disks that record them. Ganeti numbers a
 * link when it plugs the disk and never again, but makes links by the order of
 * the configuration: a start or migration from such a file opens other disks
 * than the VM has, or two that are swapped (SPEC 10.1, item 1). Pure.
 *
 * @module
 */

import { isEmptied } from "../device/backend.ts";
import { titleOf } from "../device/select.ts";
import type { Remaining } from "../errors.ts";
import { identitiesAt, identityOf, leadOf } from "../host/identity.ts";
import type { OpenFile } from "../host/process.ts";
import type { BlockBackend } from "../qmp/commands.ts";
import { logicalPaths } from "../state/logical_id.ts";
import type { DiskEntry } from "../state/runtime.ts";
import { shellWord } from "../state/shell_word.ts";

/** What can be known of one recorded disk, besides its entry. */
export interface LinkFacts {
  /** What its link leads to: `identityOf`; undefined if nowhere. */
  readonly leadsTo: string | undefined;
  /** Why that cannot be told: what lies there does not answer. */
  readonly fault?: string;
  /**
   * What its `logical_id` names, as far as it is on this node: more than one
   * only for DRBD, none for kinds that get their name when attached.
   */
  readonly named: readonly {
    readonly path: string;
    readonly identity: string;
  }[];
  /** `out`: its drive is empty, so that QEMU has nothing open for it. */
  readonly medium?: "out";
}

/** What drift is found in. */
export interface DriftFacts {
  /** One for each recorded disk. */
  readonly links: readonly LinkFacts[];
  /** All that QEMU has open; undefined if its process cannot be seen. */
  readonly open: ReadonlySet<string> | undefined;
}

/** One drifted link. */
export interface Drift extends Remaining {
  /** Place among the recorded disks. */
  readonly index: number;
  /**
   * `leads-nowhere`; `silent`: to what does not answer; `shared`: another disk
   * has the same link; `other-disk`: it leads to something else than the disk;
   * `not-open`: to something QEMU has not open.
   */
  readonly kind:
    | "leads-nowhere"
    | "silent"
    | "shared"
    | "other-disk"
    | "not-open";
}

/** How Ganeti's own request mends all links at once. */
const BY_REQUEST =
  "a hotplug_device request whose instance has disks_info (rpc) puts the links in order; until then do not migrate or restart the VM";

/**
 * What QEMU has open for a disk, where that is proven: its `logical_id` names
 * exactly one thing that QEMU has open.
 */
export function openIdentity(
  { links, open }: DriftFacts,
  index: number,
): string | undefined {
  const named = links[index]?.named ?? [];
  const held = named.filter(({ identity }) => open?.has(identity));
  return held.length === 1 ? held[0]?.identity : undefined;
}

function sharedWith(
  disks: readonly DiskEntry[],
  facts: DriftFacts,
  disk: DiskEntry,
): DiskEntry | undefined {
  const { leadsTo } = facts.links[disk.index] ?? {};
  return disks.find((other) =>
    other.index !== disk.index && other.link !== null &&
    (other.link === disk.link ||
      (leadsTo !== undefined &&
        facts.links[other.index]?.leadsTo === leadsTo))
  );
}

function driftOf(
  disks: readonly DiskEntry[],
  facts: DriftFacts,
  disk: DiskEntry,
): Omit<Drift, "index"> | undefined {
  const { link } = disk;
  const { leadsTo, fault, named = [] } = facts.links[disk.index] ?? {};
  if (link === null) return undefined;
  const title = `The link ${link} of ${titleOf(disk)}`;
  const [right] = named;
  const other = sharedWith(disks, facts, disk);
  if (other !== undefined) {
    const what = `${title} leads to the same disk as that of ${titleOf(other)}`;
    return { kind: "shared", what, hint: BY_REQUEST };
  }
  const hint = right === undefined
    ? BY_REQUEST
    : `ln -sfn ${shellWord(right.path)} ${shellWord(link)}`;
  if (fault !== undefined) {
    const what = `${title} leads to what does not answer: ${fault}`;
    return { kind: "silent", what, hint: "look at its file system or device" };
  }
  if (leadsTo === undefined) {
    return { kind: "leads-nowhere", what: `${title} leads nowhere`, hint };
  }
  if (named.length > 0 && named.every((one) => one.identity !== leadsTo)) {
    const what = `${title} leads to another disk than ${right?.path}`;
    return { kind: "other-disk", what, hint };
  }
  if (facts.open === undefined || facts.open.has(leadsTo)) return undefined;
  if (facts.links[disk.index]?.medium === "out") return undefined;
  const what = `${title} leads to something that QEMU has not open`;
  return { kind: "not-open", what, hint: BY_REQUEST };
}

/** Every drifted link, in the order of the disks. */
export function findDrift(
  disks: readonly DiskEntry[],
  facts: DriftFacts,
): Drift[] {
  return disks.flatMap((disk) => {
    const drift = driftOf(disks, facts, disk);
    return drift === undefined ? [] : [{ index: disk.index, ...drift }];
  });
}

/** What QEMU has and tells. */
export interface DriftQemu {
  /** Undefined if its process cannot be seen. */
  readonly openFiles: readonly OpenFile[] | undefined;
  /** Of query-block; undefined: QEMU was not asked. */
  readonly block?: readonly BlockBackend[] | undefined;
}

async function linkFacts(
  disk: DiskEntry,
  { block }: DriftQemu,
): Promise<LinkFacts> {
  const { link } = disk;
  const paths = logicalPaths(disk);
  const [lead, named] = await Promise.all([
    link === null ? undefined : leadOf(link),
    identitiesAt(paths),
  ]);
  return {
    ...(isEmptied(disk, block) ? { medium: "out" } : {}),
    leadsTo: lead?.identity,
    ...(lead?.fault === undefined ? {} : { fault: lead.fault }),
    named: paths.flatMap((path, i) => {
      const identity = named[i];
      return identity === undefined ? [] : [{ path, identity }];
    }),
  };
}

/** Looks where the links lead and what QEMU has open; opens nothing. */
export async function readDriftFacts(
  disks: readonly DiskEntry[],
  qemu: DriftQemu,
): Promise<DriftFacts> {
  const { openFiles = [] } = qemu;
  return {
    links: await Promise.all(disks.map((disk) => linkFacts(disk, qemu))),
    // Every process has something open; else we may not look.
    open: openFiles.length === 0
      ? undefined
      : new Set(openFiles.map(({ status }) => identityOf(status))),
  };
}
