/**
 * Repairs by a journal: follows the journal if possible; if not, removes it,
 * because file, QEMU and node tell the rest.
 *
 * @module
 */

import {
  type JournalReading,
  type LeftJournal,
  readJournal,
} from "../engine/journal_read.ts";
import {
  foreignJournal,
  foresee,
  recover,
  titleOf,
} from "../engine/recover.ts";
import { isStage } from "../engine/state_steps.ts";
import { isFailure, type Remark, remark } from "../errors.ts";
import type { RunOptions } from "../engine/options.ts";
import type { Repaired } from "../plan/finding.ts";
import { commandLine, type InstancePaths, ownPath } from "../state/instance.ts";
import { removeJournalFile } from "../state/journal_file.ts";
import { openOwnDirectory, openOwnDirectoryIfThere } from "../state/lock.ts";
import { shellWord } from "../state/shell_word.ts";
import { loadSteps } from "../operation/journal_reader.ts";

/** A shorter name, such as an fd's number, could occur in any text. */
const MIN_NAME = 4;

/** The result for a journal. */
export interface JournalOutcome {
  readonly repaired: Repaired[];
  /** The things that a person has to do. */
  readonly remaining: Remark[];
  /** Its objects that belong to another owner now. @default none */
  readonly leftAlone?: readonly Remark[];
  /** Names of its objects, if it was only read. @default none */
  readonly parts?: readonly string[];
}

async function read(paths: InstancePaths): Promise<JournalReading> {
  using dir = openOwnDirectoryIfThere(paths.runDir);
  if (dir === undefined) return { state: "none" };
  return await readJournal(dir, paths, loadSteps);
}

/**
 * The names by which the differences of an interrupted change are recognised.
 */
function partsOf(
  { plan: { device, steps }, values }: LeftJournal,
  { runtime }: InstancePaths,
): string[] {
  const staged = steps.flatMap((one) => isStage(one) ? one.temporary : []);
  const places = steps.flatMap((one): unknown[] => Object.values(one))
    .flatMap((value) => typeof value === "string" ? value : [])
    .filter((value) => value.startsWith("/") && value !== runtime);
  return [device?.id, device?.uuid, ...values.values(), ...staged, ...places]
    .flatMap((name) => name ?? [])
    .filter((name) => name.length >= MIN_NAME);
}

/** The way that repair would go. */
async function foreseen(
  journal: LeftJournal,
  paths: InstancePaths,
  options: RunOptions,
): Promise<string> {
  const course = await foresee(journal, paths, { ...options, load: loadSteps });
  return course === "finish" ? "repair finishes it" : "repair undoes it";
}

async function remainingOf(
  reading: JournalReading,
  paths: InstancePaths,
  options: RunOptions,
): Promise<Remark[]> {
  const path = ownPath(paths, "journal");
  if (reading.state === "unusable") {
    return [
      remark(
        "journal-unusable",
        `${path} cannot be used: ${reading.why}; find out which program made it`,
        // Whatever it is: even a directory.
        { hint: `rm -r ${shellWord(path)}` },
      ),
    ];
  }
  if (reading.state === "none" || options.mode === "apply") return [];
  const what = reading.state === "left"
    ? `${titleOf(reading.journal)}, was interrupted: ${await foreseen(
      reading.journal,
      paths,
      options,
    )}`
    : `${path} is a leftover of an interrupted operation`;
  const hint = commandLine(paths, "repair", paths.name);
  return [remark("interrupted", what, { hint })];
}

/** Removes a journal that is not needed any more. */
export function putAway(paths: InstancePaths): void {
  using dir = openOwnDirectory(paths.runDir);
  removeJournalFile(dir, paths);
}

/** Follows a valid journal. */
async function follow(
  paths: InstancePaths,
  options: RunOptions,
): Promise<JournalOutcome> {
  try {
    const recovery = await recover(paths, { ...options, load: loadSteps });
    if (recovery === undefined) return { repaired: [], remaining: [] };
    const { what, did, leftAlone = [] } = recovery;
    const repaired = [{ what: `${what}, was interrupted`, did }];
    return { repaired, remaining: [], leftAlone };
  } catch (error) {
    if (!isFailure(error, "interrupted")) throw error;
    // It would block the commands that repair the rest.
    putAway(paths);
    const did = "removed its journal";
    return { repaired: [{ what: error.message, did }], remaining: [] };
  }
}

/**
 * Repairs by a journal, or only reports the repair.
 *
 * @throws {HotplugError} status 4 if QEMU runs and cannot be asked; `refused`
 * if it was written for another instance
 */
export async function repairJournal(
  paths: InstancePaths,
  options: RunOptions,
): Promise<JournalOutcome> {
  const reading = await read(paths);
  // The name is wrong: no fault of this instance is known.
  if (reading.state === "foreign") {
    throw foreignJournal(reading.instance, paths);
  }
  const remaining = await remainingOf(reading, paths, options);
  if (options.mode === "dry-run") {
    const parts = reading.state === "left"
      ? partsOf(reading.journal, paths)
      : [];
    return { repaired: [], remaining, parts };
  }
  switch (reading.state) {
    case "none":
    case "unusable":
      return { repaired: [], remaining };
    case "damaged":
      putAway(paths);
      return {
        repaired: [{
          what: `the journal is damaged: ${reading.why}`,
          did:
            "removed it, and compared the runtime file, QEMU and the node instead",
        }],
        remaining,
      };
    case "empty":
    case "left":
      return await follow(paths, options);
    default:
      return reading satisfies never;
  }
}
