/**
 * Sweeps of kills over the points of an operation, and what must be true after
 * each.
 *
 * @module
 */

import { assertEquals, equal } from "@std/assert";
import type { KillBench, State } from "./kill_bench.ts";
import {
  actAt,
  FULL,
  type KillPoint,
  pointsOf,
  recordMessages,
} from "./kill_points.ts";
import type { Scenario } from "./kill_scenario.ts";
import { EXECUTABLE, resultOf, spawnTool, tool } from "../lab/tool.ts";

/** How an operation is brought to an end after it was killed. */
export type Mender =
  /** `repair`. */
  | "repair"
  /** The same command again. */
  | "again"
  /** The journal is lost: `repair`, then what it says is to be done. */
  | "no journal";

/** All of them. */
const MENDERS: readonly Mender[] = ["repair", "again", "no journal"];

/** One sweep of a series. */
export interface Sweep {
  readonly verb: Scenario["verb"];
  readonly mender: Mender;
}

/**
 * The sweeps a release takes part in; unless all is wanted, the releases share
 * them.
 *
 * @param release its index among `releases`
 */
export function sweepsOf(release: number, releases: number): Sweep[] {
  const all = (["add", "remove"] as const)
    .flatMap((verb) => MENDERS.map((mender) => ({ verb, mender })));
  return all.filter((_, k) => FULL || k % releases === release);
}

/** Both states that are whole: without the device, and with it. */
export interface Whole {
  readonly without: State;
  readonly with: State;
}

/** What an operation finds and what it leaves. */
export function endsOf(
  { verb }: Scenario,
  whole: Whole,
): { before: State; done: State } {
  return verb === "add"
    ? { before: whole.without, done: whole.with }
    : { before: whole.with, done: whole.without };
}

/** The command line that is interrupted. */
export function commandOf(scenario: Scenario): readonly string[] {
  return scenario.verb === "add" ? scenario.add : scenario.remove;
}

/** Learns both whole states; the device is not there afterwards. */
export async function learn(
  bench: KillBench,
  scenario: Scenario,
): Promise<Whole> {
  // The own record keeps the limits of a disk that is removed.
  await bench.expectTool(...scenario.add);
  await takeBack(bench, scenario);
  const without = await bench.state(scenario);
  await bench.expectTool(...scenario.add);
  const whole = { without, with: await bench.state(scenario) };
  await takeBack(bench, scenario);
  assertEquals(await bench.state(scenario), without);
  return whole;
}

async function takeBack(
  bench: KillBench,
  { remove, reset }: Scenario,
): Promise<void> {
  await bench.expectTool(...remove);
  if (reset !== undefined) await bench.expectTool(...reset);
}

/** Brings the device where the operation begins. */
export async function prepare(
  bench: KillBench,
  scenario: Scenario,
): Promise<void> {
  if (scenario.verb === "add") return await takeBack(bench, scenario);
  await bench.expectTool(...scenario.add);
}

/** Messages of the whole operation. */
export async function dialogue(
  bench: KillBench,
  scenario: Scenario,
): Promise<string[]> {
  await prepare(bench, scenario);
  return await recordMessages(
    bench,
    () => bench.expectTool(...commandOf(scenario)),
  );
}

/** Kills the tool at a point and returns when it is gone. */
export async function killAt(
  bench: KillBench,
  scenario: Scenario,
  point: KillPoint,
): Promise<boolean> {
  const process = spawnTool(bench.vm, commandOf(scenario));
  const during = resultOf(process);
  return await actAt(bench, point, {
    during,
    async act() {
      try {
        process.kill("SIGKILL");
      } catch {
        // It has just ended by itself: that is an instant, too.
      }
      await process.status;
    },
  });
}

/** Runs `repair`; with status 7 what it suggests, once. */
async function repairByHints(bench: KillBench): Promise<void> {
  const { vm } = bench;
  const first = await tool(vm, "repair", vm.name);
  if (first.status === 0) return;
  assertEquals(first.status, 7, first.stdout + first.stderr);
  for (const { hint } of first.json.remaining) {
    await runHint(bench, hint.replace(/^.*run: /, ""));
  }
  await bench.expectTool("repair", vm.name);
}

/** A suggested command is run literally, as a person at a shell would. */
async function runHint(bench: KillBench, hint: string): Promise<void> {
  const folder = EXECUTABLE.slice(0, EXECUTABLE.lastIndexOf("/"));
  const { success, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", hint],
    env: {
      KVM_HOTPLUG_RUN_DIR: bench.runDir,
      PATH: `${folder}:${Deno.env.get("PATH")}`,
    },
  }).output();
  if (success) return;
  const text = [stdout, stderr].map((one) => new TextDecoder().decode(one));
  throw new Error(`the suggested "${hint}" failed: ${text.join("")}`);
}

