/**
 * What a request of `rpc` comes to: an invocation, and who carries it out.
 *
 * @module
 */

import type { Terminal } from "../commands/answer.ts";
import { takesInstance } from "../commands/commands.ts";
import { withWholeName } from "../commands/whole_name.ts";
import { type HotplugError, usage } from "../errors.ts";
import type { JsonObject } from "../state/json.ts";
import type { Invocation } from "../words/options.ts";
import { GANETI_METHODS, ganetiJob, isGanetiMethod } from "./ganeti.ts";
import { commandOfMethod, invocationOf, type Job } from "./invocation.ts";
import { RPC_ERRORS, type RpcRequest } from "./message.ts";

/** A request that JSON-RPC itself has an error for. */
export interface NoJob {
  /** Of {@linkcode RPC_ERRORS}. */
  readonly code: number;
  /** Said in its answer. */
  readonly error: HotplugError;
}

function instanceIn({ command, operands }: Invocation): string | undefined {
  return takesInstance(command) ? operands[0] : undefined;
}

/**
 * The same job, its instance by its whole name; Ganeti's methods give that.
 *
 * @throws {HotplugError} `no-such-instance`
 */
export function withInstance(job: Job, env: Terminal["env"]): Job {
  if (job.act !== undefined) return job;
  const invocation = withWholeName(job.invocation, env);
  return { invocation, instance: instanceIn(invocation) };
}

const EMPTY: JsonObject = { type: "object", members: [] };

/**
 * Reads a request's method and parameters.
 *
 * @param base the program's own invocation
 * @throws {HotplugError} `usage`: a parameter that is missing, unknown or wrong
 */
export function jobOf(
  { method, params = EMPTY }: RpcRequest,
  base: Invocation,
): Job | NoJob {
  if (isGanetiMethod(method)) return ganetiJob(method, params, base);
  const command = commandOfMethod(method);
  if (command === undefined) {
    return {
      code: RPC_ERRORS.method,
      error: usage(
        `No method ${JSON.stringify(method)}`,
        `methods are ${
          GANETI_METHODS.join(", ")
        }, and the words of a command joined by a dot, such as disk.add`,
      ),
    };
  }
  if (params.type !== "object") {
    return {
      code: RPC_ERRORS.params,
      error: usage(`"params" of ${method} must be an object with keys`),
    };
  }
  const invocation = invocationOf(command, params, base);
  return { invocation, instance: instanceIn(invocation) };
}
