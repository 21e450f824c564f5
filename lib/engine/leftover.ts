/**
 * Files that only an operation of ours can have left. Pure.
 *
 * @module
 */

import { basename, dirname } from "@std/path/posix";
import { type DiskLinksStep, linkVerbs } from "../disk/links_step.ts";
import { QmpCommandError } from "../qmp/errors.ts";
import type { InstancePaths } from "../state/instance.ts";
import { SysError } from "../sys/errno.ts";
import { openFile, statPath, unlink } from "../sys/file.ts";
import { O } from "../sys/layout.ts";
import type { Verbs } from "./verbs.ts";

/** Whether a name is that of a staged runtime file: eight letters, `.new`. */
export function isStagedName(
  value: unknown,
  { runtime }: InstancePaths,
): boolean {
  const name = basename(runtime);
  return typeof value === "string" && value.startsWith(name) &&
    /^[a-z0-9]{8}\.new$/.test(value.slice(name.length));
}

/**
 * Whether only an operation of ours can have left what is there: a staged
 * runtime file, a NIC file that was being written.
 */
export function isLeftover(path: unknown, paths: InstancePaths): boolean {
  const { runtime, nicDir } = paths;
  if (typeof path !== "string") return false;
  const name = basename(path);
  switch (dirname(path)) {
    case dirname(runtime):
      return isStagedName(name, paths);
    case nicDir:
      return /^\d{1,3}\.new$/.test(name);
  }
  return false;
}

/** Removes a file that an operation left. */
export interface RemoveLeftoverStep {
  /** Decides who carries it out. */
  readonly kind: "remove-leftover";
  /** Absolute. */
  readonly path: string;
}

/** Closes every fd name that an operation can have left in QEMU. */
export interface DropFdNamesStep {
  /** Decides who carries it out. */
  readonly kind: "drop-fd-names";
  /** Those that may be there. */
  readonly names: readonly string[];
}

function isThere(path: string): boolean {
  try {
    statPath(path, { followLinks: "no" });
    return true;
  } catch (error) {
    if (error instanceof SysError) return false;
    throw error;
  }
}

const removeLeftover: Verbs<RemoveLeftoverStep> = {
  async do({ path }) {
    const flags = O.RDONLY | O.DIRECTORY | O.NOFOLLOW;
    using dir = openFile(dirname(path), flags);
    await Promise.resolve(unlink(basename(path), { dir }));
  },
  async undo() {},
  confirm: ({ path }) => Promise.resolve(isThere(path) ? "not-done" : "done"),
  describe: ({ path }) => ({
    step: "remove what is left of an operation",
    qmp: null,
    host: `remove ${path}`,
    undo: null,
  }),
};

const dropFdNames: Verbs<DropFdNamesStep> = {
  async do({ names }, world) {
    for (const fdname of names) {
      try {
        await world.qmp.execute("closefd", { fdname });
      } catch (error) {
        // Nothing lists the names: one that is not there is refused.
        if (!(error instanceof QmpCommandError)) throw error;
      }
    }
  },
  async undo() {},
  confirm: () => Promise.resolve("unknown"),
  describe: ({ names }) => ({
    step: `QEMU closes what was passed to it and not used`,
    qmp: { execute: "closefd", arguments: { fdname: names[0] ?? "" } },
    host: null,
    undo: null,
  }),
};

/** A step that puts in order what is not of this operation. */
export type RepairStep = RemoveLeftoverStep | DropFdNamesStep | DiskLinksStep;

/** The verbs of the steps of repair. */
export const repairVerbs = {
  "remove-leftover": removeLeftover,
  "drop-fd-names": dropFdNames,
  ...linkVerbs,
} as const;
