/**
 * `deno task bench`: how long the tool takes as a whole process, against the
 * time QEMU itself takes for the same commands; and its peak memory.
 *
 *     deno task bench [--rounds N]
 *
 * Prints Markdown. A missed target is shown, not punished: exit status 0.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { buildExecutable } from "../../tools/build/executable.ts";
import type { QemuRelease, Tools } from "../../tools/setup.ts";
import { testTools } from "../qemu/vm.ts";
import { type Call, settle, wordsOf } from "./calls.ts";
import { peakOf } from "./peak.ts";
import { runRounds } from "./rounds.ts";
import { type Programs, type Setting, startSetting } from "./setting.ts";
import { measureCrowd } from "./twentieth.ts";
import { legend, type Peaks, type Results, tableOf } from "./table.ts";

const DEFAULT_ROUNDS = 15;
const ONE_LINE = 'console.log("kvm-hotplug 0.1.0");\n';

function say(line: string): void {
  console.error(`bench: ${line}`);
}

function readRounds(args: string[]): number {
  const parsed: Record<string, unknown> = parseArgs(args, {
    string: ["rounds"],
    default: { rounds: String(DEFAULT_ROUNDS) },
  });
  const rounds = Number(parsed.rounds);
  if (Number.isInteger(rounds) && rounds > 0) return rounds;
  throw new TypeError(
    `Cannot read --rounds: it must be above 0: current value is ${parsed.rounds}`,
  );
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
): Promise<Results> {
  say(`QEMU ${release.version}: ${count} rounds`);
  await using setting = await startSetting(release, { tools, programs });
  const rounds = await runRounds(setting, count);
  const peaks = await measurePeaks(setting);
  await using other = await startSetting(release, { tools, programs });
  const crowd = await measureCrowd(setting, other, count);
  return { release: release.name, rounds, peaks, crowd };
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

async function main(count: number): Promise<void> {
  const tools = await testTools();
  const folder = await Deno.makeTempDir({ prefix: "kvm-hotplug-bench-" });
  try {
    say("build the tool and the one-line program");
    const programs = await buildPrograms(folder);
    const tables: string[] = [];
    for (const release of tools.qemus) {
      const results = await measure(release, { tools, programs, count });
      tables.push(tableOf(results));
    }
    console.log([...tables, legend(count), await machine()].join("\n\n"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  let count: number;
  try {
    count = readRounds(Deno.args);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    Deno.exit(2);
  }
  await main(count);
}
