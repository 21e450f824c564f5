/**
 * The tool killed before system calls that change files, taps or QEMU, and the
 * same calls made to fail.
 */
import { assert, assertEquals, equal } from "@std/assert";
import { KillBench } from "./kill_bench.ts";
import { FULL } from "./kill_points.ts";
import { type DeviceKind, type Scenario, scenario } from "./kill_scenario.ts";
import {
  commandOf,
  endsOf,
  expectSame,
  expectWhole,
  learn,
  mend,
  prepare,
  Tally,
  type Whole,
} from "./kill_sweep.ts";
import {
  type Injection,
  runInjected,
  type SystemCall,
  traceCalls,
} from "../lab/strace.ts";
import { testTools } from "../lab/vm.ts";

const tools = await testTools();
// What the kernel does is the same with every QEMU.
const [release] = tools.qemus;

/** As a shell tells of SIGKILL. */
const KILLED = 128 + 9;

/** How many calls of one operation are tried, unless all are. */
const SHARE = 5;

/** Some of a list, evenly, both ends included. */
function evenly<T>(list: readonly T[], count: number): T[] {
  if (FULL || list.length <= count) return [...list];
  const step = (list.length - 1) / (count - 1);
  return Array.from({ length: count }, (_, k) => list[Math.round(k * step)])
    .filter((one) => one !== undefined);
}

async function callsOf(
  bench: KillBench,
  one: Scenario,
): Promise<SystemCall[]> {
  await prepare(bench, one);
  return await traceCalls(bench.runDir, commandOf(one));
}

/** What a full, broken or busy machine says to such a call. */
function faultsOf({ name, path, line }: SystemCall): Injection[] {
  switch (name) {
    case "openat":
      return /O_CREAT/.test(line)
        ? ["error=ENOSPC", "error=EROFS"]
        : ["error=EMFILE"];
    case "write":
      // By its number alone it could be another thread's, of the runtime.
      return path === undefined ? [] : ["error=ENOSPC"];
    case "ftruncate":
    case "mkdirat":
      return ["error=ENOSPC"];
    case "fsync":
    case "fdatasync":
    case "renameat":
    case "renameat2":
      return ["error=EIO"];
    case "unlinkat":
    case "fchown":
    case "fchmod":
      return ["error=EROFS"];
    case "ioctl":
      return ["error=EBUSY"];
    default:
      return ["error=ENOMEM"];
  }
}

/** How often it is tried to reach a call. */
const TRIES = 5;

/**
 * Kills the tool before a call. A run may end without it: how many files of
 * one kind it opens depends on what else runs on the machine.
 */
async function killBefore(
  bench: KillBench,
  one: Scenario,
  call: SystemCall,
): Promise<void> {
  const run = { runDir: bench.runDir, words: commandOf(one) };
  for (let tries = 1;; tries++) {
    await prepare(bench, one);
    const { status, stdout } = await runInjected(run, call, "signal=SIGKILL");
    if (status === KILLED) return;
    assert(status === 0 && tries < TRIES, `status ${status}: ${stdout}`);
  }
}

/** Refused or undone: as before. Done: done. Left over: repair mends it. */
async function fail(
  bench: KillBench,
  one: Scenario,
  { call, fault, whole }: {
    call: SystemCall;
    fault: Injection;
    whole: Whole;
  },
): Promise<void> {
  const run = { runDir: bench.runDir, words: commandOf(one) };
  const result = await runInjected(run, call, fault);
  const text = `status ${result.status}: ${result.stdout}${result.stderr}`;
  assert([0, 3, 4, 5, 6, 7].includes(result.status), text);
  assertEquals(result.json?.ok, result.status === 0, text);
  const now = await bench.state(one);
  const { before, done } = endsOf(one, whole);
  try {
    if (result.status === 0) {
      // A journal that cannot be removed: the next command finds it is done.
      if (now.own.length > 0) await mend(bench, one, "again");
      expectSame(await bench.state(one), done);
    } else if (result.status <= 5) expectSame(now, before);
    else if (!equal(now, before)) {
      await mend(bench, one, "repair");
      await expectWhole(bench, one, { whole, mender: "repair" });
    }
  } catch (error) {
    throw new Error(`${text}\n${error}`);
  }
  await bench.checkBystanders();
}

const OPERATIONS = (["disk", "NIC on a bridge"] as DeviceKind[]).flatMap(
  (kind) => (["add", "remove"] as const).map((verb) => ({ kind, verb })),
);

if (release === undefined) throw new Error("there is no QEMU");
const machine = { release, tools };

Deno.test("the tool killed before a system call", async (t) => {
  await using bench = await KillBench.open(machine);
  for (const { kind, verb } of OPERATIONS) {
    await t.step(`${kind} ${verb}`, async () => {
      const one = scenario(bench, kind, verb);
      const whole = await learn(bench, one);
      const calls = evenly(await callsOf(bench, one), SHARE);
      const tally = new Tally();
      for (const [k, call] of calls.entries()) {
        const mender = k % 2 === 0 ? "repair" : "again";
        await tally.point(`before ${call.line}`, bench, async () => {
          await killBefore(bench, one, call);
          await mend(bench, one, mender);
          await expectWhole(bench, one, { whole, mender });
        });
      }
      tally.report(`system calls of ${kind} ${verb}`);
    });
  }
});

Deno.test("a system call fails", async (t) => {
  await using bench = await KillBench.open(machine);
  for (const { kind, verb } of OPERATIONS) {
    await t.step(`${kind} ${verb}`, async () => {
      const one = scenario(bench, kind, verb);
      const whole = await learn(bench, one);
      const calls = await callsOf(bench, one);
      const faults = evenly(
        calls.flatMap((call) =>
          faultsOf(call).map((fault) => ({ call, fault }))
        ),
        SHARE,
      );
      const tally = new Tally();
      for (const { call, fault } of faults) {
        await tally.point(`${fault} of ${call.line}`, bench, async () => {
          await prepare(bench, one);
          await fail(bench, one, { call, fault, whole });
        });
      }
      tally.report(`failing system calls of ${kind} ${verb}`);
    });
  }
});
