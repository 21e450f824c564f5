/**
 * Makes tests/testdata/version1 anew:
 * `deno run -A tests/lab/version1_make.ts EXECUTABLE [NAME...]`, in a
 * network namespace of its own. EXECUTABLE is of release 0.1.
 *
 * @module
 */

import {
  type Change,
  CHANGES,
  type Kill,
  load,
  store,
} from "./version1_samples.ts";
import { Version1Vm, type VmState } from "./version1_vm.ts";

const [executable = "", ...only] = Deno.args;

/** Calls on the journal: each line is written, then synced. */
const CALLS = ["openat", "write", "fdatasync", "fsync", "unlinkat"] as const;

/** One call on the journal of a run. */
interface JournalCall {
  readonly name: string;
  /** Which of that name it is, from 1. */
  readonly nth: number;
  readonly line: string;
}

async function run(
  vm: Version1Vm,
  words: readonly string[],
  strace: readonly string[] = [],
): Promise<{ code: number; signal: string | null; text: string }> {
  const command = [
    ...[executable, "--run-dir", vm.runDir, "--json"],
    ...["--unplug-timeout", "2"],
    ...words.map((one) => one.replaceAll("/run/ganeti", vm.runDir)),
  ];
  const [program = "", ...args] = strace.length === 0
    ? command
    : ["strace", "-f", "-y", "-q", ...strace, ...command];
  const { code, signal, stdout, stderr } = await new Deno.Command(program, {
    args,
  }).output();
  const text = [stdout, stderr].map((one) => new TextDecoder().decode(one));
  return { code, signal, text: text.join("") };
}

/** The journal, which is removed by its name in its folder. */
function about(vm: Version1Vm): string[] {
  return ["-P", vm.journalPath, "-P", vm.journalPath.replace(/\/[^/]*$/, "")];
}

/** All calls on the journal that a run makes. */
async function trace(
  vm: Version1Vm,
  words: readonly string[],
): Promise<JournalCall[]> {
  const log = `${vm.runDir}.strace`;
  await run(vm, words, [
    "-e",
    `trace=${CALLS.join()}`,
    ...about(vm),
    "-o",
    log,
  ]);
  const lines = Deno.readTextFileSync(log).split("\n");
  Deno.removeSync(log);
  const counts = new Map<string, number>();
  return lines.flatMap((line) => {
    const name = / (\w+)\(/.exec(line)?.[1];
    if (name === undefined) return [];
    const nth = (counts.get(name) ?? 0) + 1;
    counts.set(name, nth);
    return [{ name, nth, line }];
  });
}

/** The instance as it is before the change that is killed. */
async function prepare(vm: Version1Vm, change: Change): Promise<VmState> {
  await vm.load(change.before);
  for (const words of change.first ?? []) {
    const { code, text } = await run(vm, words);
    if (code !== 0) throw new Error(`${words.join(" ")}: ${text}`);
  }
  const state = await vm.state();
  return change.then?.(state) ?? state;
}

/** What the journal says at its end. */
function where({ files }: VmState): string {
  const journal = Object.entries(files).find(([path]) =>
    path.endsWith(".journal")
  );
  if (journal === undefined) return "no journal";
  const [header, ...lines] = journal[1].split("\n");
  if (header === "") return "an empty journal";
  const last = lines.findLast((line) => line !== "");
  if (last === undefined) return "a plan";
  const { do: done, undo } = JSON.parse(last);
  return done === undefined ? `undo ${undo}` : `do ${done}`;
}

async function make(vm: Version1Vm, name: string, change: Change) {
  const before = await prepare(vm, change);
  const refuse = async () => {
    await vm.tell({ order: "changes" });
    if (change.refused === undefined) return;
    await vm.tell({ order: "refuse", command: change.refused });
  };
  await vm.load(before);
  await refuse();
  const whole = await run(vm, change.command);
  console.log(`${name}: ${whole.code} ${whole.text.slice(0, 300).trim()}`);
  const done = await vm.state();
  await vm.load(before);
  await refuse();
  const calls = await trace(vm, change.command);
  const kills: Kill[] = [];
  const seen = new Set<string>();
  let plans = 0;
  for (const { name: call, nth } of calls) {
    await vm.load(before);
    await refuse();
    const options = [
      ...["-e", `trace=${call}`, ...about(vm), "-o", "/dev/null"],
      ...["-e", `inject=${call}:signal=SIGKILL:when=${nth}`],
    ];
    const { code } = await run(vm, change.command, options);
    if (code !== 137) throw new Error(`${call} ${nth}: not killed: ${code}`);
    const state = await vm.state();
    const key = JSON.stringify(state);
    // Between some calls nothing changes that would be seen.
    if (seen.has(key) || where(state) === "no journal") continue;
    seen.add(key);
    if (where(state) === "an empty journal") plans++;
    const which = plans > 1 ? `plan ${plans}: ` : "";
    const at = `${which}${where(state)}, before ${call}`;
    console.log(`  ${at}`);
    kills.push({ at, state });
  }
  store(name, { command: change.command, before, done, kills });
  load(name);
}

await using vm = await Version1Vm.open();
for (const [name, change] of Object.entries(CHANGES)) {
  if (only.length === 0 || only.includes(name)) await make(vm, name, change);
}
