/**
 * All tests: `deno task test`. Installs what is missing, checks the source,
 * builds the executable, runs every test file, and ends with one line
 * `N passed, N failed`, counted from the real runs. tests/README.md says which
 * tests there are and what each needs.
 *
 * ```sh
 * deno task test             # everything
 * deno task test tests/sys   # only these files and folders
 * deno task test integrations # what needs more than CI should install
 * deno task test FILE --no-build # with what is installed and built already
 * deno task test --times     # notes how long each took, in tools/test/times.json
 * ```
 *
 * @module
 */

import { relative, resolve } from "@std/path";
import { buildExecutable } from "./build/executable.ts";
import { denoFor } from "./build/target.ts";
import { ensureAnsible } from "./guest/ansible.ts";
import { install } from "./guest/apt.ts";
import { findGaneti } from "./guest/ganeti.ts";
import { ensureArm64Machine } from "./guest/arm64_machine.ts";
import { ensureMonitoring, ensurePackagers } from "./guest/monitoring.ts";
import { ensureDebian11 } from "./guest/debian11.ts";
import { isInPath } from "./guest/run.ts";
import { ensureSshServer } from "./guest/ssh_server.ts";
import { partsLeftOut, unlessLeftOut } from "./guest/without.ts";
import { ensureTools } from "./setup.ts";
import {
  INTEGRATIONS,
  isIntegration,
  ordinaryTests,
  testFiles,
  type TestJob,
  testJobs,
} from "./test/jobs.ts";
import { type Count, countJunit, failuresOf } from "./test/junit.ts";
import { inOwnNetwork } from "./test/own_network.ts";
import { Pool } from "./test/pool.ts";
import { endAll, runWithin } from "./test/process.ts";
import { sharedModule } from "./test/shared_module.ts";
import { longestFirst, readTimes, writeTimes } from "./test/times.ts";

/** One thing to run: a process that passes or fails, or a set of tests. */
interface Job {
  readonly title: string;
  /** Of tests. */
  readonly files: readonly string[];
  readonly command: readonly string[];
  /** Whether the process writes its tests' results; else it counts as one. */
  readonly counts: boolean;
}

const ROOT = resolve(import.meta.dirname ?? ".", "..");
const DENO = Deno.execPath();

/** Longer takes no job, ever so busy a machine: it hangs. */
const LIMIT_MS = 15 * 60_000;

/** Lines shown of a job that hangs. */
const LAST_LINES = 60;

/** Each is one test: it passes or fails. */
const CHECKS: readonly (readonly string[])[] = [
  ["fmt", "--check"],
  ["lint"],
  ["check", "main.ts", "lib", "tests", "tools"],
  ["test", "--doc", "-A", "lib"],
];

function checkJob(args: readonly string[]): Job {
  const title = `deno ${args.slice(0, 3).join(" ")}`;
  return { title, files: [], command: [DENO, ...args], counts: false };
}

/** The compiler's check of the tests is one of the {@linkcode CHECKS}. */
function testJob({ title, needs, files }: TestJob, folder: string): Job {
  const result = resultOf(title, folder);
  const module = `${result}_test.ts`;
  Deno.writeTextFileSync(
    module,
    sharedModule(files.map((file) => resolve(ROOT, file))),
  );
  const options = ["-A", "--no-check", "--config=deno.json"];
  const command = [DENO, "test", ...options, `--junit-path=${result}`, module];
  return {
    title,
    files,
    command: needs === "nothing" ? command : inOwnNetwork(command),
    counts: true,
  };
}

/** The file of a job's results. */
function resultOf(title: string, folder: string): string {
  return `${folder}/${title.replaceAll(/\W+/g, "-")}.xml`;
}

/** The counts at the end of tests that count something themselves. */
function countsIn(output: string): string[] {
  return output.split("\n").filter((line) => /^\w+ points tried /.test(line));
}

/** How a job ended, and how long it took. */
interface Ran extends Count {
  readonly title: string;
  readonly seconds: number;
}

