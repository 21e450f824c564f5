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
import { checkProcess } from "../state/own_check.ts";
import type { Fd } from "../sys/fd.ts";
import {
  JOURNAL_VERSION,
  JOURNALED_VALUES,
  type JournalHeader,
} from "./journal.ts";
import { stepFault } from "./journal_check.ts";
import { TAP } from "../nic/steps.ts";
import type { Plan } from "./plan.ts";
import { dictionary, LINE, orNull, text } from "./value_check.ts";

/** An operation that did not come to its end. */
export interface LeftJournal extends JournalHeader {
  /** The last step that was begun; -1 if none was. */
  readonly begun: number;
  /** Whether it was already being taken back. */
  readonly undoing: boolean;
  /** What the run had found out: `tap`. */
  readonly values: ReadonlyMap<string, string>;
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

class Fault extends Error {}

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

const WORD = text(/^[a-z][a-z -]{0,31}$/);
const BOOT = text(/^[0-9a-f-]{36}$/);
const TIME = text(/^\d{4}-\d\d-\d\dT[\d:.]{8,12}Z$/);
/** Only shown, never acted on. */
const DEVICE = orNull(dictionary(
  /^[a-z_]{1,32}$/,
  (one) =>
    one === null || typeof one !== "object" ||
    dictionary(/^[a-z-]{1,32}$/, (inner) => typeof inner === "number")(one),
));
const ACTION = text(/^[a-z]{1,16}$/);

function checkPlan(value: unknown, paths: InstancePaths): Plan {
  if (!isJson(value) || !Array.isArray(value.steps)) {
    throw new Fault("the plan has no steps");
  }
  const fits = ACTION(value.action) && value.instance === paths.name &&
    text(LINE)(value.title) &&
    (value.device === null || DEVICE(value.device)) &&
    Array.isArray(value.warnings);
  if (!fits) throw new Fault(`the plan is none of ${paths.name}`);
  for (const step of value.steps) {
    const fault = stepFault(step, paths);
    if (fault !== undefined) throw new Fault(fault);
  }
  return value as unknown as Plan;
}

function header(line: string, paths: InstancePaths): JournalHeader {
  const { version, boot, qemu, at, command, request, plan } = object(
    line,
    "line 1",
  );
  if (version !== JOURNAL_VERSION) {
    throw new Fault(`version must be ${JOURNAL_VERSION}: it is ${version}`);
  }
  const said = BOOT(boot) && TIME(at) && WORD(command);
  if (!said || typeof request !== "string") {
    throw new Fault("line 1 does not say when and what");
  }
  return {
    version,
    boot: String(boot),
    qemu: qemu === null ? null : checkProcess(qemu, "qemu"),
    at: String(at),
    command: String(command),
    request,
    plan: checkPlan(plan, paths),
  };
}

function index(value: unknown, steps: number, what: string): number {
  const fits = Number.isSafeInteger(value) && Number(value) >= 0 &&
    Number(value) < steps;
  if (fits) return Number(value);
  throw new Fault(`${what} names no step of the plan`);
}

function checkValues(value: unknown, what: string): [string, string][] {
  return Object.entries(object(JSON.stringify(value), what)).map(
    ([name, found]) => {
      if (JOURNALED_VALUES.includes(name) && text(TAP)(found)) {
        return [name, String(found)];
      }
      throw new Fault(`${what} has a value of no known kind`);
    },
  );
}

function understand(
  [first = "", ...lines]: readonly string[],
  paths: InstancePaths,
): LeftJournal {
  const head = header(first, paths);
  const steps = head.plan.steps.length;
  const values = new Map<string, string>();
  let begun = -1;
  let undoing = false;
  for (const [i, line] of lines.entries()) {
    const what = `line ${i + 2}`;
    const { do: done, undo, values: found = {} } = object(line, what);
    for (const [name, value] of checkValues(found, what)) {
      values.set(name, value);
    }
    const at = index(done ?? undo, steps, what);
    undoing ||= done === undefined;
    if (!undoing) begun = Math.max(begun, at);
  }
  return { ...head, begun, undoing, values };
}

/**
 * The instance that a file of the user's was named by when the journal was
 * written, if it is whole but for that. The derived file has but one name.
 */
function otherInstance(
  lines: readonly string[],
  paths: InstancePaths,
): string | undefined {
  if (paths.lockKey === paths.name) return undefined;
  try {
    const { plan } = object(lines[0] ?? "", "line 1");
    const name = isJson(plan) ? String(plan.instance) : "";
    if (!isInstanceName(name) || name === paths.name) return undefined;
    understand(lines, { ...paths, name });
    return name;
  } catch {
    return undefined;
  }
}

/** Understands the lines of a journal. Throws nothing, whatever they are. */
export function parseJournal(
  lines: readonly string[],
  paths: InstancePaths,
): JournalReading {
  if (lines.length === 0) return { state: "empty" };
  try {
    const journal = understand(lines, paths);
    return journal.begun < 0 ? { state: "empty" } : { state: "left", journal };
  } catch (error) {
    const instance = otherInstance(lines, paths);
    return instance === undefined
      ? { state: "damaged", why: messageOf(error) }
      : { state: "foreign", instance };
  }
}

/** Reads an instance's journal, if it has one. */
export function readJournal(dir: Fd, paths: InstancePaths): JournalReading {
  const found = readJournalFile(dir, paths);
  return found.state === "there" ? parseJournal(found.lines, paths) : found;
}
