/**
 * Plans to bring the links of an instance's disks to the order of its
 * configuration, in the file and on the node. Ganeti makes links by that order
 * whenever it starts or migrates an instance, and never renames those it has
 * recorded: a target would swap disks (SPEC 10.1, item 1). Pure.
 *
 * @module
 */

import { basename, dirname, join } from "@std/path/posix";
import { titleOf } from "../device/select.ts";
import { type Decision, planOf } from "../engine/plan.ts";
import { type DiskLinks, readDiskLinks } from "../host/disk_link.ts";
import { identitiesAt, identityAt } from "../host/identity.ts";
import { findQemu, openFiles, type QemuProcess } from "../host/process.ts";
import { makeNonce } from "../plan/facts.ts";
import { stateSteps } from "../plan/steps.ts";
import type { InstancePaths } from "../state/instance.ts";
import type { LinkChange } from "../state/runtime_change.ts";
import type { DiskEntry } from "../state/runtime.ts";
import type { RuntimeContent } from "../state/runtime_file.ts";
import { type DriftFacts, openIdentity, readDriftFacts } from "./drift.ts";
import type { DiskLinksStep } from "./links_step.ts";
import type { LinksMend } from "./request.ts";
import { DISK } from "./name.ts";

/** One recorded disk whose link is one of Ganeti's. */
interface Wanted {
  readonly disk: DiskEntry;
  /** Of the link it is to have; undefined: not in the configuration. */
  readonly name: string | undefined;
  /** That link, as the file is to say it. */
  readonly link: string;
  /** What QEMU has open for it, if that is proven, and a path of it. */
  readonly proven:
    | { readonly identity: string; readonly path: string }
    | undefined;
}

function wantedOf(
  facts: LinksFacts,
  order: readonly string[],
  { disk, folder }: { disk: DiskEntry; folder: string },
): Wanted {
  const at = order.indexOf(disk.uuid?.toLowerCase() ?? "");
  const name = at < 0 ? undefined : linkName(facts.paths.name, at);
  const identity = openIdentity(facts.drift, disk.index);
  const named = facts.drift.links[disk.index]?.named ?? [];
  const path = named.find((one) => one.identity === identity)?.path;
  return {
    disk,
    name,
    link: name === undefined ? disk.link ?? "" : `${folder}/${name}`,
    proven: identity === undefined || path === undefined
      ? undefined
      : { identity, path },
  };
}

function isRight(facts: LinksFacts, { disk, name, link, proven }: Wanted) {
  if (name === undefined || disk.link !== link) return false;
  return proven === undefined || facts.leadTo[name] === proven.identity;
}

/** Why the links must stay as they are, undefined if they can be mended. */
function obstacle(wanted: readonly Wanted[], wrong: readonly Wanted[]) {
  const unproven = wrong.find((one) =>
    one.name === undefined || one.proven === undefined
  );
  if (unproven !== undefined) {
    return unproven.name === undefined
      ? `${titleOf(unproven.disk)} is not among the instance's disks`
      : `nothing proves what QEMU has open for ${titleOf(unproven.disk)}`;
  }
  const open = wanted.flatMap(({ proven }) => proven?.identity ?? []);
  if (new Set(open).size < open.length) {
    return "two disks are said to be the same one";
  }
  return undefined;
}

function linksStep(
  facts: LinksFacts,
  wrong: readonly Wanted[],
): DiskLinksStep[] {
  const after: Record<string, string> = {};
  for (const { name, proven } of wrong) {
    if (name === undefined || proven === undefined) continue;
    // As Ganeti made it, if it leads there already.
    if (facts.leadTo[name] !== proven.identity) after[name] = proven.path;
  }
  const names = Object.keys(after);
  if (names.length === 0) return [];
  const before = Object.fromEntries(
    names.map((name) => [name, facts.there[name] ?? null]),
  );
  return [{ kind: "disk-links", directory: facts.directory, before, after }];
}

