/**
 * Runs the tool under strace(1) and counts what it does.
 *
 * @module
 */

import { type AnyCall, type Place, settle, wordsOf } from "./calls.ts";
import { type Cost, costIn } from "./strace_log.ts";

/** What each call cost, in one turn. */
export type Costs = Readonly<Record<AnyCall, Cost>>;

/** Runs that are counted: more would only show the same again. */
export const COST_ROUNDS = 5;

async function costOf(program: string, words: string[]): Promise<Cost> {
  const log = await Deno.makeTempFile({ prefix: "kvm-hotplug-strace-" });
  try {
    const shown = ["-f", "-qq", "-yy", "-s", "65536", "-o", log];
    const { code } = await new Deno.Command("strace", {
      args: [...shown, program, ...words],
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).output();
    if (code !== 0) {
      throw new Error(`${program} ${words.join(" ")}: exit status ${code}`);
    }
    return costIn(await Deno.readTextFile(log), await Deno.realPath(program));
  } finally {
    await Deno.remove(log);
  }
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
