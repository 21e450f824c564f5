/**
 * Plans to record what QEMU has and the runtime file lacks. Pure.
 *
 * @module
 */

import { basename } from "@std/path/posix";
import { titleOf } from "../device/select.ts";
import { judgeDisk } from "../disk/adopt.ts";
import type { Adoption, Decision, Remaining } from "../engine/plan.ts";
import type { Step } from "../engine/verbs.ts";
import { judgeNic } from "../nic/adopt.ts";
import { nicFilesStep } from "../nic/files.ts";
import {
  type Adopted,
  type AdoptFacts,
  left,
  type Verdict,
} from "../plan/adoption.ts";
import { STATE_RULES } from "../plan/requirements.ts";
import { stateSteps } from "../plan/steps.ts";
import { recordedView } from "../plan/view.ts";
import { formatRuntime, parseRuntime, type Runtime } from "../state/runtime.ts";
import { applyChange } from "../state/runtime_change.ts";
import { isMissing } from "./adopt_facts.ts";
import { firstDocument } from "./adopt_first.ts";

function judgeAll(facts: AdoptFacts): Exclude<Verdict, undefined>[] {
  const { disks, nics } = facts.content.runtime;
  const verdicts: Verdict[] = [];
  let index = disks.length;
  for (const [at, disk] of facts.disks.entries()) {
    const fresh = facts.uuids[at] ?? "";
    const verdict = judgeDisk(facts, disk, { fresh, index });
    if (isNew(verdict)) index++;
    verdicts.push(verdict);
  }
  for (const [at, nic] of facts.nics.entries()) {
    const fresh = facts.uuids[facts.disks.length + at] ?? "";
    verdicts.push(judgeNic(facts, nic, { fresh }));
  }
  const found = verdicts.filter((one) => one !== undefined);
  const known = new Set(found.flatMap((one) => "uuid" in one ? one.uuid : []));
  const lost = [...disks, ...nics].filter(({ uuid, hvinfo }) =>
    hvinfo.id === undefined && (uuid === undefined || !known.has(uuid))
  );
  return [
    ...found,
    ...lost.map((entry) =>
      left(
        `${titleOf(entry)}${entry.uuid ? `, uuid ${entry.uuid}` : ""}`,
        "it is recorded without device id, and no device of QEMU is proven to be it",
      )
    ),
  ];
}

function isNew(verdict: Verdict): verdict is Adopted {
  return verdict !== undefined && "change" in verdict &&
    verdict.change.change === "insert";
}

/** The file as it will be. */
function afterwards(facts: AdoptFacts, adopted: readonly Adopted[]): Runtime {
  const { content } = facts;
  const before = isMissing(content)
    ? firstDocument(facts, adopted)
    : content.runtime.root;
  const root = adopted.reduce(
    (document, { change }) => applyChange(document, change),
    before,
  );
  return parseRuntime(formatRuntime(root), content.path);
}

function recordSteps(
  facts: AdoptFacts,
  adopted: readonly Adopted[],
  after: Runtime,
): Step[] {
  const path = facts.paths.runtime;
  if (isMissing(facts.content)) {
    const temporary = `${basename(path)}${facts.nonce}.new`;
    const text = formatRuntime(after.root);
    return [{ kind: "create-state", path, temporary, text }];
  }
  return adopted.flatMap(({ change }) => {
    const { stage, commit } = stateSteps(facts, change);
    return [stage, commit];
  });
}

/** The taps of NICs that come into the list, in its order. */
function newTaps(facts: AdoptFacts, adopted: readonly Adopted[]) {
  return adopted.flatMap(({ id, change }) => {
    if (change.change !== "insert" || change.list !== "nics") return [];
    const tap = facts.nics.find((one) => one.id === id)?.tap;
    return [tap !== undefined && "name" in tap ? tap.name : undefined];
  });
}

function adoptionOf(
  facts: AdoptFacts,
  { adopted, after, remaining }: {
    adopted: readonly Adopted[];
    after: Runtime;
    remaining: readonly Remaining[];
  },
): Adoption {
  const views = adopted.flatMap(({ uuid }) => {
    const entry = [...after.disks, ...after.nics]
      .find((one) => one.uuid === uuid);
    return entry === undefined ? [] : [recordedView(entry, facts)];
  });
  return { adopted: views, remaining };
}

/**
 * Plans to record what is proven, and tells what is not.
 *
 * @throws {HotplugError} status 3
 */
export function planAdopt(facts: AdoptFacts): Decision {
  for (const rule of STATE_RULES) rule.refuse(facts);
  const verdicts = judgeAll(facts);
  const adopted = verdicts.filter((one) => "change" in one);
  const remaining = verdicts.filter((one) => "hint" in one);
  const after = afterwards(facts, adopted);
  const adoption = adoptionOf(facts, { adopted, after, remaining });
  const about = {
    action: "adopt" as const,
    instance: facts.paths.name,
    device: null,
    adoption,
    warnings: adopted.flatMap(({ warnings }) => warnings),
  };
  if (adopted.length === 0 && !isMissing(facts.content)) {
    return { kind: "nothing-to-do", ...about };
  }
  const taps = newTaps(facts, adopted);
  const steps = [
    ...recordSteps(facts, adopted, after),
    ...(taps.length === 0 ? [] : nicFilesStep(facts, { adopted: taps })),
  ];
  const title = `${adopted.length} device${adopted.length === 1 ? "" : "s"}`;
  return { kind: "plan", plan: { ...about, title, steps } };
}
