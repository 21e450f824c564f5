/**
 * The step that makes a first runtime file.
 *
 * @module
 */

import type { FirstRuntime } from "../state/runtime_create.ts";
import type { Verbs } from "./step.ts";

/** Makes a runtime file where there is none. */
export interface CreateStateStep extends FirstRuntime {
  /** Decides who carries it out. */
  readonly kind: "create-state";
}

/** Only `adopt` has such a step: the rest is loaded when one runs. */
const files = () => import("../state/runtime_create.ts");

const create: Verbs<CreateStateStep> = {
  async do(step) {
    (await files()).createRuntime(step);
  },
  async undo(step) {
    (await files()).removeCreated(step);
  },
  async confirm(step) {
    return (await files()).isAsCreated(step) ? "done" : "not-done";
  },
  describe: ({ path }) => ({
    step: "make the runtime file",
    qmp: null,
    host: `write and fsync ${path}, mode 0600`,
    undo: "remove it",
  }),
};

/** The verbs of the step that makes a first runtime file. */
export const createVerbs = { "create-state": create } as const;
