/**
 * Who carries out which command. Everything is imported when it is needed:
 * what a command does without is not even compiled.
 *
 * @module
 */

import type { Handler } from "./answer.ts";

const CHANGES = [
  "disk add",
  "disk remove",
  "nic add",
  "nic remove",
  "state upgrade",
];

const QUESTIONS: Readonly<Record<string, () => Promise<Handler>>> = {
  completion: async () => (await import("./completion.ts")).completion,
  check: async () => (await import("./check.ts")).check,
  events: async () => (await import("./events.ts")).events,
  help: async () => (await import("./help.ts")).help,
  qmp: async () => (await import("./qmp.ts")).qmp,
  list: async () => (await import("./list.ts")).list,
  "state command": async () =>
    (await import("./state_command.ts")).stateCommand,
  "state show": async () => (await import("./state_show.ts")).stateShow,
  rpc: async () => (await import("./rpc.ts")).rpc,
};

/** Whether a command changes something, unless it is a dry run. */
export function isChangeCommand(name: string | undefined): boolean {
  return name !== undefined && CHANGES.includes(name);
}

/**
 * The one that carries out a command.
 *
 * @throws {TypeError} if the table of commands has one that nobody carries out
 */
export async function handlerOf(name: string): Promise<Handler> {
  if (isChangeCommand(name)) return (await import("./change.ts")).change;
  const load = QUESTIONS[name];
  if (load === undefined) throw new TypeError(`no handler of ${name}`);
  return await load();
}
