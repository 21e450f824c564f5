/**
 * Reading back a journal that somebody left. Nothing of it is believed: it is
 * checked whole before any of it is used.
 *
 * @module
 */

import { messageOf } from "../errors.ts";
import { isJson, type Json } from "../qmp/message.ts";
import { type InstancePaths, isInstanceName } from "../state/instance.ts";
import { readJournalFile } from "../state/journal_file.ts";
import { processIdentity } from "../state/own_check.ts";
import {
  faultOf,
  json,
  openObject,
  orNull,
  text,
  word,
} from "../state/value_check.ts";
import type { Fd } from "../sys/fd.ts";
import { JOURNAL_VERSION, type JournalHeader } from "./journal.ts";
import { checkPlan, Fault } from "./journal_check.ts";
import { fromVersion1, type JournalReader } from "./journal_version1.ts";
import type { Value } from "./verbs.ts";
import type { StepTable } from "./world.ts";

/** An operation that did not come to its end. */
export interface LeftJournal extends JournalHeader {
  /** The last step that was begun; -1 if none was. */
  readonly begun: number;
  /** Whether it was already being taken back. */
  readonly undoing: boolean;
  /** The kinds of its steps. */
  readonly table: StepTable;
  /** What the run had found out. */
  readonly values: ReadonlyMap<Value, string>;
}

/** What is known of an instance's last operation. */
export type JournalReading =
  /** It came to its end. */
  | { readonly state: "none" }
  /** It was killed before its first step: there is nothing to take back. */
  | { readonly state: "empty" }
  | { readonly state: "left"; readonly journal: LeftJournal }
  /** It goes with the same runtime file, by another name of its instance. */
  | { readonly state: "foreign"; readonly instance: string }
  /** It is ours and cannot be understood. */
  | { readonly state: "damaged"; readonly why: string }
  /** It is not root's alone: nothing proves whose it is. */
  | { readonly state: "unusable"; readonly why: string };

function object(line: string, what: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new Fault(`${what}: ${messageOf(error)}`);
  }
  if (isJson(value)) return value;
  throw new Fault(`${what} must be an object`);
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
 * Makes a reader of the kinds of devices that a plan names.
 *
 * @param kinds words of the plan; undefined: it names none, any may be in it
 */
export type LoadReader = (
  kinds: readonly string[] | undefined,
) => Promise<JournalReader>;

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
  reader: JournalReader,
): JournalHeader {
  const value: unknown = object(line, "line 1");
  if (!HEADER(value)) throw new Fault(faultOf(HEADER, value, ""));
  const { version, plan } = value;
  const whole = version === 1 ? fromVersion1(plan, reader) : plan;
  return {
    ...value,
    version: JOURNAL_VERSION,
    plan: checkPlan(whole, paths, reader.steps),
  };
}

function index(value: unknown, steps: number, what: string): number {
  const fits = Number.isSafeInteger(value) && Number(value) >= 0 &&
    Number(value) < steps;
  if (fits) return Number(value);
  throw new Fault(`${what} names no step of the plan`);
}

function checkValues(
  value: unknown,
  what: string,
  { steps }: JournalReader,
): [Value, string][] {
  return Object.entries(object(JSON.stringify(value), what)).map(
    ([name, found]) => {
      const known = steps.values.find((one) => one.name === name);
      if (known?.check?.(found)) return [known, String(found)];
      throw new Fault(`${what} has a value of no known kind`);
    },
  );
}

function understand(
  [first = "", ...lines]: readonly string[],
  paths: InstancePaths,
  reader: JournalReader,
): LeftJournal {
  const head = header(first, paths, reader);
  const steps = head.plan.steps.length;
  const values = new Map<Value, string>();
  let begun = -1;
  let undoing = false;
  for (const [i, line] of lines.entries()) {
    const what = `line ${i + 2}`;
    const { do: done, undo, values: found = {} } = object(line, what);
    for (const [known, value] of checkValues(found, what, reader)) {
      values.set(known, value);
    }
    const at = index(done ?? undo, steps, what);
    undoing ||= done === undefined;
    if (!undoing) begun = Math.max(begun, at);
  }
  return { ...head, begun, undoing, values, table: reader.steps };
}

/**
 * The instance that a file of the user's was named by when the journal was
 * written, if it is whole but for that. The derived file has but one name.
 */
function otherInstance(
  lines: readonly string[],
  paths: InstancePaths,
  reader: JournalReader,
): string | undefined {
  if (paths.lockKey === paths.name) return undefined;
  try {
    const { plan } = object(lines[0] ?? "", "line 1");
    const name = isJson(plan) ? String(plan.instance) : "";
    if (!isInstanceName(name) || name === paths.name) return undefined;
    understand(lines, { ...paths, name }, reader);
    return name;
  } catch {
    return undefined;
  }
}

/** Understands the lines of a journal. Throws nothing, whatever they are. */
export function parseJournal(
  lines: readonly string[],
  paths: InstancePaths,
  reader: JournalReader,
): JournalReading {
  if (lines.length === 0) return { state: "empty" };
  try {
    const journal = understand(lines, paths, reader);
    return journal.begun < 0 ? { state: "empty" } : { state: "left", journal };
  } catch (error) {
    const instance = otherInstance(lines, paths, reader);
    return instance === undefined
      ? { state: "damaged", why: messageOf(error) }
      : { state: "foreign", instance };
  }
}

/** Reads an instance's journal, if it has one. */
export async function readJournal(
  dir: Fd,
  paths: InstancePaths,
  load: LoadReader,
): Promise<JournalReading> {
  const found = readJournalFile(dir, paths);
  if (found.state !== "there") return found;
  const { lines } = found;
  return parseJournal(lines, paths, await load(kindsIn(lines)));
}
