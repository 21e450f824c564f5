/**
 * The journal of an operation: its plan, then a line before each step. After a
 * kill the next call reads the interrupted operation from it, asks reality how
 * far it went, and finishes it or takes it back.
 *
 * @module
 */

import { type ProcessIdentity, readBootId } from "../host/process_identity.ts";
import type { InstancePaths } from "../state/instance.ts";
import { JournalFile } from "../state/journal_file.ts";
import type { Progress } from "./apply.ts";
import type { Plan } from "./plan.ts";
import type { Step, Value } from "./verbs.ts";
import type { StepTable, World } from "./world.ts";

/**
 * With another number the lines have another meaning. Version 1, of release
 * 0.1, has no `kinds`, `turn` and `ifCut` in its plan, and no `ledger` in its
 * steps.
 */
export const JOURNAL_VERSION = 2;

/** The first line of a journal. */
export interface JournalHeader {
  /** {@linkcode JOURNAL_VERSION}. */
  readonly version: number;
  /** Boot id of the node: after another boot only files are left. */
  readonly boot: string;
  /** The QEMU of the devices; null if the process is unknown. */
  readonly qemu: ProcessIdentity | null;
  /** Start of the operation, ISO 8601. */
  readonly at: string;
  /** The operation, for messages: `disk add`. */
  readonly command: string;
  /** The user's request: {@linkcode fingerprintOf}. */
  readonly request: string;
  /** The whole plan. */
  readonly plan: Plan;
}

/** One line after the header, with either `do` or `undo`. */
interface JournalLine {
  /** Index of the step that begins: earlier steps are done. */
  readonly do?: number;
  /** Index of the step of which the undo begins. */
  readonly undo?: number;
  /** Values that were found since the line before. */
  readonly values?: Readonly<Record<string, string>>;
}

/**
 * A request as text, without random values: the same command has the same text
 * each time.
 */
export function fingerprintOf(request: object): string {
  return JSON.stringify(
    request,
    (_key, value) => value?.origin === "made" ? null : value,
  );
}

/** The data at the start of a journal. */
type JournalStart =
  & Pick<JournalHeader, "plan" | "command" | "request">
  & {
    readonly qemu: ProcessIdentity | undefined;
    readonly steps: StepTable;
  };

/** Whether there is something of a step once this process has ended. */
function leavesTraces(step: Step | undefined, steps: StepTable): boolean {
  return step !== undefined && steps.traits(step).leaves !== "nothing";
}

/**
 * Puts the plan on the disk, and with it that its first step begins: between
 * the two there is nothing to be told apart, as a step that had not begun is
 * taken back like one that had.
 *
 * @throws {HotplugError} `state-write-failed`; nothing is left behind
 */
export function beginJournal(
  paths: InstancePaths,
  { qemu, steps, ...what }: JournalStart,
): JournalFile {
  const header: JournalHeader = {
    version: JOURNAL_VERSION,
    boot: qemu?.boot ?? readBootId(),
    qemu: qemu ?? null,
    at: new Date().toISOString(),
    ...what,
  };
  const lines = [JSON.stringify(header)];
  const line: JournalLine = { do: 0 };
  if (leavesTraces(what.plan.steps[0], steps)) lines.push(JSON.stringify(line));
  return new JournalFile(paths, lines);
}

/**
 * Writes a line before each step to come, then `next` sees it.
 *
 * A step that leaves nothing has no line: killed in it, the operation stands as
 * it did before it. But behind the turning step there is always one, as it
 * tells that the guest has done its part.
 *
 * @param world the plan is applied to it
 */
export function journalProgress(
  file: JournalFile,
  { plan, world: { steps, values }, next = {} }: {
    readonly plan: Plan;
    readonly world: World;
    readonly next?: Progress | undefined;
  },
): Progress {
  const written = new Set<Value>();
  const unwritten = () =>
    steps.values.filter((one) => values.has(one) && !written.has(one));
  const append = (line: JournalLine) => {
    const found = unwritten().map((one) => {
      written.add(one);
      return [one.name, values.get(one) ?? ""] as const;
    });
    const more = found.length > 0 && { values: Object.fromEntries(found) };
    file.append(JSON.stringify({ ...line, ...more }));
  };
  const isTold = (step: Step, index: number) =>
    leavesTraces(step, steps) || unwritten().length > 0 ||
    (plan.turn !== null && index === plan.turn + 1);
  return {
    doing(step, index, kind) {
      // The first is told with the plan.
      if (index > 0 && isTold(step, index)) append({ do: index });
      next.doing?.(step, index, kind);
    },
    undoing(step, index, kind) {
      try {
        append({ undo: index });
      } catch {
        // The step is undone with or without a line about it: after a kill the
        // same steps would be undone.
      }
      next.undoing?.(step, index, kind);
    },
  };
}
