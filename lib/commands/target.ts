/**
 * Commands that ask a QEMU take an instance's name or the path of a QMP
 * socket, told apart by a `/`.
 *
 * @module
 */

import { expectAnything } from "../plan/instances.ts";
import { type InstancePaths, instancePaths } from "../state/instance.ts";
import type { Terminal } from "./answer.ts";
import type { Invocation } from "../words/options.ts";
import { absolute } from "../words/request_words.ts";
import { instanceOf, reachOf } from "./requests.ts";

/** Whom a question is for. */
export interface Target {
  /** As the user said it, for messages and documents. */
  readonly label: string;
  /** Undefined if only a socket is known: there is no runtime file then. */
  readonly paths: InstancePaths | undefined;
  /** Absolute path of the QMP socket. */
  readonly qmp: string;
}

/**
 * The target that a command line names as its first operand.
 *
 * @throws {HotplugError} `usage` if it can be neither; `no-such-instance` if
 * there is nothing of that name
 */
export function targetOf(
  invocation: Invocation,
  env: Terminal["env"],
): Target {
  const word = invocation.operands[0] ?? "";
  const reach = reachOf(invocation, env);
  if (word.includes("/")) {
    return { label: word, paths: undefined, qmp: absolute(word) };
  }
  const name = instanceOf(invocation) ?? "";
  const paths = instancePaths(reach.runDir, name, reach);
  expectAnything(paths);
  return { label: paths.name, paths, qmp: paths.qmp };
}
