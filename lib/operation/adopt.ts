/**
 * Plans to record devices that QEMU has and the runtime file lacks. Pure.
 *
 * @module
 */

import { HotplugError, type Remark, remark } from "../errors.ts";
import { basename } from "@std/path/posix";
import { titleOf } from "../device/select.ts";
import { type Adoption, type Plan, planOf } from "../engine/plan.ts";
import type { EngineStep } from "../engine/steps.ts";
import { toNote } from "../engine/own_facts.ts";
import type { Step } from "../engine/verbs.ts";
import { findEntry } from "../plan/addition.ts";
import { commandLine } from "../state/instance.ts";
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
import type { AdoptedKind, AdoptInput } from "./adopt_facts.ts";
import { inventedStep, isInvented, namesake, renameSteps } from "./identity.ts";

function judgeAll(
  facts: AdoptFacts,
  kinds: readonly AdoptedKind[],
): Exclude<Verdict, undefined>[] {
  const found = kinds.flatMap(({ adoption, uuids }) =>
    adoption.judge(facts, uuids)
  ).filter((one) => one !== undefined);
  const known = new Set(
    found.flatMap((one) => "change" in one ? one.uuid ?? [] : []),
  );
  const lost = facts.recorded.filter(({ uuid, hvinfo }) =>
    hvinfo.id === undefined && (uuid === undefined || !known.has(uuid))
  );
  return [
    ...found,
    ...lost.map((entry) =>
      left(
        `${titleOf(entry)}${entry.uuid ? `, uuid ${entry.uuid}` : ""}`,
        "it is recorded without a device id, and its device in QEMU is not known",
      )
    ),
  ];
}

/** The future file. */
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
  const views = adopted.flatMap(({ id }) =>
    kinds.flatMap(({ kind }) =>
      kind.recorded(after).filter(({ hvinfo }) => hvinfo.id === id)
        .map((one) => kind.view(one, facts))
    )
  );
  return { adopted: views, remaining };
}

/** The remark about an invented uuid. */
function inventedRemark(
  { paths }: AdoptFacts,
  { id, uuid }: Adopted,
): Remark {
  const { name } = paths;
  return remark(
    "uuid-invented",
    `${id} is recorded with uuid ${uuid}: its first part is the one in the device id, the rest is random`,
    {
      hint:
        `Ganeti's next hotplug request for it corrects the uuid; to correct it now, run: ${
          commandLine(paths, "adopt", name, "--uuid", "UUID")
        }`,
    },
  );
}

/** Plans to give the recorded device of this id its uuid. */
function planGiven(facts: AdoptFacts, given: string): Plan {
  const { paths, content, process } = facts;
  const lists = ["disks", "nics"] as const;
  const entry = lists.map((list) =>
    namesake(content.runtime, { list, uuid: given })
  ).find((one) => one !== undefined);
  const own = toNote(facts.own, process);
  const isThere = findEntry(devicesOf(content.runtime), given) !== undefined;
  if (!isThere && (entry === undefined || !isInvented(own, entry))) {
    throw new HotplugError(
      "no-such-device",
      entry === undefined
        ? `No device of QEMU that can be recorded has an id of uuid ${given}`
        : `${
          titleOf(entry)
        } is recorded with uuid ${entry.uuid}, which was not invented here`,
      { hint: `${commandLine(paths, "list", paths.name)} shows its devices` },
    );
  }
  return planOf({
    action: "adopt",
    instance: paths.name,
    title: "1 device",
    device: null,
    adoption: { adopted: [], remaining: [] },
    kinds: entry ? [entry.kind] : [],
    steps: entry ? renameSteps({ ...facts, own }, entry, { uuid: given }) : [],
    ifCut: "finish",
  });
}

/**
 * The device for a given uuid: none if an entry already has it.
 *
 * @throws {HotplugError} `ambiguous-device`
 */
function meant(
  { content: { runtime }, paths }: AdoptFacts,
  proven: readonly Adopted[],
  given: string,
): Adopted[] {
  const isTaken = findEntry(devicesOf(runtime), given) !== undefined;
  const found = proven.filter(({ uuid, change }) =>
    uuid === given && !(isTaken && change.change === "insert")
  );
  if (found.length < 2) return found;
  const candidates = found.map((one) => ({
    ...{ kind: one.kind, index: null, uuid: null },
    id: one.id,
  }));
  throw new HotplugError(
    "ambiguous-device",
    `${found.length} devices of QEMU have an id of uuid ${given}`,
    {
      hint: `to record all devices, run: ${
        commandLine(paths, "adopt", paths.name)
      }`,
      candidates,
    },
  );
}

/**
 * Plans to record the proven devices, and reports the others.
 *
 * @throws {HotplugError} status 3
 */
export function planAdopt({ facts, kinds, given }: AdoptInput): Plan {
  for (const rule of STATE_RULES) rule.refuse(facts);
  const verdicts = judgeAll(facts, kinds);
  const proven = verdicts.filter((one) => "change" in one);
  const adopted = given === undefined ? proven : meant(facts, proven, given);
  const remaining = given === undefined
    ? verdicts.filter((one) => "hint" in one)
    : [];
  if (given !== undefined && adopted.length === 0) {
    return planGiven(facts, given);
  }
  const after = afterwards(facts, kinds, adopted);
  const adoption = adoptionOf(facts, kinds, { adopted, after, remaining });
  const steps: Step[] = [
    ...recordSteps(facts, adopted, after),
    ...kinds.flatMap(({ adoption }) => adoption.steps(facts, adopted)),
  ];
  const own = toNote(facts.own, facts.process);
  const invented = given === undefined
    ? adopted.filter((one) => one.invented)
    : [];
  for (const { uuid = "", kind } of invented) {
    steps.push(inventedStep(own, { uuid, kind, earlier: steps }));
  }
  return planOf({
    action: "adopt",
    instance: facts.paths.name,
    title: `${adopted.length} device${adopted.length === 1 ? "" : "s"}`,
    device: null,
    adoption,
    kinds: kinds.map(({ kind }) => kind.word),
    steps,
    warnings: [
      ...adopted.flatMap(({ warnings }) => warnings),
      ...invented.map((one) => inventedRemark(facts, one)),
    ],
  });
}
