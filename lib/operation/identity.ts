/**
 * Entries with a wrong end of the uuid: a device id has only its first part, so
 * `adopt` has to invent the rest (SPEC 3.1). Pure, except for the reading at
 * the end.
 *
 * @module
 */

import { belongsTo } from "../device/device_id.ts";
import { titleOf } from "../device/select.ts";
import { type OwnFacts, readOwnFacts, toNote } from "../engine/own_facts.ts";
import type { OwnRecordStep } from "../engine/own_steps.ts";
import { type Plan, planOf } from "../engine/plan.ts";
import type { Step } from "../engine/verbs.ts";
import { identitiesAt } from "../host/identity.ts";
import { findQemu, type QemuProcess } from "../host/process.ts";
import { loadNotes } from "../kinds.ts";
import { findEntry } from "../plan/addition.ts";
import { type Facts, makeNonce } from "../plan/facts.ts";
import { stateSteps } from "../plan/steps.ts";
import {
  membersOf,
  replaceMembers,
  withHvinfo,
} from "../state/entry_object.ts";
import type { InstancePaths } from "../state/instance.ts";
import { formatJson, jsonArray, jsonNode, parseJson } from "../state/json.ts";
import { noteOn } from "../state/own_check.ts";
import { type DeviceEntry, devicesOf } from "../state/runtime.ts";
import type { RuntimeContent } from "../state/runtime_file.ts";
import type { IdentityMend } from "./request.ts";

/** Facts for renaming an entry. */
type RenameFacts = Pick<Facts, "paths" | "content" | "nonce" | "own">;

/** The entry, if any, that may get this uuid. */
export function namesake(
  { disks, nics }: Parameters<typeof devicesOf>[0],
  { list, uuid }: Pick<IdentityMend, "list" | "uuid">,
): DeviceEntry | undefined {
  const entries: DeviceEntry[] = list === "disks" ? [...disks] : [...nics];
  if (findEntry(devicesOf({ disks, nics }), uuid) !== undefined) return;
  const like = entries.filter(({ hvinfo: { id = "" } }) => belongsTo(uuid, id));
  return like.length === 1 ? like[0] : undefined;
}

/** Whether `adopt` has invented the end of an entry's uuid. */
export function isInvented(own: OwnFacts, { uuid = "" }: DeviceEntry): boolean {
  return noteOn(own.record, uuid.toLowerCase())?.invented === true;
}

/** The step that notes this, after other steps that note data of it. */
export function inventedStep(
  own: OwnFacts,
  { uuid, kind, earlier }: {
    readonly uuid: string;
    readonly kind: string;
    readonly earlier: readonly Step[];
  },
): OwnRecordStep {
  const { place, qemu, record } = own;
  const noting = earlier.findLast((step): step is OwnRecordStep =>
    step.kind === "own-record" && "change" in step &&
    (step as OwnRecordStep).change.uuid === uuid
  );
  const before = noting?.change.after ?? noteOn(record, uuid) ?? null;
  const after = { kind, ...before, invented: true };
  return { kind: "own-record", place, qemu, change: { uuid, before, after } };
}

/** Its note moves with it. */
function noteSteps(own: OwnFacts, was: string, uuid: string): OwnRecordStep[] {
  const { place, qemu, record } = own;
  const noted = noteOn(record, was);
  if (noted === undefined) return [];
  const { invented: _, ...rest } = noted;
  const step = { kind: "own-record", place, qemu } as const;
  const isMore = Object.keys(rest).length > 1;
  return [
    { ...step, change: { uuid: was, before: noted, after: null } },
    ...isMore ? [{ ...step, change: { uuid, before: null, after: rest } }] : [],
  ];
}

/** The entry with this uuid, or the data of a master about the device. */
function renamed(
  { node, kind }: DeviceEntry,
  { uuid, said }: Pick<IdentityMend, "uuid" | "said">,
): string {
  const list = kind === "disk" ? "disks" : "nics";
  if (said === undefined) {
    const members = { uuid: JSON.stringify(uuid) };
    return formatJson(replaceMembers(node, members, list));
  }
  const object = parseJson(said.object);
  const { hvinfo } = membersOf(node, ["hvinfo"]);
  if (object.type !== "object") throw new TypeError("no object");
  const whole = withHvinfo(object, kind, hvinfo ?? "{}");
  return formatJson(
    kind === "nic" ? whole : jsonArray([
      whole,
      jsonNode(said.link ?? null),
      jsonNode(said.uri ?? null),
    ]),
  );
}

/** The steps that give an entry its uuid. */
export function renameSteps(
  facts: RenameFacts,
  entry: DeviceEntry,
  to: Pick<IdentityMend, "uuid" | "said">,
): Step[] {
  const { uuid: was = "", kind } = entry;
  const { stage, commit } = stateSteps(facts, {
    ...{ change: "entry", list: kind === "disk" ? "disks" : "nics" },
    ...{ uuid: was, to: to.uuid, entry: renamed(entry, to) },
  });
  return [stage, ...noteSteps(facts.own, was.toLowerCase(), to.uuid), commit];
}

/** Whether a master's device is the recorded one. */
function isSame(
  { paths, uri, mac }: IdentityMend,
  entry: DeviceEntry,
  { leads: [recorded, ...leads], own }: {
    readonly leads: readonly (string | undefined)[];
    readonly own: OwnFacts;
  },
): boolean {
  if (entry.kind === "nic") {
    return entry.mac?.toLowerCase() === mac || isInvented(own, entry);
  }
  if (uri !== undefined) return entry.uri === uri;
  const known = leads.slice(0, paths.length).filter((one) => one !== undefined);
  // If nothing tells which disk it is, the id alone counts.
  if (known.length === 0) return isInvented(own, entry);
  return recorded !== undefined && known.includes(recorded);
}

/** A master's data are recorded only if they are true: `adopt` sees bridges. */
function toSay(
  { said }: IdentityMend,
  entry: DeviceEntry,
): IdentityMend["said"] {
  if (said === undefined || entry.kind === "disk") return said;
  const { mode, link } = JSON.parse(said.object).nicparams ?? {};
  const isThere = mode !== "bridged" ||
    (entry.mode === mode && entry.link === link);
  return isThere ? said : undefined;
}

/** Plans to give an entry the uuid that a master has for its device. */
export async function planIdentity(
  request: IdentityMend,
  paths: InstancePaths,
  content: RuntimeContent,
): Promise<{ plan: Plan; process: QemuProcess | undefined }> {
  const process = findQemu(paths.pid, paths.name);
  const draft = {
    action: "mend",
    instance: paths.name,
    title: `the uuid ${request.uuid}`,
    device: null,
    ifCut: "finish",
  } as const;
  const none = { plan: planOf({ ...draft, steps: [] }), process };
  const entry = namesake(content.runtime, request);
  if (entry?.uuid === undefined) return none;
  const leads = await identitiesAt([
    entry.kind === "disk" ? entry.link : null,
    ...request.paths,
  ]);
  const own = toNote(await readOwnFacts(paths, process, loadNotes), process);
  if (!isSame(request, entry, { leads, own })) return none;
  const facts = { paths, content, nonce: makeNonce(), own };
  const title = `the uuid of ${titleOf(entry)}`;
  const said = toSay(request, entry);
  const steps = renameSteps(facts, entry, { ...request, said });
  return {
    plan: planOf({ ...draft, title, kinds: [entry.kind], steps }),
    process,
  };
}
