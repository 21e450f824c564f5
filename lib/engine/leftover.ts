/**
 * The step that removes a file that an interrupted operation left.
 *
 * @module
 */

import { basename, dirname } from "@std/path/posix";
import { isLeftover } from "../state/leftover.ts";
import type { Of } from "../state/value_check.ts";
import { unlessRefused } from "../sys/errno.ts";
import { openFile, statPath, unlink } from "../sys/file.ts";
import { O } from "../sys/layout.ts";
import { defineStep } from "./world.ts";
import { ON_NODE, stepCheck } from "./verbs.ts";

const checkRemoveLeftover = stepCheck("remove-leftover", ({ paths }) => ({
  path: (value) => isLeftover(value, paths),
}));

/** Removes a file that an operation left. */
export type RemoveLeftoverStep = Of<typeof checkRemoveLeftover>;

function isThere(path: string): boolean {
  return unlessRefused(() => statPath(path, { followLinks: "no" })) !==
    undefined;
}

/** The step that removes such a file. */
export const REMOVE_LEFTOVER_STEP = defineStep({
  check: checkRemoveLeftover,
  traits: () => ON_NODE,
  do({ path }) {
    const flags = O.RDONLY | O.DIRECTORY | O.NOFOLLOW;
    using dir = openFile(dirname(path), flags);
    unlink(basename(path), { dir });
  },
  undo() {},
  confirm: ({ path }) => !isThere(path),
  describe: ({ path }) => ({
    step: "remove what is left of an operation",
    host: `remove ${path}`,
    undo: null,
  }),
});
