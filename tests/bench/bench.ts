/**
 * `deno task bench`: how long the tool takes as a whole process, against the
 * time QEMU itself takes for the same commands; its peak memory; and what each
 * call costs: system calls, QMP round trips, bytes. Or all of it but the memory
 * against another executable of the tool.
 *
 *     deno task bench [--rounds N] [--against FILE | --peers]
 *
 * With --peers only the comparison with other programs and the list of a
 * thousand instances are made, which are parts of the whole bench, too.
 *
 * Prints Markdown. A missed target is shown, not punished: exit status 0.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { buildExecutable } from "../../tools/build/executable.ts";
import type { QemuRelease, Tools } from "../../tools/setup.ts";
import { testTools } from "../lab/vm.ts";
import { ALL_CALLS, type Call, settle, timeProcess, wordsOf } from "./calls.ts";
import {
  COST_ROUNDS,
  type Costs,
  costsOf,
  type RpcCosts,
  rpcCostsOf,
} from "./cost.ts";
import {
  callTable,
  COST_LEGEND,
  costTable,
  pairLegend,
  pairTables,
} from "./cost_table.ts";
import { measurePair, type Pair } from "./pair.ts";
import { peakOf } from "./peak.ts";
import { PEER_LEGEND, peerTables, thousandTable } from "./peer_table.ts";
import { measurePeers } from "./peers.ts";
import { runRounds } from "./rounds.ts";
import {
  type Programs,
  type Setting,
  startPlace,
  startSetting,
} from "./setting.ts";
import { measureCrowd } from "./twentieth.ts";
import { measureThousand } from "./thousand.ts";
import { legend, type Peaks, tableOf } from "./table.ts";

const DEFAULT_ROUNDS = 15;
const ONE_LINE = 'console.log("kvm-hotplug 0.1.0");\n';

/** What is asked for. */
interface Options {
  readonly rounds: number;
  /** Another executable of the tool, resolved. */
  readonly against: string | undefined;
  readonly only: "peers" | "all";
}

function say(line: string): void {
  console.error(`bench: ${line}`);
}

function resolved(file: string): string {
  try {
    return Deno.realPathSync(file);
  } catch (cause) {
    throw new TypeError(`Cannot read --against: ${file} is not there`, {
      cause,
    });
  }
}

function readOptions(args: string[]): Options {
  const parsed: Record<string, unknown> = parseArgs(args, {
    string: ["rounds", "against"],
    boolean: ["peers"],
    default: { rounds: String(DEFAULT_ROUNDS) },
    unknown: (word: string) => {
      throw new TypeError(
        `Cannot read ${word}: --rounds N, --against FILE and --peers are accepted`,
      );
    },
  });
  const rounds = Number(parsed.rounds);
  if (!Number.isInteger(rounds) || rounds <= 0) {
    throw new TypeError(
      `Cannot read --rounds: it must be above 0: current value is ${parsed.rounds}`,
    );
  }
  const { against } = parsed;
  const only = parsed.peers === true ? "peers" : "all";
  if (against === undefined) return { rounds, against, only };
  return { rounds, against: resolved(String(against)), only };
}

async function buildPrograms(folder: string): Promise<Programs> {
  const { path: tool, via } = await buildExecutable();
  const main = `${folder}/one_line.ts`;
  await Deno.writeTextFile(main, ONE_LINE);
  const out = `${folder}/one-line`;
  const { path: oneLine } = await buildExecutable({ main, out, via });
  return { tool, oneLine };
}

async function expectPeak(command: string[]): Promise<number> {
  const { status, peakBytes } = await peakOf(command);
  if (status === 0) return peakBytes;
  throw new Error(`${command.join(" ")}: exit status ${status}`);
}

async function measurePeaks(setting: Setting): Promise<Peaks> {
  const tool = new Map<Call, number>();
  // In this order: a disk that is added is listed and removed.
  const order = ["--version", "list", "disk add", "list INSTANCE"] as const;
  for (const call of [...order, "disk remove"] as const) {
    const words = wordsOf(call, setting);
    tool.set(call, await expectPeak([setting.programs.tool, ...words]));
    await settle(setting.vm, call);
  }
  return { tool, oneLine: await expectPeak([setting.programs.oneLine]) };
}

