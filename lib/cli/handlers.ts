/**
 * The handler of each command. Everything is imported when it is needed: code
 * that a command does not need is not even compiled.
 *
 * @module
 */

import type { Handler } from "../commands/answer.ts";
import { COMMANDS } from "../commands/commands.ts";
import { DRY_RUN } from "../words/options.ts";

/** Commands with a handler of their own, beside the plain changes. */
const OWN = new Map<string, () => Promise<Handler>>(Object.entries({
  completion: async () =>
    (await import("../commands/completion.ts")).completion,
  check: async () => (await import("../commands/check.ts")).check,
  events: async () => (await import("../commands/events.ts")).events,
  shell: async () => (await import("../shell/shell.ts")).shell,
  help: async () => (await import("../commands/help.ts")).help,
  pci: async () => (await import("../commands/pci.ts")).pci,
  metrics: async () => (await import("../commands/metrics.ts")).metrics,
  qmp: async () => (await import("../commands/qmp.ts")).qmp,
  list: async () => (await import("../commands/list.ts")).list,
  "state command": async () =>
    (await import("../commands/state_command.ts")).stateCommand,
  "state show": async () =>
    (await import("../commands/state_show.ts")).stateShow,
  repair: async () => (await import("../commands/repair.ts")).repair,
  rpc: async () => (await import("../rpc/rpc.ts")).rpc,
  schema: async () => (await import("../rpc/schema.ts")).schema,
}));

/** Whether a command changes something, unless it is a dry run. */
export function isChangeCommand(name: string | undefined): boolean {
  return COMMANDS.some((one) =>
    one.name === name && one.options.includes(DRY_RUN)
  );
}

/** Whether a command makes a request, which is planned and applied. */
export function isRequestCommand(name: string | undefined): boolean {
  return isChangeCommand(name) && !OWN.has(name ?? "");
}

/**
 * The handler of a command.
 *
 * @throws {TypeError} if the table of commands has a command without a handler
 */
export async function handlerOf(name: string): Promise<Handler> {
  const load = OWN.get(name);
  if (load !== undefined) return await load();
  if (isRequestCommand(name)) {
    return (await import("../commands/change.ts")).change;
  }
  throw new TypeError(`no handler of ${name}`);
}
