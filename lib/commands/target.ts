/**
 * Commands that ask a QEMU take an instance's name or the path of a QMP socket;
 * a path contains a `/`.
 *
 * @module
 */

import type { Reach } from "../engine/options.ts";
import type { Target } from "../plan/facts.ts";
import { expectAnything } from "../plan/instances.ts";
import { instancePaths } from "../state/instance.ts";
import type { Invocation } from "../words/options.ts";
import { absolute } from "../words/request_words.ts";
import { instanceOf } from "./requests.ts";

/**
 * The target in the first operand of a command line.
 *
 * @throws {HotplugError} `usage` if it is neither a name nor a path;
 * `no-such-instance` if there is no such instance
 */
export function targetOf(invocation: Invocation, reach: Reach): Target {
  const word = invocation.operands[0] ?? "";
  if (word.includes("/")) {
    const paths = instancePaths(reach.runDir, "socket", {
      qmp: absolute(word),
    });
    return { label: word, kind: "socket", paths };
  }
  const name = instanceOf(invocation) ?? "";
  const paths = instancePaths(reach.runDir, name, reach);
  expectAnything(paths);
  return { label: paths.name, kind: "instance", paths };
}
