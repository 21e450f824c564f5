/**
 * Turns a command line into a Request: checks every word, without a look at
 * this node.
 *
 * @module
 */

import * as check from "../words/values.ts";
import type { Reach, RunOptions } from "../engine/options.ts";
import type { Request } from "../operation/request.ts";
import {
  checkInstanceName,
  commandLine,
  defaultRunDir,
} from "../state/instance.ts";
import {
  GLOBAL_OPTIONS,
  type Invocation,
  LOCK_TIMEOUT,
  TIMEOUT,
  UNPLUG_TIMEOUT,
} from "../words/options.ts";
import { absolute, amount, option, path } from "../words/request_words.ts";
import { kindRequest } from "../kinds.ts";
import type { Call } from "./answer.ts";
import { waitingLine } from "./waiting.ts";

/** The instance a command names; undefined if it names none. */
export function instanceOf(invocation: Invocation): string | undefined {
  const name = invocation.operands[0];
  return name === undefined ? undefined : checkInstanceName(name);
}

/**
 * The request of a command line.
 *
 * @throws {HotplugError} `usage` | `unsupported`
 * @throws {TypeError} if the command does not change an instance
 */
export function requestOf(invocation: Invocation): Request {
  const instance = instanceOf(invocation) ?? "";
  switch (invocation.command?.name) {
    case "state upgrade":
      return { kind: "state-upgrade", instance };
    case "adopt":
      return {
        kind: "adopt",
        instance,
        uuid: option(invocation, "uuid", check.uuid),
      };
  }
  const request = kindRequest(invocation, instance);
  if (request !== undefined) return request;
  throw new TypeError(`no change: ${invocation.command?.name}`);
}

/** How to reach the instance, from the global options. */
export function reachOf(
  invocation: Invocation,
  env: (name: string) => string | undefined,
): Reach {
  return {
    runDir: option(invocation, "run-dir", path) ??
      absolute(defaultRunDir(env)),
    qmp: option(invocation, "qmp", path),
    state: option(invocation, "state", path),
    reachedBy: ["run-dir", "qmp", "state"].flatMap((name) => {
      const value = invocation.values.get(name);
      return value === undefined ? [] : [`--${name}`, value];
    }),
    timeoutMs: amount(invocation, TIMEOUT) ?? 5_000,
    unplugTimeoutMs: amount(invocation, UNPLUG_TIMEOUT) ?? 30_000,
    lockTimeoutMs: amount(invocation, LOCK_TIMEOUT) ?? 10_000,
  };
}

/** The same command line with additional words, in its usual form. */
export function wholeCommand(
  { command, operands, values, flags }: Invocation,
  more: readonly string[],
): string {
  const options = [...values].flatMap(([name, text]) => [`--${name}`, text]);
  const own = [...flags].filter((flag) =>
    !GLOBAL_OPTIONS.some(({ name }) => name === flag)
  );
  const given = [...options, ...own.map((name) => `--${name}`)];
  const words = [`${command?.name}`.split(" "), operands, given, more].flat();
  return commandLine({}, ...words);
}

/** The options of a call; disposing removes the line about its wait. */
export function optionsOf(call: Call): RunOptions & Disposable {
  const { invocation, terminal, trace } = call;
  const line = waitingLine(call);
  return {
    ...reachOf(invocation, terminal.env),
    mode: invocation.flags.has("dry-run") ? "dry-run" : "apply",
    signal: terminal.signal,
    trace: trace.qmp,
    progress: trace.isWatched ? trace.progress : undefined,
    waiting: line?.told,
    [Symbol.dispose]: () => line?.[Symbol.dispose](),
  };
}
