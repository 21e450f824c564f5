/**
 * The job of a request of `rpc`: an invocation and its handler.
 *
 * @module
 */

import type { Terminal } from "../commands/answer.ts";
import { COMMANDS, instanceGiven } from "../commands/commands.ts";
import { withWholeName } from "../commands/whole_name.ts";
import { type HotplugError, usage } from "../errors.ts";
import { isInstanceName } from "../state/instance.ts";
import { type JsonObject, stringMember } from "../state/json.ts";
import { commandSpec, dotted, type Invocation } from "../words/options.ts";
import { GANETI_METHODS, ganetiJob, isGanetiMethod } from "./ganeti.ts";
import { commandOfMethod, invocationOf, type Job } from "./invocation.ts";
import { RPC_ERRORS, type RpcRequest } from "./message.ts";

/** A request with an error of JSON-RPC itself. */
export interface NoJob {
  /** One of {@linkcode RPC_ERRORS}. */
  readonly code: number;
  /** The error in its answer. */
  readonly error: HotplugError;
}

/** The instance that a request names, for a request that is not a job. */
export function instanceNamed({ params }: RpcRequest): string | undefined {
  const name = params?.type === "object"
    ? stringMember(params, "instance")
    : undefined;
  return name !== undefined && isInstanceName(name) ? name : undefined;
}

/**
 * The same job with the whole name of its instance; Ganeti's methods have the
 * whole name already.
 *
 * @throws {HotplugError} `no-such-instance`
 */
export function withInstance(job: Job, env: Terminal["env"]): Job {
  if (job.act !== undefined) return job;
  const invocation = withWholeName(job.invocation, env);
  return { invocation, instance: instanceGiven(invocation) };
}

const EMPTY: JsonObject = { type: "object", members: [] };

/**
 * The method that describes the methods: https://spec.open-rpc.org, "Service
 * Discovery".
 */
const DISCOVER = commandSpec("rpc discover", {
  summary: "the OpenRPC document",
  examples: "",
});

/**
 * Whether a request asks for the OpenRPC document.
 *
 * @throws {HotplugError} `usage`: a key that is unknown
 */
export function isDiscovery(
  { method, params = EMPTY }: RpcRequest,
  base: Invocation,
): boolean {
  if (method !== dotted(DISCOVER)) return false;
  if (params.type === "object") invocationOf(DISCOVER, params, base);
  return true;
}

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
    const isStream = COMMANDS.some((one) => dotted(one) === method);
    const why = isStream
      ? ": this command prints many lines, so it has no single answer"
      : "";
    return {
      code: RPC_ERRORS.method,
      error: usage(
        `No method ${JSON.stringify(method)}${why}`,
        `methods are ${
          [...GANETI_METHODS, dotted(DISCOVER)].join(", ")
        }, and the words of a command with a dot between them, such as disk.add`,
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
  return { invocation, instance: instanceGiven(invocation) };
}
