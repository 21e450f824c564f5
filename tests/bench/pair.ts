/**
 * Two executables of the tool on the same machine, in turns, so that whatever
 * slows the machine down slows both down.
 *
 * @module
 */

import { type AnyCall, BLOCKS, type Place } from "./calls.ts";
import { settle, timeProcess, wordsOf } from "./calls.ts";
import {
  COST_ROUNDS,
  type Costs,
  costsOf,
  type RpcCosts,
  rpcCostsOf,
} from "./cost.ts";
import { cpuMsOfChildren } from "./cpu_time.ts";

/** One value of each of both executables. */
export interface Pair<T> {
  /** Of the one that is compared with. */
  readonly other: T;
  /** Of the one that was built from these sources. */
  readonly tool: T;
}

/** Milliseconds of one whole process. */
export interface Time {
  /** From before its fork to after its exit. */
  readonly clockMs: number;
  /** That it and its children had the CPU. */
  readonly cpuMs: number;
}

/** The times of one turn. */
export type Times = Readonly<Record<AnyCall, Time>>;

/** All that was measured with one release; each item is one round. */
export interface PairResults {
  readonly times: readonly Pair<Times>[];
  readonly costs: readonly Pair<Costs & RpcCosts>[];
}

async function timesOf(
  program: string,
  place: Place,
  calls: readonly AnyCall[],
): Promise<Times> {
  const times = {} as Record<AnyCall, Time>;
  for (const call of calls) {
    const before = cpuMsOfChildren();
    const clockMs = timeProcess(program, wordsOf(call, place));
    times[call] = { clockMs, cpuMs: cpuMsOfChildren() - before };
    await settle(place.vm, call);
  }
  return times;
}

/**
 * One round: block by block, so that the two that are compared lie close
 * together. Who comes first changes from round to round.
 */
async function inTurn<T extends object>(
  programs: Pair<string>,
  index: number,
  turn: (program: string, calls: readonly AnyCall[]) => Promise<T>,
): Promise<Pair<T>> {
  const done = { other: {} as T, tool: {} as T };
  const both = ["other", "tool"] as const;
  for (const calls of BLOCKS) {
    for (const who of index % 2 === 0 ? both : both.toReversed()) {
      Object.assign(done[who], await turn(programs[who], calls));
    }
  }
  return done;
}

/**
 * Measures both. One more round of times comes first and is not counted: QEMU,
 * the guest and the page cache do things for the first time.
 */
export async function measurePair(
  programs: Pair<string>,
  place: Place,
  count: number,
): Promise<PairResults> {
  const times: Pair<Times>[] = [];
  for (let index = 0; index <= count; index++) {
    times.push(
      await inTurn(programs, index, (one, calls) => timesOf(one, place, calls)),
    );
  }
  const costs: Pair<Costs & RpcCosts>[] = [];
  for (let index = 0; index < Math.min(count, COST_ROUNDS); index++) {
    const calls = await inTurn<Costs>(
      programs,
      index,
      (one, calls) => costsOf(one, place, calls),
    );
    const other = await rpcCostsOf(programs.other, place);
    const tool = await rpcCostsOf(programs.tool, place);
    costs.push({
      other: { ...calls.other, ...other },
      tool: { ...calls.tool, ...tool },
    });
  }
  return { times: times.slice(1), costs };
}
