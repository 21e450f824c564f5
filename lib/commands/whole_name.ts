/**
 * The whole name of an instance that a person named by its first part:
 * INTERFACE, "The program".
 *
 * @module
 */

import { shortage } from "../errors.ts";
import { wholeNameOf } from "../plan/instances.ts";
import { isInstanceName } from "../state/instance.ts";
import type { Invocation } from "../words/options.ts";
import { takesInstance } from "./commands.ts";
import { reachOf } from "./requests.ts";

/** With these a name need not be one that this node knows. */
const OVERRIDES = ["qmp", "state"];

/**
 * The same invocation, its instance by its whole name. `adopt`, which may make
 * an instance's file, takes the name as it is; so does whoever gives socket or
 * file.
 *
 * @throws {HotplugError} `no-such-instance` if several could be meant
 */
export function withWholeName(
  invocation: Invocation,
  env: (name: string) => string | undefined,
): Invocation {
  const { command, operands: [word, ...rest], values } = invocation;
  const isWhole = word === undefined || !isInstanceName(word) ||
    !takesInstance(command) || command?.name === "adopt" ||
    OVERRIDES.some((name) => values.has(name));
  if (isWhole) return invocation;
  try {
    const name = wholeNameOf(reachOf(invocation, env).runDir, word);
    return { ...invocation, operands: [name, ...rest] };
  } catch (error) {
    throw shortage(error) ?? error;
  }
}