/** Brings a killed operation to an end. */
export async function mend(
  bench: KillBench,
  scenario: Scenario,
  mender: Mender,
) {
  const { vm, runDir } = bench;
  switch (mender) {
    case "repair":
      return await bench.expectTool("repair", vm.name);
    case "again":
      return await tool(vm, ...commandOf(scenario)).then((result) =>
        assertEquals(result.status, 0, result.stdout)
      );
    case "no journal":
      await Deno.remove(`${runDir}/kvm-hotplug/${vm.name}.journal`)
        .catch(() => {});
      return await repairByHints(bench);
    default:
      return mender satisfies never;
  }
}

/** The parts in which two states differ. */
function differing(now: State, expected: State): (keyof State)[] {
  return (Object.keys(expected) as (keyof State)[])
    .filter((key) => !equal(now[key], expected[key]));
}

/** Compares part by part: the parts that are the same are long. */
export function expectSame(now: State, expected: State, about = "") {
  for (const key of differing(now, expected)) {
    assertEquals(now[key], expected[key], `${key}${about}`);
  }
}

/** Throws unless all agree: as before, or done; done if it was said again. */
export async function expectWhole(
  bench: KillBench,
  scenario: Scenario,
  { whole, mender }: { whole: Whole; mender: Mender },
): Promise<void> {
  const now = await bench.state(scenario);
  const { before, done } = endsOf(scenario, whole);
  const asBefore = mender !== "again" && equal(now, before);
  const other = differing(now, before).join();
  if (!asBefore) expectSame(now, done, ` (before, others: ${other})`);
  await bench.checkBystanders();
}

/** So many failures say it; each costs another VM. */
const ENOUGH = Number(Deno.env.get("KVM_HOTPLUG_FAILURES") ?? 3);

/** What a sweep came to. */
export class Tally {
  tried = 0;
  agreed = 0;
  readonly failures: string[] = [];

  /** Counts one point, and renews the VM if it failed. */
  async point(
    title: string,
    bench: KillBench,
    attempt: () => Promise<void>,
  ): Promise<void> {
    if (this.failures.length >= ENOUGH) return;
    this.tried++;
    try {
      await attempt();
      this.agreed++;
    } catch (error) {
      this.failures.push(`${title}: ${error}`);
      await bench.renew();
    }
  }

  /** Prints the counts, which must be the same. */
  report(title: string): void {
    const scope = FULL ? "all of them" : "chosen; KVM_HOTPLUG_FULL=1 tries all";
    console.log(
      `kill points tried ${this.tried}, agreed ${this.agreed}: ${title} (${scope})`,
    );
    if (this.agreed !== this.tried || this.tried === 0) {
      throw new Error(`${title}:\n${this.failures.join("\n\n")}`);
    }
  }
}

/** Whether QEMU has got a message by the time of a point. */
function hasReached(
  name: string,
  { messages, point }: { messages: readonly string[]; point: KillPoint },
): boolean {
  const [sent, at] = [messages.indexOf(name), messages.indexOf(point.message)];
  return sent >= 0 && (at > sent || (at === sent && point.when === "after"));
}

/** Kills the tool at each point of an operation and mends it each time. */
export async function sweepTool(
  bench: KillBench,
  scenario: Scenario,
  mender: Mender,
): Promise<void> {
  const whole = await learn(bench, scenario);
  const messages = await dialogue(bench, scenario);
  const tally = new Tally();
  // Two commands and their replies are eight points. After a command is the
  // same instant as before its reply, after a reply as before the next command.
  const chosen = mender === "repair" ? [0, 3, 6] : [1];
  const { isTried = (k: number) => chosen.includes(k % 8) } = scenario;
  const points = pointsOf(messages).filter((_, k) => FULL || isTried(k));
  for (const point of points) {
    await tally.point(`${point.when} ${point.message}`, bench, async () => {
      await prepare(bench, scenario);
      const { qmp } = bench.vm;
      const since = qmp.events.length;
      if (!await killAt(bench, scenario, point)) {
        throw new Error("the point was not reached");
      }
      const asked = hasReached("device_del", { messages, point });
      if (mender === "no journal" && asked) {
        // Nobody knows of the request any more: repair sees what it finds.
        const device = scenario.id;
        await qmp.waitEvent("DEVICE_DELETED", { device, since });
      }
      await mend(bench, scenario, mender);
      await expectWhole(bench, scenario, { whole, mender });
    });
  }
  tally.report(`${scenario.title} ${scenario.verb}, then ${mender}`);
}
