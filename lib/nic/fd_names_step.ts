/**
 * The step that closes fds which were passed to QEMU and not used.
 *
 * @module
 */

import { allFdNames } from "../device/nic.ts";
import { defineStep, type StepKind } from "../engine/world.ts";
import { QmpCommandError } from "../qmp/errors.ts";
import { type Check, list, shape, word } from "../state/value_check.ts";
import { LOOK_AT_QEMU } from "../engine/verbs.ts";

/** Closes every fd name that an operation can have left in QEMU. */
export interface DropFdNamesStep {
  /** {@linkcode DROP_FD_NAMES_STEP}. */
  readonly kind: "drop-fd-names";
  /** Those that may be there. */
  readonly names: readonly string[];
}

function check(): Check {
  const known = allFdNames();
  return shape({ names: list(word(...known)) });
}

/** The step that closes them. */
export const DROP_FD_NAMES_STEP: StepKind = defineStep<DropFdNamesStep>({
  kind: "drop-fd-names",
  check,
  traits: () => LOOK_AT_QEMU,
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
});
