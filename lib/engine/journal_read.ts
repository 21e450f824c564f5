/**
 * Reads a journal that an earlier call left. No part of it is trusted: the
 * whole journal is checked before any part is used, its plan word by word as if
 * it came from the command line. Each kind of step has its own check; a refused
 * step is not done.
 *
 * @module
 */

import { messageOf } from "../errors.ts";
import { parseExact } from "../qmp/exact_json.ts";
import { isJson, type Json } from "../qmp/message.ts";
import { type InstancePaths, isInstanceName } from "../state/instance.ts";
import { readJournalFile } from "../state/journal_file.ts";
import { processIdentity } from "../state/own_check.ts";
import {
  anything,
  dictionary,
  faultOf,
  json,
  LINE,
  list,
  openObject,
  orNull,
  text,
  whole,
  word,
} from "../state/value_check.ts";
import type { Fd } from "../sys/fd.ts";
import { JOURNAL_VERSION, type JournalHeader } from "./journal.ts";
import { fromVersion1 } from "./journal_version1.ts";
import type { Plan } from "./plan.ts";
import type { Step, Value } from "./verbs.ts";
import type { StepTable } from "./world.ts";

/** An operation that did not come to its end. */
export interface LeftJournal extends JournalHeader {
  /** The last step that was begun; -1 if none was. */
  readonly begun: number;
  /** Whether the undo had begun. */
  readonly undoing: boolean;
  readonly table: StepTable;
  /** The values that the run had found. */
  readonly values: ReadonlyMap<Value, string>;
}

/** The result of reading the journal of an instance's last operation. */
export type JournalReading =
  /** The operation came to its end. */
  | { readonly state: "none" }
  /** The operation was killed before its first step: nothing must be undone. */
  | { readonly state: "empty" }
  | { readonly state: "left"; readonly journal: LeftJournal }
  /** It belongs to the same runtime file, with another name of its instance. */
  | { readonly state: "foreign"; readonly instance: string }
  /** It is ours but not valid. */
  | { readonly state: "damaged"; readonly why: string }
  /** It does not belong to root alone: its origin is not proven. */
  | { readonly state: "unusable"; readonly why: string };

/** A fault of a journal. */
export class Fault extends Error {}

/** The fault of a step, undefined if it is valid. */
export function stepFault(
  step: unknown,
  paths: InstancePaths,
  table: StepTable,
): string | undefined {
  if (!isJson(step)) return "a step must be an object";
  const kind = table.find(String(step.kind));
  if (kind === undefined) return `unknown kind of step: ${step.kind}`;
  if (kind.check({ paths, ...table.checks })(step)) return undefined;
  return `step ${step.kind} has a value that is not valid for this instance`;
}

/** Only shown, never used. */
const DEVICE = orNull(dictionary(
  /^[a-z_]{1,32}$/,
  (one): one is unknown =>
    one === null || typeof one !== "object" ||
    list(text(/^[a-z_]{1,32}$/))(one) ||
    dictionary(/^[a-z_-]{1,32}$/, (inner) => typeof inner === "number")(one),
));

/** Whether the turning step is a step in which the guest takes part. */
function isTurn(
  turn: unknown,
  steps: readonly Step[],
  table: StepTable,
): boolean {
  const turns = (step: Step) => table.traits(step).turn !== null;
  if (turn === null) return !steps.some(turns);
  const step = Number.isSafeInteger(turn) ? steps[Number(turn)] : undefined;
  return step !== undefined && turns(step);
}

const PLAN = openObject({
  action: text(/^[a-z]{1,16}$/),
  title: text(LINE),
  device: DEVICE,
  warnings: list(anything),
  kinds: list(anything),
  ifCut: word("finish", "take-back"),
});

/**
 * A plan in the current form.
 *
 * @throws {Fault} if it is not a plan of this instance
 */
export function checkPlan(
  plan: Json,
  paths: InstancePaths,
  table: StepTable,
): Plan {
  const { steps, turn } = plan;
  if (!Array.isArray(steps)) throw new Fault("the plan has no steps");
  if (plan.instance !== paths.name || !PLAN(plan)) {
    throw new Fault(`it is not a plan for ${paths.name}`);
  }
  for (const step of steps) {
    const fault = stepFault(step, paths, table);
    if (fault !== undefined) throw new Fault(fault);
  }
  const checked = plan as unknown as Plan;
  if (isTurn(turn, checked.steps, table)) return checked;
  throw new Fault("the plan has no valid turning step");
}