async function runJob(job: Job, folder: string): Promise<Ran> {
  const begin = performance.now();
  const result = resultOf(job.title, folder);
  const { success, late, output } = await runWithin(job.command, {
    cwd: ROOT,
    log: `${result}.log`,
    limitMs: LIMIT_MS,
  });
  const counted = job.counts
    ? await countJunit(result, success)
    : success
    ? { passed: 1, failed: 0, failures: [], skipped: [] }
    : { passed: 0, failed: 1, failures: ["its status is not 0"], skipped: [] };
  const seconds = (performance.now() - begin) / 1000;
  const { passed, failed } = counted;
  console.log(
    `${job.title}: ${passed} passed, ${failed} failed (${
      seconds.toFixed(1)
    } s)`,
  );
  for (const line of countsIn(output)) console.log(`  ${line}`);
  if (late) {
    console.log(`killed after ${LIMIT_MS / 60_000} minutes; it said last:`);
    console.log(output.trim().split("\n").slice(-LAST_LINES).join("\n"));
  } else if (failed > 0) console.log(output.trim());
  return { ...counted, title: job.title, seconds };
}

/** Programs that the tests with the kernel call, and their packages. */
const PROGRAMS = {
  python3: "python3-minimal",
  flock: "util-linux",
  unshare: "util-linux",
  losetup: "mount",
  mount: "mount",
  ssh: "openssh-client",
  "ovs-vsctl": "openvswitch-switch",
  mke2fs: "e2fsprogs",
  "x86_64-linux-gnu-as": "binutils-x86-64-linux-gnu",
  "aarch64-linux-gnu-as": "binutils-aarch64-linux-gnu",
  debootstrap: "debootstrap",
} as const;

async function ensurePrograms(log: (line: string) => void): Promise<void> {
  const packages = new Set<string>();
  for (const [program, name] of Object.entries(PROGRAMS)) {
    if (!await isInPath(program)) packages.add(name);
  }
  if (packages.size > 0) await install([...packages], log);
}

/** The last lines before the count: what this machine could not have, the
 * tests that were not run for it, and what failed, a line each. */
function tellRest(counts: readonly Ran[]): void {
  for (const [part, why] of partsLeftOut()) {
    console.log(`not run: what needs ${part}: ${why}`);
  }
  for (const name of counts.flatMap(({ skipped }) => skipped)) {
    console.log(`not run: ${name}`);
  }
  for (const { title, failures } of counts) {
    for (const failure of failures) console.log(`failed: ${title}: ${failure}`);
  }
}

/** An older node than this one: a minute, most of it spent on downloads. */
async function ensureOlderNode(log: (line: string) => void): Promise<void> {
  const options = { log, inCI: "required" } as const;
  await unlessLeftOut("DEBIAN11", () => ensureDebian11("node", log), options);
}

/**
 * Guests, and other things that tests start. One after the other: each asks
 * apt, and only one process may use its lists and packages at a time.
 */
async function ensureRest(log: (line: string) => void): Promise<void> {
  await ensureTools({ purpose: "tests", log });
  await ensureSshServer(log);
  await findGaneti(log);
  const options = { log, inCI: "required" } as const;
  await unlessLeftOut("AARCH64", () => denoFor("aarch64", log), options);
}

/** Programs that only the integrations need; without them they fail. */
async function ensureIntegrations(log: (line: string) => void): Promise<void> {
  await ensureDebian11("qemu", log);
  await ensureArm64Machine(log);
  await ensureMonitoring(log);
  await ensurePackagers(log);
  await ensureAnsible(log);
}

/** The needs of these jobs; a job without needs installs nothing. */
async function prepare(jobs: readonly TestJob[]): Promise<void> {
  const log = (line: string) => console.log(`setup: ${line}`);
  if (jobs.every(({ needs }) => needs === "nothing")) return;
  await ensurePrograms(log);
  if (jobs.every(({ needs }) => needs !== "executable")) return;
  await Promise.all([ensureOlderNode(log), ensureRest(log)]);
  const files = jobs.flatMap(({ files }) => files);
  if (files.some(isIntegration)) await ensureIntegrations(log);
  const built = await buildExecutable({});
  console.log(`built ${built.path} by ${built.via}, ${built.sizeBytes} bytes`);
}

/** The request in the arguments. */
interface Asked {
  readonly build: "build" | "as it is";
  readonly times: "note" | "leave";
  readonly integrations: boolean;
  /** Files and folders; none: everything. */
  readonly paths: readonly string[];
}

