/**
 * Two executables of the tool on the same machine, in turns, so that whatever
 * slows the machine down slows both down.
 *
 * @module
 */

import { ALL_CALLS, type AnyCall, type Place } from "./calls.ts";
import { settle, timeProcess, wordsOf } from "./calls.ts";
import { COST_ROUNDS, type Costs, costsOf } from "./cost.ts";

/** One value of each of both executables. */
export interface Pair<T> {
  /** Of the one that is compared with. */
  readonly other: T;
  /** Of the one that was built from these sources. */
  readonly tool: T;
}

/** Milliseconds of whole processes, in one turn. */
export type Times = Readonly<Record<AnyCall, number>>;

/** All that was measured with one release; each item is one round. */
export interface PairResults {
  readonly times: readonly Pair<Times>[];
  readonly costs: readonly Pair<Costs>[];
}

async function timesOf(program: string, place: Place): Promise<Times> {
  const times = {} as Record<AnyCall, number>;
  for (const call of ALL_CALLS) {
    times[call] = timeProcess(program, wordsOf(call, place));
    await settle(place.vm, call);
  }
  return times;
}

/** Who comes first changes from round to round. */
async function inTurn<T>(
  programs: Pair<string>,
  index: number,
  turn: (program: string) => Promise<T>,
): Promise<Pair<T>> {
  if (index % 2 === 0) {
    const other = await turn(programs.other);
    return { other, tool: await turn(programs.tool) };
  }
  const tool = await turn(programs.tool);
  return { other: await turn(programs.other), tool };
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
    const turn = (program: string) => timesOf(program, place);
    times.push(await inTurn(programs, index, turn));
  }
  const costs: Pair<Costs>[] = [];
  for (let index = 0; index < Math.min(count, COST_ROUNDS); index++) {
    const turn = (program: string) => costsOf(program, place);
    costs.push(await inTurn(programs, index, turn));
  }
  return { times: times.slice(1), costs };
}
