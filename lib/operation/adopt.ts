/**
 * Plans to record what QEMU has and the runtime file lacks. Pure.
 *
 * @module
 */

import type { Remark } from "../errors.ts";
import { basename } from "@std/path/posix";
import { titleOf } from "../device/select.ts";
import { type Adoption, type Plan, planOf } from "../engine/plan.ts";
import type { EngineStep } from "../engine/steps.ts";
import {
  type Adopted,
  type AdoptFacts,
  left,
  type Verdict,
} from "../plan/adoption.ts";
import { STATE_RULES } from "../plan/requirements.ts";
import { stateSteps } from "../plan/steps.ts";
import {
  devicesOf,
  formatRuntime,
  parseRuntime,
  type Runtime,
} from "../state/runtime.ts";
import { applyChange } from "../state/runtime_change.ts";
import { isEmptyContent } from "../state/runtime_file.ts";
import { firstDocument } from "./adopt_first.ts";
import type { AdoptedKind } from "./adopt_facts.ts";

function judgeAll(
  facts: AdoptFacts,
  kinds: readonly AdoptedKind[],
): Exclude<Verdict, undefined>[] {
  const found = kinds.flatMap(({ adoption, uuids }) =>
    adoption.judge(facts, uuids)
  ).filter((one) => one !== undefined);
  const known = new Set(found.flatMap((one) => "uuid" in one ? one.uuid : []));
  const lost = devicesOf(facts.content.runtime).filter(({ uuid, hvinfo }) =>
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

/** The file as it will be. */
function afterwards(
  facts: AdoptFacts,
  kinds: readonly AdoptedKind[],
  adopted: readonly Adopted[],
): Runtime {
  const { content } = facts;
  const before = isEmptyContent(content)
    ? firstDocument(facts, kinds, adopted)
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
): EngineStep[] {
  const path = facts.paths.runtime;
  if (isEmptyContent(facts.content)) {
    const temporary = `${basename(path)}${facts.nonce}.new`;
    const text = formatRuntime(after.root);
    return [{ kind: "create-state", path, temporary, text }];
  }
  return adopted.flatMap(({ change }) => {
    const { stage, commit } = stateSteps(facts, change);
    return [stage, commit];
  });
}

function adoptionOf(
  facts: AdoptFacts,
  kinds: readonly AdoptedKind[],
  { adopted, after, remaining }: {
    adopted: readonly Adopted[];
    after: Runtime;
    remaining: readonly Remark[];
  },
): Adoption {
  const views = adopted.flatMap(({ uuid }) =>
    kinds.flatMap(({ kind }) =>
      after[kind.list].filter((one) => one.uuid === uuid)
        .map((one) => kind.view(one, facts))
    )
  );
  return { adopted: views, remaining };
}

/**
 * Plans to record what is proven, and tells what is not.
 *
 * @throws {HotplugError} status 3
 */
export function planAdopt(
  { facts, kinds }: { facts: AdoptFacts; kinds: readonly AdoptedKind[] },
): Plan {
  for (const rule of STATE_RULES) rule.refuse(facts);
  const verdicts = judgeAll(facts, kinds);
  const adopted = verdicts.filter((one) => "change" in one);
  const remaining = verdicts.filter((one) => "hint" in one);
  const after = afterwards(facts, kinds, adopted);
  const adoption = adoptionOf(facts, kinds, { adopted, after, remaining });
  return planOf({
    action: "adopt",
    instance: facts.paths.name,
    title: `${adopted.length} device${adopted.length === 1 ? "" : "s"}`,
    device: null,
    adoption,
    kinds: kinds.map(({ kind }) => kind.word),
    steps: [
      ...recordSteps(facts, adopted, after),
      ...kinds.flatMap(({ adoption }) => adoption.steps(facts, adopted)),
    ],
    warnings: adopted.flatMap(({ warnings }) => warnings),
  });
}