/** Plans to mend links; what cannot be proven is left alone, with a warning. */
export function planLinks(
  { instance, order }: LinksMend,
  facts: LinksFacts,
): Decision {
  const { disks } = facts.content.runtime;
  const wanted = disks.flatMap((disk) => {
    const folder = facts.folders[disk.index];
    return folder === undefined
      ? []
      : [wantedOf(facts, order, { disk, folder })];
  });
  const wrong = wanted.filter((one) => !isRight(facts, one));
  const about = { action: "mend", instance, device: null } as const;
  const nothing = (warnings: readonly string[]): Decision => ({
    kind: "nothing-to-do",
    ...about,
    warnings,
  });
  if (wrong.length === 0) return nothing([]);
  const why = obstacle(wanted, wrong);
  if (why !== undefined) {
    return nothing([
      `The links of the disks are not in the configuration's order and stay so: ${why}; do not migrate or restart the VM before state show --verify is content`,
    ]);
  }
  const links: LinkChange[] = wrong.flatMap(({ disk, link }) =>
    disk.uuid === undefined || disk.link === link
      ? []
      : [{ uuid: disk.uuid, link }]
  );
  const { stage, commit } = stateSteps(facts, { change: "links", links });
  return {
    kind: "plan",
    plan: planOf({
      ...about,
      title: "the links of the disks",
      kinds: [DISK.word],
      steps: [stage, ...linksStep(facts, wrong), commit],
      warnings: [],
    }),
  };
}

/** What mending links depends on. */
export interface LinksFacts {
  /** Of the instance. */
  readonly paths: InstancePaths;
  /** Fresh: read under the lock. */
  readonly content: RuntimeContent;
  /** Random text for names that must not exist yet. */
  readonly nonce: string;
  /** QEMU's process, if Ganeti's pid file leads to it. */
  readonly process: QemuProcess | undefined;
  /** Where the recorded links lead, and what QEMU has open. */
  readonly drift: DriftFacts;
  /** Absolute path of `instance-disks`. */
  readonly directory: string;
  /** For each recorded disk: the folder its link is said to lie in, if it is
   * one of Ganeti's links for this instance. */
  readonly folders: readonly (string | undefined)[];
  /** What the links of the wanted names say. */
  readonly there: DiskLinks;
  /** What they lead to: `identityOf`. */
  readonly leadTo: Readonly<Record<string, string | undefined>>;
}

/** The name of an instance's link to the disk at this place. */
export function linkName(instance: string, index: number): string {
  return `${instance}:${index}`;
}

/** Reads what mending depends on. Undefined: Ganeti has no links here. */
export async function readLinksFacts(
  paths: InstancePaths,
  content: RuntimeContent,
  { order }: LinksMend,
): Promise<LinksFacts | undefined> {
  const directory = `${paths.runDir}/instance-disks`;
  const place = await identityAt(directory);
  if (place === undefined) return undefined;
  const prefix = linkName(paths.name, 0).slice(0, -1);
  const folders = await Promise.all(
    content.runtime.disks.map(async ({ link }) => {
      if (link === null) return undefined;
      const name = basename(link);
      const ours = name.startsWith(prefix) &&
        /^\d+$/.test(name.slice(prefix.length)) &&
        // The file says /var/run, where /run may be meant.
        await identityAt(dirname(link)) === place;
      return ours ? dirname(link) : undefined;
    }),
  );
  const names = order.map((_, index) => linkName(paths.name, index));
  const process = findQemu(paths.pid, paths.name);
  const leadTo = await identitiesAt(names.map((name) => join(directory, name)));
  return {
    paths,
    content,
    nonce: makeNonce(),
    process,
    drift: await readDriftFacts(content.runtime.disks, {
      openFiles: process && [...openFiles(process.pid)],
    }),
    directory,
    folders,
    there: readDiskLinks(directory, names),
    leadTo: Object.fromEntries(
      names.map((name, i) => [name, leadTo[i]]),
    ),
  };
}

/** Reads what mending depends on and plans it. */
export async function planLinksOf(
  request: LinksMend,
  paths: InstancePaths,
  content: RuntimeContent,
): Promise<{ decision: Decision; process: QemuProcess | undefined }> {
  const facts = await readLinksFacts(paths, content, request);
  if (facts !== undefined) {
    return { decision: planLinks(request, facts), process: facts.process };
  }
  const { instance } = request;
  const about = { action: "mend", instance, device: null } as const;
  const decision = { kind: "nothing-to-do", ...about, warnings: [] } as const;
  return { decision, process: undefined };
}
