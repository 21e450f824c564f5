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
export interface JournalLine {
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
export type JournalStart =
  & Pick<JournalHeader, "plan" | "command" | "request">
  & { readonly qemu: ProcessIdentity | undefined };

/** Writes the journal of one operation; owns its file. */
export class Journal implements Disposable {
  readonly #file: JournalFile;
  readonly #written = new Set<string>();

  /**
   * Puts the plan on the disk, before its first step.
   *
   * @throws {HotplugError} `state-write-failed`; nothing is left behind
   */
  constructor(paths: InstancePaths, { qemu, ...what }: JournalStart) {
    const header: JournalHeader = {
      version: JOURNAL_VERSION,
      boot: qemu?.boot ?? readBootId(),
      qemu: qemu ?? null,
      at: new Date().toISOString(),
      ...what,
    };
    this.#file = new JournalFile(paths, JSON.stringify(header));
  }

  /**
   * Sees every step to come, then `next`.
   *
   * @param world the plan is applied to it
   */
  progress(world: World, next: Progress = {}): Progress {
    return {
      doing: (step, index, kind) => {
        this.#append({ do: index, ...this.#found(world) });
        next.doing?.(step, index, kind);
      },
      undoing: (step, index, kind) => {
        this.#tryAppend({ undo: index, ...this.#found(world) });
        next.undoing?.(step, index, kind);
      },
    };
  }

  #found({ steps, values }: World): Pick<JournalLine, "values"> {
    const found = steps.values.flatMap((one) => {
      const value = values.get(one);
      if (value === undefined || this.#written.has(one.name)) return [];
      this.#written.add(one.name);
      return [[one.name, value] as const];
    });
    return found.length === 0 ? {} : { values: Object.fromEntries(found) };
  }

  #append(line: JournalLine) {
    this.#file.append(JSON.stringify(line));
  }

  /** What is being undone is undone with or without a line about it. */
  #tryAppend(line: JournalLine) {
    try {
      this.#append(line);
    } catch {
      // The same steps would be undone after a kill.
    }
  }

  /** All is done, or all is undone. */
  end(): void {
    try {
      this.#file.remove();
    } catch {
      // Whoever reads it finds that nothing is left to do or undo.
    }
  }

  /** Closes the file; without {@linkcode Journal.end} it stays. */
  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }
}
