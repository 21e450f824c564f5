/**
 * The further properties in an entry's `hvinfo`, beside driver, id and place,
 * and the properties of the running device. A migration target is started from
 * the file; therefore the file must have the values of the device. Ganeti's own
 * change of a NIC keeps the keys and plugs the card without them (SPEC 13).
 *
 * @module
 */

import {
  extraProperties,
  hvinfoFault,
  isRecordable,
} from "../device/hvinfo.ts";
import { nameOfEntry, titleOf } from "../device/select.ts";
import type { Plan } from "../engine/plan.ts";
import { propertiesOf, propertyTextOf } from "../qmp/device_queries.ts";
import type { QmpSession } from "../qmp/client.ts";
import { askAll, type Query } from "../qmp/query.ts";
import { objectOf } from "../state/entry_object.ts";
import { hasObject } from "../state/fixed_command.ts";
import { formatJson, type JsonObject, member } from "../state/json.ts";
import { splice, withMember } from "../state/json_splice.ts";
import type { DeviceEntry, Runtime } from "../state/runtime.ts";
import { plugAnew } from "./compare_entry.ts";
import type { Difference, WholeFacts } from "./difference.ts";
import type { Facts, QemuFacts } from "./facts.ts";
import { repairPlan } from "./finding.ts";
import { stateSteps } from "./steps.ts";

/**
 * A device's values for the properties of its entry, as words of a start; null:
 * it has no such property. Values that QEMU does not tell are left out.
 */
export type LiveProperties = ReadonlyMap<string, string | null>;

/** As {@linkcode LiveProperties}, for several devices, by device id. */
export type PropertiesById = ReadonlyMap<string, LiveProperties>;

type Told = ReadonlySet<string> | string | undefined;

/** Asks for them at once; asks nothing if no entry has any. */
export async function readProperties(
  qmp: QmpSession,
  { deviceIds }: Pick<QemuFacts, "deviceIds">,
  entries: readonly DeviceEntry[],
): Promise<PropertiesById> {
  const asked = entries.flatMap((entry) => {
    const { id = "" } = entry.hvinfo;
    const keys = Object.keys(extraProperties(entry));
    return keys.length > 0 && deviceIds.has(id) ? [{ id, keys }] : [];
  });
  if (asked.length === 0) return new Map();
  const questions = asked.flatMap(({ id, keys }) => [
    [id, propertiesOf(id)] as const,
    ...keys.map((key) => [`${id} ${key}`, propertyTextOf(id, key)] as const),
  ]);
  const told: Readonly<Record<string, Told>> = await askAll(
    qmp,
    Object.fromEntries<Query<Told>>(questions),
  );
  return new Map(asked.map(({ id, keys }) => {
    const names = told[id];
    const live = keys.flatMap((key): [string, string | null][] => {
      const value = told[`${id} ${key}`];
      if (typeof value === "string") return [[key, value]];
      const isKnown = names instanceof Set && names.size > 0;
      return isKnown && !names.has(key) ? [[key, null]] : [];
    });
    return [id, new Map(live)];
  }));
}

const BOOLEAN = new Map([
  ...["on", "yes", "true", "y"].map((word) => [word, "on"] as const),
  ...["off", "no", "false", "n"].map((word) => [word, "off"] as const),
]);

function wholeNumber(text: string): bigint | undefined {
  return /^(?:-?\d+|0x[0-9a-f]+)$/i.test(text) ? BigInt(text) : undefined;
}

/** Whether a start with the recorded word makes the existing value. */
function isSame(recorded: string, live: string): boolean {
  // QEMU shows a value that it chose itself as a chosen value.
  if (recorded === live || recorded === "auto") return true;
  const [one, other] = [wholeNumber(recorded), wholeNumber(live)];
  if (one !== undefined && other !== undefined) return one === other;
  const word = BOOLEAN.get(recorded);
  return word !== undefined && word === BOOLEAN.get(live);
}

/**
 * The value for the file; null: none. Undefined: the file cannot have the value
 * of the device.
 */
