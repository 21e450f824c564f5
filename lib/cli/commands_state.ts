/**
 * Commands about the runtime file.
 *
 * @module
 */

import type { CommandSpec } from "../commands/commands.ts";
import { DRY_RUN } from "../words/options.ts";

/** The `state` commands, in the order of the usage text. */
export const STATE_COMMANDS: readonly CommandSpec[] = [
  {
    name: "state show",
    operands: ["INSTANCE"],
    summary: "the runtime file, as it is and as it is understood",
    options: [{
      name: "verify",
      help: "compare it with the live QEMU; exit 3 if they differ",
    }],
  },
  {
    name: "state upgrade",
    operands: ["INSTANCE"],
    summary: "bring a runtime file of an older Ganeti to today's form",
    options: [DRY_RUN],
  },
  {
    name: "state command",
    operands: ["INSTANCE"],
    summary: "the command line that starts an identical QEMU",
    options: [{
      name: "incoming",
      value: "URI",
      help:
        "where its state comes from, e.g. unix:/run/m.sock; starts a target",
    }],
  },
];
