/**
 * Runs the tool under strace(1) and counts what it does.
 *
 * @module
 */

import { LineProcess } from "../lab/line_process.ts";
import {
  type AnyCall,
  type Place,
  requestOf,
  RPC_CALLS,
  type RpcCall,
  settle,
  wordsOf,
} from "./calls.ts";
import { type Cost, costIn, requestCostsIn } from "./strace_log.ts";

/** What each call cost, in one turn. */
export type Costs = Readonly<Record<AnyCall, Cost>>;

/** What each request of `rpc` cost. */
export type RpcCosts = Readonly<Record<RpcCall, Cost>>;

/** Runs that are counted: more would only show the same again. */
export const COST_ROUNDS = 5;

/** Lets strace write a log, and reads it. */
async function logged(
  run: (strace: readonly string[]) => Promise<void>,
): Promise<string> {
  const log = await Deno.makeTempFile({ prefix: "kvm-hotplug-strace-" });
  try {
    await run(["-f", "-qq", "-yy", "-s", "65536", "-o", log]);
    return await Deno.readTextFile(log);
  } finally {
    await Deno.remove(log);
  }
}

async function costOf(program: string, words: string[]): Promise<Cost> {
  const log = await logged(async (strace) => {
    const { code } = await new Deno.Command("strace", {
      args: [...strace, program, ...words],
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).output();
    if (code === 0) return;
    throw new Error(`${program} ${words.join(" ")}: exit status ${code}`);
  });
  return costIn(log, await Deno.realPath(program));
}

/** Makes each of these calls once and counts. */
export async function costsOf(
  program: string,
  place: Place,
  calls: readonly AnyCall[],
): Promise<Costs> {
  const costs = {} as Record<AnyCall, Cost>;
  for (const call of calls) {
    costs[call] = await costOf(program, wordsOf(call, place));
    await settle(place.vm, call);
  }
  return costs;
}

/** `rpc` of an executable. */
export function startRpc(
  program: string,
  { vm }: Pick<Place, "vm">,
  before: readonly string[] = [],
): LineProcess {
  const [first = program, ...args] = [
    ...before,
    ...[program, "rpc", "--run-dir", vm.runDir],
  ];
  return new LineProcess(first, { args, env: {} });
}

/** @throws {Error} if it is refused */
export async function askRpc(
  rpc: LineProcess,
  call: RpcCall,
  place: Place,
): Promise<void> {
  const answer = await rpc.ask(requestOf(call, place)) as {
    readonly error?: { readonly message: string };
  };
  if (answer.error === undefined) return;
  throw new Error(`${call}: ${answer.error.message}`);
}

/**
 * Makes each request of one `rpc` and counts. Those before were made once
 * already: whatever is loaded when it is needed is there.
 */
export async function rpcCostsOf(
  program: string,
  place: Place,
): Promise<RpcCosts> {
  const log = await logged(async (strace) => {
    await using rpc = startRpc(program, place, ["strace", ...strace]);
    for (const call of [...RPC_CALLS, ...RPC_CALLS]) {
      await askRpc(rpc, call, place);
      await settle(place.vm, call);
    }
  });
  const costs = requestCostsIn(log, await Deno.realPath(program));
  const warm = costs.slice(RPC_CALLS.length);
  return Object.fromEntries(
    RPC_CALLS.map((call, i) => [call, warm[i]]),
  ) as Record<RpcCall, Cost>;
}