function readArguments(args: readonly string[]): Asked {
  const options = args.filter((arg) => arg.startsWith("-"));
  const other = options.find((arg) => !["--no-build", "--times"].includes(arg));
  if (other !== undefined) {
    throw new TypeError(
      `Cannot read the arguments: options must be --no-build or --times: ` +
        `current value is ${other}`,
    );
  }
  const words = args.filter((arg) => !arg.startsWith("-"));
  return {
    build: options.includes("--no-build") ? "as it is" : "build",
    times: options.includes("--times") ? "note" : "leave",
    integrations: words.includes(INTEGRATIONS),
    paths: words.filter((word) => word !== INTEGRATIONS)
      .map((word) => relative(ROOT, resolve(ROOT, word))),
  };
}

/** Whether nothing was left out. */
function isWhole({ paths, integrations }: Asked): boolean {
  return paths.length === 0 && !integrations;
}

function filesFor(asked: Asked): string[] {
  if (isWhole(asked)) return ordinaryTests(ROOT);
  const paths = asked.integrations
    ? [...asked.paths, `tests/${INTEGRATIONS}`]
    : asked.paths;
  return [...new Set(paths.flatMap((path) => testFiles(ROOT, path)))];
}

/**
 * More jobs than processors: a job waits half of its time, for guests,
 * deadlines and other processes.
 */
const WIDTH = navigator.hardwareConcurrency + 1;

/** Before the rest, and with more right to a processor: needs root. */
const FIRST = Deno.uid() === 0 ? ["nice", "-n", "-5"] : [];

/** The longest are begun first; the very longest never waits its turn. */
function inOrder(jobs: readonly Job[]): Job[] {
  return longestFirst(jobs, readTimes()).map((job, i) =>
    i === 0 ? { ...job, command: [...FIRST, ...job.command] } : job
  );
}

/** Runs the jobs, those that need nothing while the machine is set up. */
async function runJobs(asked: Asked, folder: string): Promise<Ran[]> {
  const by = asked.times === "note" ? "apart" : "shares";
  const tests = testJobs(filesFor(asked), { times: readTimes(), by });
  const [atOnce, later] = [true, false].map((isAtOnce) =>
    tests.filter(({ needs }) => (needs === "nothing") === isAtOnce)
      .map((job) => testJob(job, folder))
  ) as [Job[], Job[]];
  if (isWhole(asked)) atOnce.push(...CHECKS.map(checkJob));
  const pool = new Pool(WIDTH);
  const run = (jobs: readonly Job[]) =>
    pool.runAll(inOrder(jobs), (job) => runJob(job, folder));
  const setUp = asked.build === "build" ? prepare(tests) : Promise.resolve();
  const counts = await Promise.all([run(atOnce), setUp.then(() => run(later))]);
  return counts.flat();
}

function noteTimes(ran: readonly Ran[], asked: Asked): void {
  if (isWhole(asked)) writeTimes(ran, "forget");
  // Of those that are always run with others, some may be missing.
  else writeTimes(ran.filter(({ title }) => /_test\.ts$/.test(title)), "keep");
}

async function main(): Promise<number> {
  const asked = readArguments(Deno.args);
  const folder = await Deno.makeTempDir({ prefix: "kvm-hotplug-test-" });
  try {
    const counts = await runJobs(asked, folder);
    if (asked.times === "note") noteTimes(counts, asked);
    const passed = counts.reduce((sum, one) => sum + one.passed, 0);
    const where = Deno.env.get("CI") === "true" ? "CI" : "elsewhere";
    const failed = counts.reduce((sum, one) => sum + failuresOf(one, where), 0);
    tellRest(counts);
    console.log(`${passed} passed, ${failed} failed`);
    return failed === 0 && passed > 0 ? 0 : 1;
  } finally {
    endAll(); // Where the set-up has failed, some still run.
    await Deno.remove(folder, { recursive: true });
  }
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  // The jobs have process groups of their own.
  Deno.addSignalListener(signal, () => {
    endAll();
    Deno.exit(130);
  });
}

try {
  Deno.exit(await main());
} catch (error) {
  endAll();
  console.error(error instanceof Error ? error.message : error);
  console.log("0 passed, 1 failed");
  Deno.exit(1);
}
