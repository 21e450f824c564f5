/**
 * The whole name of an instance that a person named by its first part:
 * INTERFACE, "The program".
 *
 * @module
 */

import { HotplugError, shortage } from "../errors.ts";
import { wholeNameOf } from "../plan/instances.ts";
import { commandLine, isInstanceName } from "../state/instance.ts";
import type { Invocation } from "../words/options.ts";
import { takesInstance } from "./commands.ts";
import { reachOf } from "./requests.ts";

/** With these options a name may be unknown on this node. */
const OVERRIDES = ["qmp", "state"];

/**
 * The same invocation with the whole name of its instance. With a given socket
 * or file, the name is used unchanged.
 *
 * @throws {HotplugError} `no-such-instance` if several instances match, or if
 * `adopt`, which may make an instance's file, has only a part of a name
 */
export function withWholeName(
  invocation: Invocation,
  env: (name: string) => string | undefined,
): Invocation {
  const { command, operands: [word, ...rest], values } = invocation;
  const isWhole = word === undefined || !isInstanceName(word) ||
    !takesInstance(command) ||
    OVERRIDES.some((name) => values.has(name));
  if (isWhole) return invocation;
  try {
    const reach = reachOf(invocation, env);
    const name = wholeNameOf(reach.runDir, word);
    if (name !== word && command?.name === "adopt") {
      throw new HotplugError(
        "no-such-instance",
        `adopt needs the whole name of an instance: no instance is called ${word}`,
        { hint: commandLine(reach, "adopt", name) },
      );
    }
    return { ...invocation, operands: [name, ...rest] };
  } catch (error) {
    throw shortage(error) ?? error;
  }
}