function asObject(value: unknown, what: string): Json {
  if (isJson(value)) return value;
  throw new Fault(`${what} must be an object`);
}

function object(line: string, what: string): Json {
  let value: unknown;
  try {
    value = parseExact(line);
  } catch (error) {
    throw new Fault(`${what}: ${messageOf(error)}`);
  }
  return asObject(value, what);
}

const HEADER = openObject({
  version: word(JOURNAL_VERSION, 1),
  boot: text(/^[0-9a-f-]{36}$/),
  qemu: orNull(processIdentity),
  at: text(/^\d{4}-\d\d-\d\dT[\d:.]{8,12}Z$/),
  command: text(/^[a-z][a-z -]{0,31}$/),
  request: text(/^/),
  plan: json,
});

/**
 * Loads the steps of the kinds of devices that a plan names.
 *
 * @param kinds words of the plan; undefined: it names none, and may have steps
 * of any kind
 */
export type LoadSteps = (
  kinds: readonly string[] | undefined,
) => Promise<StepTable>;

/** The kinds that a journal's plan names; undefined if it names none. */
function kindsIn([first = ""]: readonly string[]): string[] | undefined {
  try {
    const { plan } = object(first, "line 1");
    const kinds = isJson(plan) ? plan.kinds : undefined;
    return Array.isArray(kinds) ? kinds.map(String) : undefined;
  } catch {
    return undefined;
  }
}

function header(
  line: string,
  paths: InstancePaths,
  table: StepTable,
): JournalHeader {
  const value: unknown = object(line, "line 1");
  if (!HEADER(value)) throw new Fault(faultOf(HEADER, value, ""));
  const { version, plan } = value;
  const upgraded = version === 1 ? fromVersion1(plan, table) : plan;
  return {
    ...value,
    version: JOURNAL_VERSION,
    plan: checkPlan(upgraded, paths, table),
  };
}

function checkValues(
  value: unknown,
  what: string,
  table: StepTable,
): [Value, string][] {
  return Object.entries(asObject(value, what)).map(([name, found]) => {
    const known = table.values.find((one) => one.name === name);
    if (known?.check?.(found)) return [known, String(found)];
    throw new Fault(`${what} has a value of an unknown kind`);
  });
}

function understand(
  [first = "", ...lines]: readonly string[],
  paths: InstancePaths,
  table: StepTable,
): LeftJournal {
  const head = header(first, paths, table);
  const isIndex = whole(0, head.plan.steps.length - 1);
  const values = new Map<Value, string>();
  let begun = -1;
  let undoing = false;
  for (const [i, line] of lines.entries()) {
    const what = `line ${i + 2}`;
    const { do: done, undo, values: found = {} } = object(line, what);
    for (const [known, value] of checkValues(found, what, table)) {
      values.set(known, value);
    }
    const at = done ?? undo;
    if (!isIndex(at)) {
      throw new Fault(`${what} does not name a step of the plan`);
    }
    undoing ||= done === undefined;
    if (!undoing) begun = Math.max(begun, at);
  }
  return { ...head, begun, undoing, values, table };
}

/**
 * The instance name at the time of the journal, if the journal is valid except
 * for this name. Only a file that the user names may have several names.
 */
function otherInstance(
  lines: readonly string[],
  paths: InstancePaths,
  table: StepTable,
): string | undefined {
  if (paths.lockKey === paths.name) return undefined;
  try {
    const { plan } = object(lines[0] ?? "", "line 1");
    const name = isJson(plan) ? String(plan.instance) : "";
    if (!isInstanceName(name)) return undefined;
    understand(lines, { ...paths, name }, table);
    return name;
  } catch {
    return undefined;
  }
}

/** Reads the lines of a journal. Never throws, whatever the lines are. */
export function parseJournal(
  lines: readonly string[],
  paths: InstancePaths,
  table: StepTable,
): JournalReading {
  if (lines.length === 0) return { state: "empty" };
  try {
    const journal = understand(lines, paths, table);
    return journal.begun < 0 ? { state: "empty" } : { state: "left", journal };
  } catch (error) {
    const instance = otherInstance(lines, paths, table);
    return instance === undefined
      ? { state: "damaged", why: messageOf(error) }
      : { state: "foreign", instance };
  }
}

/** Reads an instance's journal, if it has one. */
export async function readJournal(
  dir: Fd,
  paths: InstancePaths,
  load: LoadSteps,
): Promise<JournalReading> {
  const found = readJournalFile(dir, paths);
  if (found.state !== "there") return found;
  const { lines } = found;
  return parseJournal(lines, paths, await load(kindsIn(lines)));
}