async function measure(
  release: QemuRelease,
  { tools, programs, count }: {
    tools: Tools;
    programs: Programs;
    count: number;
  },
): Promise<string> {
  say(`QEMU ${release.version}: ${count} rounds`);
  await using setting = await startSetting(release, { tools, programs });
  const rounds = await runRounds(setting, count);
  const peaks = await measurePeaks(setting);
  const costs: (Costs & RpcCosts)[] = [];
  for (let index = 0; index < Math.min(count, COST_ROUNDS); index++) {
    const calls = await costsOf(programs.tool, setting, ALL_CALLS);
    costs.push({ ...calls, ...await rpcCostsOf(programs.tool, setting) });
  }
  await using other = await startSetting(release, { tools, programs });
  const crowd = await measureCrowd(setting, other, count);
  const table = tableOf({ release: release.name, rounds, peaks, crowd });
  const counted = [costTable, callTable].map((of) => of(release.name, costs));
  return [table, ...counted].join("\n\n");
}

async function machine(): Promise<string> {
  const text = await Deno.readTextFile("/proc/cpuinfo");
  const model = /^model name\s*: (.*)$/m.exec(text)?.[1] ?? Deno.build.arch;
  const cores = navigator.hardwareConcurrency;
  const [load = 0] = Deno.loadavg();
  return `${model}, ${cores} cores, Linux ${Deno.osRelease()}, Deno ` +
    `${Deno.version.deno}, guests under TCG, load ${
      load.toFixed(1)
    } at the end.`;
}

/** The tool beside others, and beside many instances. */
async function measureOthers(
  tools: Tools,
  { programs, count }: { programs: Programs; count: number },
): Promise<string[]> {
  const [release] = tools.qemus;
  if (release === undefined) return [];
  say(`peers: ${count} rounds`);
  const rounds = await measurePeers(release, { tools, programs, count });
  say(`a thousand instances: ${count} rounds`);
  await using place = await startPlace(release, tools);
  const thousand = await measureThousand(place.vm, programs.tool, count);
  const tables = [
    peerTables(release.name, rounds),
    ...thousand.map(thousandTable),
  ];
  return [...tables, PEER_LEGEND];
}

/** The tool against QEMU itself, and beside others. */
async function runAlone(
  { rounds: count, only }: Options,
  tools: Tools,
): Promise<string[]> {
  const folder = await Deno.makeTempDir({ prefix: "kvm-hotplug-bench-" });
  try {
    say("build the tool and the one-line program");
    const programs = await buildPrograms(folder);
    const others = await measureOthers(tools, { programs, count });
    if (only === "peers") return others;
    const tables: string[] = [];
    for (const release of tools.qemus) {
      tables.push(await measure(release, { tools, programs, count }));
    }
    return [...tables, legend(count), COST_LEGEND, ...others];
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/**
 * Fresh copies of both: how a file lies in the page cache depends on how it
 * came there, and makes 3 ms of 25 in each start.
 */
async function copied(
  programs: Pair<string>,
  folder: string,
): Promise<Pair<string>> {
  const copy = async (file: string, name: string) => {
    await Deno.mkdir(`${folder}/${name}`);
    const path = `${folder}/${name}/kvm-hotplug`;
    await Deno.copyFile(file, path);
    return path;
  };
  const other = await copy(programs.other, "a");
  return { other, tool: await copy(programs.tool, "b") };
}

/** The tool against another executable of it. */
async function runPair(
  count: number,
  { tools, other }: { tools: Tools; other: string },
): Promise<string[]> {
  timeProcess(other, ["--version"]); // fails before the long part does
  say("build the tool");
  const { path: tool } = await buildExecutable();
  const folder = await Deno.makeTempDir({ prefix: "kvm-hotplug-bench-" });
  try {
    const programs = await copied({ other, tool }, folder);
    const tables: string[] = [];
    for (const release of tools.qemus) {
      say(`QEMU ${release.version}: ${count} rounds against ${other}`);
      await using place = await startPlace(release, tools);
      const results = await measurePair(programs, place, count);
      tables.push(pairTables(release.name, results));
    }
    return [...tables, pairLegend(other, count)];
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function main(options: Options): Promise<void> {
  const { rounds, against: other } = options;
  const tools = await testTools();
  const parts = other === undefined
    ? await runAlone(options, tools)
    : await runPair(rounds, { tools, other });
  console.log([...parts, await machine()].join("\n\n"));
}

if (import.meta.main) {
  let options: Options;
  try {
    options = readOptions(Deno.args);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    Deno.exit(2);
  }
  await main(options);
}
