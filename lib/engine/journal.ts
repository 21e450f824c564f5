/**
 * The journal of an operation: its plan, then a line before each step. Whoever
 * comes after a kill reads from it what was under way, asks reality how far it
 * went, and finishes it or takes it back.
 *
 * @module
 */

import { type ProcessIdentity, readBootId } from "../host/process_identity.ts";
import type { InstancePaths } from "../state/instance.ts";
import { JournalFile } from "../state/journal_file.ts";
import type { Progress } from "./apply.ts";
import type { Plan } from "./plan.ts";
import type { Value } from "./verbs.ts";
import type { World } from "./world.ts";

/**
 * Another number: the lines mean something else. 1, of release 0.1, has no
 * `kinds`, `turn` and `ifCut` in its plan, and no `ledger` in its steps.
 */
export const JOURNAL_VERSION = 2;

/** What stands above the lines of a journal. */
export interface JournalHeader {
  /** {@linkcode JOURNAL_VERSION}. */
  readonly version: number;
  /** Boot id of the node: of an earlier one only files are left. */
  readonly boot: string;
  /** Whose devices they are; null if the process is not known. */
  readonly qemu: ProcessIdentity | null;
  /** Begin of the operation, ISO 8601. */
  readonly at: string;
  /** What was under way, for messages: `disk add`. */
  readonly command: string;
  /** The user's words: {@linkcode fingerprintOf}. */
  readonly request: string;
  /** All of it. */
  readonly plan: Plan;
}

/** One line below the header; exactly one of `do` and `undo` is there. */
interface JournalLine {
  /** Index of the step that begins: those before it are done. */
  readonly do?: number;
  /** Index of the step whose undoing begins. */
  readonly undo?: number;
  /** Values found out since the line before. */
  readonly values?: Readonly<Record<string, string>>;
}

/**
 * A request as text, without what we made up ourselves: the same command given
 * again has the same one.
 */
export function fingerprintOf(request: object): string {
  return JSON.stringify(
    request,
    (_key, value) => value?.origin === "made" ? null : value,
  );
}

/** What a journal is begun with. */
type JournalStart =
  & Pick<JournalHeader, "plan" | "command" | "request">
  & { readonly qemu: ProcessIdentity | undefined };

/**
 * Puts the plan on the disk, before its first step.
 *
 * @throws {HotplugError} `state-write-failed`; nothing is left behind
 */
export function beginJournal(
  paths: InstancePaths,
  { qemu, ...what }: JournalStart,
): JournalFile {
  const header: JournalHeader = {
    version: JOURNAL_VERSION,
    boot: qemu?.boot ?? readBootId(),
    qemu: qemu ?? null,
    at: new Date().toISOString(),
    ...what,
  };
  return new JournalFile(paths, JSON.stringify(header));
}

/**
 * Writes a line before each step to come, then `next` sees it.
 *
 * @param world the plan is applied to it
 */
export function journalProgress(
  file: JournalFile,
  { steps, values }: World,
  next: Progress = {},
): Progress {
  const written = new Set<Value>();
  const append = (line: JournalLine) => {
    const found = steps.values.flatMap((one) => {
      const value = values.get(one);
      if (value === undefined || written.has(one)) return [];
      written.add(one);
      return [[one.name, value] as const];
    });
    const more = found.length > 0 && { values: Object.fromEntries(found) };
    file.append(JSON.stringify({ ...line, ...more }));
  };
  return {
    doing(step, index, kind) {
      append({ do: index });
      next.doing?.(step, index, kind);
    },
    undoing(step, index, kind) {
      try {
        append({ undo: index });
      } catch {
        // It is undone with or without a line about it: after a kill the same
        // steps would be undone.
      }
      next.undoing?.(step, index, kind);
    },
  };
}
