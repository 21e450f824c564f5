/**
 * The step that removes a file that an interrupted operation left.
 *
 * @module
 */

import { basename, dirname } from "@std/path/posix";
import { isLeftover } from "../state/leftover.ts";
import { shape } from "../state/value_check.ts";
import { unlessRefused } from "../sys/errno.ts";
import { openFile, statPath, unlink } from "../sys/file.ts";
import { O } from "../sys/layout.ts";
import { defineStep, type StepKind } from "./world.ts";
import { ON_NODE } from "./verbs.ts";

/** Removes a file that an operation left. */
export interface RemoveLeftoverStep {
  /** {@linkcode REMOVE_LEFTOVER_STEP}. */
  readonly kind: "remove-leftover";
  /** Absolute. */
  readonly path: string;
}

function isThere(path: string): boolean {
  return unlessRefused(() => statPath(path, { followLinks: "no" })) !==
    undefined;
}

/** The step that removes such a file. */
export const REMOVE_LEFTOVER_STEP: StepKind = defineStep<RemoveLeftoverStep>({
  kind: "remove-leftover",
  check: ({ paths }) => shape({ path: (value) => isLeftover(value, paths) }),
  traits: () => ON_NODE,
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
});