function toRecord(
  key: string,
  live: string | null,
  { kvmCmd }: Pick<Runtime, "kvmCmd">,
): string | null | undefined {
  if (live === null || live === "") return null;
  // If no start makes it, the device works without it.
  const isMade = key !== "iothread" ||
    hasObject(kvmCmd, { type: "iothread", id: live });
  if (!isMade) return null;
  return isRecordable(live) ? live : undefined;
}

/** The word of {@linkcode Difference.mend}. */
export const PROPERTY = "property";

function ofKey(
  facts: WholeFacts,
  entry: DeviceEntry,
  { key, recorded, live }: {
    readonly key: string;
    readonly recorded: string;
    readonly live: string | null;
  },
): Difference {
  const title = `${titleOf(entry)} (${entry.hvinfo.id})`;
  const about = {
    code: "property",
    device: nameOfEntry(entry),
    message: `${title} is recorded with ${key} ${recorded}, but ${
      live === null
        ? "QEMU's device has no such property"
        : `QEMU has ${live || "none"}`
    }`,
  };
  const right = toRecord(key, live, facts.content.runtime);
  if (right === undefined) return { ...about, hint: plugAnew(facts, entry) };
  const did = right === null
    ? `removed ${key} from its entry`
    : `recorded ${key} ${right}`;
  return {
    ...about,
    hint:
      "repair corrects the runtime file: a migration target must be as the running device",
    mend: { word: PROPERTY, subject: key, did },
  };
}

/** Recorded properties that differ from the device. Pure. */
export function propertyDifferences(
  facts: WholeFacts & { readonly properties: PropertiesById },
  entry: DeviceEntry,
): Difference[] {
  const fault = hvinfoFault(entry);
  if (fault !== undefined) {
    return [{
      code: "hvinfo",
      device: nameOfEntry(entry),
      message: `Ganeti cannot start the VM with ${titleOf(entry)}: ${fault}`,
      hint: plugAnew(facts, entry),
    }];
  }
  const live = facts.properties.get(entry.hvinfo.id ?? "");
  return Object.entries(extraProperties(entry)).flatMap(([key, value]) => {
    const recorded = String(value);
    const now = live?.get(key);
    if (now === undefined || (now !== null && isSame(recorded, now))) return [];
    return [ofKey(facts, entry, { key, recorded, live: now })];
  });
}

/** `hvinfo` with the present value of a property, as JSON text. */
function corrected(
  { node }: DeviceEntry,
  key: string,
  value: string | null,
): string | undefined {
  const object = objectOf(node);
  const hvinfo = object && member(object, "hvinfo");
  if (hvinfo?.type !== "object") return undefined;
  const at = hvinfo.members.findLastIndex((one) => one.key === key);
  if (at < 0) return undefined;
  const isNumber = value !== null && /^-?\d+$/.test(value);
  const changed: JsonObject = value === null
    ? splice(hvinfo, { at, remove: 1 })
    : withMember(hvinfo, key, isNumber ? value : JSON.stringify(value));
  return formatJson(changed);
}

/**
 * The plan that records the device's value of such a property, which is read
 * again.
 *
 * @returns undefined if there is nothing left to do
 */
export async function propertyPlan(
  facts: Facts,
  { device, mend }: Difference,
  qmp: QmpSession,
): Promise<Plan | undefined> {
  const { content: { runtime }, qemu, paths } = facts;
  const list = device?.kind === "nic" ? "nics" : "disks";
  const entries: readonly DeviceEntry[] = runtime[list];
  const entry = entries.find(({ index }) => index === device?.index);
  const { subject: key = "" } = mend ?? {};
  if (entry?.uuid === undefined) return undefined;
  const live = (await readProperties(qmp, qemu, [entry]))
    .get(entry.hvinfo.id ?? "")?.get(key);
  const value = live === undefined ? live : toRecord(key, live, runtime);
  const hvinfo = value === undefined ? undefined : corrected(entry, key, value);
  if (hvinfo === undefined) return undefined;
  const { stage, commit } = stateSteps(facts, {
    ...{ change: "members", list, uuid: entry.uuid, members: { hvinfo } },
  });
  return repairPlan(paths.name, `${key} of ${titleOf(entry)}`, {
    kinds: [entry.kind],
    steps: [stage, commit],
  });
}
