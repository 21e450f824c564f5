/**
 * Plans to bring the links of an instance's disks to the order of its
 * configuration, in the file and on the node. Ganeti makes links by this order
 * at each start and migration, and never renames recorded links: a target would
 * swap disks (SPEC 10.1, item 1). Pure.
 *
 * @module
 */

import { remark } from "../errors.ts";
import { basename, dirname, join } from "@std/path/posix";
import { titleOf } from "../device/select.ts";
import { type Plan, planOf } from "../engine/plan.ts";
import { type DiskLinks, readDiskLinks } from "../host/disk_link.ts";
import { identitiesAt, identityAt } from "../host/identity.ts";
import { findQemu, openFiles, type QemuProcess } from "../host/process.ts";
import { makeNonce, type NodeFacts } from "../plan/facts.ts";
import { stateSteps } from "../plan/steps.ts";
import type { InstancePaths } from "../state/instance.ts";
import type { LinkChange } from "../state/runtime_change.ts";
import type { DiskEntry } from "../state/runtime.ts";
import type { RuntimeContent } from "../state/runtime_file.ts";
import {
  type DriftFacts,
  type NamedDisk,
  provenOpen,
  readDriftFacts,
} from "./drift.ts";
import type { DiskLinksStep } from "./links_step.ts";
import type { LinksMend } from "./request.ts";
import { DISK } from "./name.ts";

/** Facts for correcting links. */
export interface LinksFacts extends Pick<NodeFacts, "content" | "nonce"> {
  readonly paths: InstancePaths;
  /** The targets of the recorded links, and the open files of QEMU. */
  readonly drift: DriftFacts;
  /** Absolute path of `instance-disks`. */
  readonly directory: string;
  /**
   * For each recorded disk: the folder of its link by the file, if the link is
   * one of Ganeti's links for this instance.
   */
  readonly folders: readonly (string | undefined)[];
  /** The targets of the links with the wanted names. */
  readonly there: DiskLinks;
  /** The identities of these targets: `identityOf`. */
  readonly leadTo: Readonly<Record<string, string | undefined>>;
}

/** One recorded disk with a link of Ganeti. */
interface Wanted {
  readonly disk: DiskEntry;
  /** Name of its new link; undefined: the disk is not in the configuration. */
  readonly name: string | undefined;
  /** This link in the form of the file. */
  readonly link: string;
  /** The open file of QEMU for it, if it is proven. */
  readonly proven: NamedDisk | undefined;
  readonly isRight: boolean;
}

function wantedOf(
  { paths, drift, leadTo, folders }: LinksFacts,
  order: readonly string[],
  disk: DiskEntry,
): Wanted[] {
  const folder = folders[disk.index];
  if (folder === undefined) return [];
  const proven = provenOpen(drift, disk.index);
  const at = order.indexOf(disk.uuid?.toLowerCase() ?? "");
  if (at < 0) {
    const link = disk.link ?? "";
    return [{ disk, name: undefined, link, proven, isRight: false }];
  }
  const name = linkName(paths.name, at);
  const link = `${folder}/${name}`;
  const leads = proven === undefined || leadTo[name] === proven.identity;
  return [{ disk, name, link, proven, isRight: disk.link === link && leads }];
}

/** Why the links must stay, undefined if they can be corrected. */
function obstacle(wanted: readonly Wanted[], wrong: readonly Wanted[]) {
  const unproven = wrong.find((one) =>
    one.name === undefined || one.proven === undefined
  );
  if (unproven !== undefined) {
    return unproven.name === undefined
      ? `${titleOf(unproven.disk)} is not among the instance's disks`
      : `the file or device that QEMU has open for ${
        titleOf(unproven.disk)
      } is not known`;
  }
  const open = wanted.flatMap(({ proven }) => proven?.identity ?? []);
  if (new Set(open).size < open.length) {
    return "two disks have the same file or device open";
  }
  return undefined;
}

function linksStep(
  { leadTo, there, directory }: LinksFacts,
  wrong: readonly Wanted[],
): DiskLinksStep | undefined {
  const moved = wrong.flatMap(({ name, proven }) => {
    if (name === undefined || proven === undefined) return [];
    // Ganeti's own text, if it leads there already.
    return leadTo[name] === proven.identity ? [] : [[name, proven.path]];
  });
  if (moved.length === 0) return undefined;
  const after: DiskLinks = Object.fromEntries(moved);
  const before = Object.fromEntries(
    Object.keys(after).map((name) => [name, there[name] ?? null]),
  );
  return { kind: "disk-links", directory, before, after };
}

/**
 * Plans to correct links; a link without proof is left alone, with a warning.
 */
export function planLinks(
  { instance, order }: LinksMend,
  facts: LinksFacts,
): Plan {
  const { disks } = facts.content.runtime;
  const wanted = disks.flatMap((disk) => wantedOf(facts, order, disk));
  const wrong = wanted.filter(({ isRight }) => !isRight);
  const draft = {
    action: "mend",
    instance,
    title: "the links of the disks",
    device: null,
    kinds: [DISK.word],
    steps: [],
  } as const;
  if (wrong.length === 0) return planOf(draft);
  const why = obstacle(wanted, wrong);
  if (why !== undefined) {
    const warning = remark(
      "links-unproven",
      `The links of the disks do not follow the order of the configuration, and were not changed: ${why}`,
      {
        hint:
          "do not migrate or restart the VM until state show --verify finds no difference",
      },
    );
    return planOf({ ...draft, warnings: [warning] });
  }
  const links = wrong.flatMap(({ disk, link }): LinkChange[] =>
    disk.uuid === undefined || disk.link === link
      ? []
      : [{ uuid: disk.uuid, link }]
  );
  const { stage, commit } = stateSteps(facts, { change: "links", links });
  const steps = [stage, linksStep(facts, wrong), commit];
  return planOf({ ...draft, steps });
}

/** The name of an instance's link to the disk at this place. */
function linkName(instance: string, index: number): string {
  return `${instance}:${index}`;
}

/** Reads the facts and plans it. */
export async function planLinksOf(
  request: LinksMend,
  paths: InstancePaths,
  content: RuntimeContent,
): Promise<{ plan: Plan; process: QemuProcess | undefined }> {
  const directory = `${paths.runDir}/instance-disks`;
  const place = await identityAt(directory);
  const prefix = linkName(paths.name, 0).slice(0, -1);
  const { disks } = content.runtime;
  const folders = await Promise.all(disks.map(async ({ link }) => {
    if (link === null || place === undefined) return undefined;
    const name = basename(link);
    const ours = name.startsWith(prefix) &&
      /^\d+$/.test(name.slice(prefix.length)) &&
      // The file says /var/run, which may be /run.
      await identityAt(dirname(link)) === place;
    return ours ? dirname(link) : undefined;
  }));
  // Without such a folder Ganeti has no links here.
  const names = place === undefined
    ? []
    : request.order.map((_, index) => linkName(paths.name, index));
  const leadTo = await identitiesAt(names.map((name) => join(directory, name)));
  const process = findQemu(paths.pid, paths.name);
  const open = process && [...openFiles(process.pid)];
  const plan = planLinks(request, {
    paths,
    content,
    nonce: makeNonce(),
    drift: await readDriftFacts(disks, open),
    directory,
    folders,
    there: place === undefined ? {} : readDiskLinks(directory, names),
    leadTo: Object.fromEntries(names.map((name, i) => [name, leadTo[i]])),
  });
  return { plan, process };
}
