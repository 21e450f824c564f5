/**
 * Plans to bring the links of an instance's disks to the order of its
 * configuration, in the file and on the node. Ganeti makes links by that order
 * whenever it starts or migrates an instance, and never renames those it has
 * recorded: a target would swap disks (SPEC 10.1, item 1). Pure.
 *
 * @module
 */

import { titleOf } from "../device/select.ts";
import type { DiskEntry } from "../state/runtime.ts";
import type { LinkChange } from "../state/link_change.ts";
import { openIdentity } from "./drift.ts";
import { linkName, type LinksFacts } from "../operation/facts_links.ts";
import type { Decision } from "../engine/plan.ts";
import { stateSteps } from "../plan/steps.ts";
import type { LinksMend } from "../operation/request.ts";
import type { DiskLinksStep } from "./links_step.ts";

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
    plan: {
      ...about,
      title: "the links of the disks",
      steps: [stage, ...linksStep(facts, wrong), commit],
      warnings: [],
    },
  };
}
