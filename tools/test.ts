/**
 * All tests: `deno task test`. Installs what is missing, checks the source,
 * builds the executable, runs every test file, and ends with one line
 * `N passed, N failed`, counted from the real runs.
 *
 * ```sh
 * deno task test            # everything
 * deno task test tests/sys  # only these files and folders
 * deno task test integrations # what needs more than CI should install
 * ```
 *
 * @module
 */

import { buildExecutable } from "./build/executable.ts";
import { denoFor } from "./build/target.ts";
import { install } from "./guest/apt.ts";
import { findGaneti } from "./guest/ganeti.ts";
import { ensureArm64Machine } from "./guest/arm64_machine.ts";
import { ensureDebian11 } from "./guest/debian11.ts";
import { isInPath } from "./guest/run.ts";
import { ensureSshServer } from "./guest/ssh_server.ts";
import { partsLeftOut, unlessLeftOut } from "./guest/without.ts";
import { ensureTools } from "./setup.ts";
import { type Count, countJunit } from "./test/junit.ts";
import { inOwnNetwork } from "./test/own_network.ts";
import { runAll } from "./test/pool.ts";

/** One thing to run: a process that passes or fails, or a set of tests. */
interface Job {
  readonly title: string;
  readonly command: readonly string[];
  /** Where the process writes its tests' results; none: it counts as one. */
  readonly junit?: string;
}

const ROOT = new URL("..", import.meta.url).pathname;
const DENO = Deno.execPath();

/** All modules below a folder, for what takes no folders. */
function modulesBelow(folder: string): string[] {
  return [...Deno.readDirSync(`${ROOT}/${folder}`)].flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) return modulesBelow(path);
    return path.endsWith(".ts") ? [path] : [];
  });
}

/** Each is one test: it passes or fails. */
const CHECKS: readonly (readonly string[])[] = [
  ["fmt", "--check"],
  ["lint"],
  ["check", "main.ts", "lib", "tests", "tools"],
  ["test", "--doc", "-A", "lib"],
];

/** Each is a process of its own; the longest first. */
const GROUPS: readonly (readonly string[])[] = [
  ["tests/qemu/undo_test.ts"],
  ["tests/qemu/node_test.ts"],
  ["tests/qemu/kill_nic_test.ts"],
  ["tests/qemu/kill_disk_test.ts"],
  ["tests/qemu/kill_ssh_test.ts"],
  ["tests/qemu/kill_syscall_test.ts"],
  ["tests/qemu/kill_qemu_test.ts"],
  ["tests/qemu/kill_parallel_test.ts", "tests/qemu/kill_room_test.ts"],
  ["tests/integration"],
  ["tests/qemu/nic_modify_test.ts"],
  ["tests/qemu/pcie_test.ts", "tests/qemu/full_bus_test.ts"],
  ["tests/qemu/scsi_test.ts", "tests/qemu/kill_scsi_test.ts"],
  ["tests/qemu/pending_test.ts", "tests/qemu/refused_test.ts"],
  ["tests/qemu/disk_test.ts", "tests/qemu/nic_test.ts"],
  ["tests/qemu/vm_test.ts", "tests/qemu/proxy_test.ts"],
  ["tests/qemu/aarch64_test.ts", "tests/qemu/debian11_test.ts"],
  ["tests/qemu/jail_user_test.ts", "tests/qemu/jail_chroot_test.ts"],
  [
    "tests/qemu/jail_test.ts",
    "tests/qemu/jail_death_test.ts",
    "tests/qemu/jail_held_test.ts",
  ],
  ["tests/qemu/drive_test.ts", "tests/qemu/adopt_test.ts"],
  ["tests/qemu/ganeti_test.ts"],
  [
    "tests/qemu/shell_test.ts",
    "tests/qemu/events_test.ts",
    "tests/qemu/qmp_command_test.ts",
    "tests/qemu/waiting_test.ts",
  ],
  [
    "tests/qemu/night_test.ts",
    "tests/qemu/distribute_test.ts",
    "tests/qemu/examples_test.ts",
  ],
  [
    "tests/qemu/disk_limits_test.ts",
    "tests/qemu/disk_resize_test.ts",
    "tests/qemu/huge_disk_test.ts",
    "tests/qemu/medium_test.ts",
  ],
  [
    "tests/qemu/migration_test.ts",
    "tests/qemu/qcow2_test.ts",
    "tests/qemu/state_verify_test.ts",
  ],
  ["tests/qemu/nic_replug_test.ts"],
  ["tests/qemu/nic_network_test.ts", "tests/qemu/open_vswitch_test.ts"],
  ["tests/sys", "tests/host"],
  [
    "tests/errors_test.ts",
    "tests/arch",
    "tests/bench",
    "tests/commands",
    "tests/compare",
    "tests/device",
    "tests/disk",
    "tests/engine",
    "tests/inspect",
    "tests/nic",
    "tests/operation",
    "tests/plan",
    "tests/qmp",
    "tests/repair",
    "tests/rpc",
    "tests/shell",
    "tests/state",
    "tests/tools",
    "tests/words",
  ],
];

function testsBelow(folder: string): string[] {
  return modulesBelow(folder).filter((path) => path.endsWith("_test.ts"))
    .sort();
}

/** Files that no group names are run all the same. */
function unnamed(): string[][] {
  const named = new Set(GROUPS.flat());
  return testsBelow("tests/qemu").filter((path) => !named.has(path))
    .map((path) => [path]);
}

/** The argument that asks for the tests of the folder of this name. */
const INTEGRATIONS = "integrations";

function checkJob(args: readonly string[]): Job {
  const title = `deno ${args.slice(0, 3).join(" ")}`;
  return { title, command: [DENO, ...args] };
}

function testJob(files: readonly string[], folder: string): Job {
  const title = files.join(" ");
  // A name may have 255 bytes.
  const name = title.replaceAll(/\W+/g, "-").slice(0, 200);
  const junit = `${folder}/${name}.xml`;
  const command = [DENO, "test", "-A", `--junit-path=${junit}`, ...files];
  return { title, command: inOwnNetwork(command), junit };
}

/** What tests that count something themselves say in the end. */
function countsIn(stdout: Uint8Array): string[] {
  const text = new TextDecoder().decode(stdout);
  return text.split("\n").filter((line) => /^\w+ points tried /.test(line));
}

async function runJob(job: Job): Promise<Count> {
  const begin = performance.now();
  const [program = "", ...args] = job.command;
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    cwd: ROOT,
    stdin: "null",
    env: { NO_COLOR: "1" },
  }).output();
  const counted = job.junit === undefined
    ? { passed: success ? 1 : 0, failed: success ? 0 : 1, skipped: [] }
    : await countJunit(job.junit, success);
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  const { passed, failed } = counted;
  console.log(
    `${job.title}: ${passed} passed, ${failed} failed (${seconds} s)`,
  );
  for (const line of countsIn(stdout)) console.log(`  ${line}`);
  if (failed > 0) {
    for (const part of [stdout, stderr]) {
      console.log(new TextDecoder().decode(part).trim());
    }
  }
  return counted;
}

/** A skipped test is a failed one where nobody would notice. */
function failuresOf({ failed, skipped }: Count): number {
  return failed + (Deno.env.get("CI") === "true" ? skipped.length : 0);
}

/** What tests of the kernel's doings call, and where it comes from. */
const PROGRAMS = {
  python3: "python3-minimal",
  flock: "util-linux",
  unshare: "util-linux",
  losetup: "mount",
  mount: "mount",
  ssh: "openssh-client",
  "ovs-vsctl": "openvswitch-switch",
  mke2fs: "e2fsprogs",
} as const;

async function ensurePrograms(log: (line: string) => void): Promise<void> {
  const packages = new Set<string>();
  for (const [program, name] of Object.entries(PROGRAMS)) {
    if (!await isInPath(program)) packages.add(name);
  }
  if (packages.size > 0) await install([...packages], log);
}

/** The last lines before the count: what this machine could not have, and the
 * tests that were not run for it. */
function tellLeftOut(counts: readonly Count[]): void {
  for (const [part, why] of partsLeftOut()) {
    console.log(`left out: what needs ${part}: ${why}`);
  }
  for (const name of counts.flatMap(({ skipped }) => skipped)) {
    console.log(`left out: ${name}`);
  }
}

/** Other nodes than this one. */
async function ensureOthers(log: (line: string) => void): Promise<void> {
  const options = { log, inCI: "required" } as const;
  await unlessLeftOut("AARCH64", () => denoFor("aarch64", log), options);
  await unlessLeftOut("DEBIAN11", () => ensureDebian11("node", log), options);
}

/** What the integrations alone need; without it they fail. */
async function ensureIntegrations(log: (line: string) => void): Promise<void> {
  await ensureDebian11("qemu", log);
  await ensureArm64Machine(log);
}

async function prepare(): Promise<void> {
  const log = (line: string) => console.log(`setup: ${line}`);
  await ensurePrograms(log);
  await ensureTools({ purpose: "tests", log });
  await ensureSshServer(log);
  await findGaneti(log);
  await ensureOthers(log);
  if (Deno.args.includes(INTEGRATIONS)) await ensureIntegrations(log);
  const built = await buildExecutable({});
  console.log(`built ${built.path} by ${built.via}, ${built.sizeBytes} bytes`);
}

/** What the arguments ask for. */
function jobsFor(args: readonly string[], folder: string): Job[] {
  const files = args.filter((arg) => arg !== INTEGRATIONS);
  const named = files.length > 0 ? [testJob(files, folder)] : [];
  if (args.includes(INTEGRATIONS)) {
    const all = testsBelow(`tests/${INTEGRATIONS}`);
    return [...named, ...all.map((file) => testJob([file], folder))];
  }
  if (args.length > 0) return named;
  return [
    ...[...GROUPS, ...unnamed()].map((group) => testJob(group, folder)),
    ...CHECKS.map(checkJob),
  ];
}

async function main(): Promise<number> {
  await prepare();
  const folder = await Deno.makeTempDir({ prefix: "kvm-hotplug-test-" });
  try {
    const jobs = jobsFor(Deno.args, folder);
    const counts = await runAll(jobs, runJob, navigator.hardwareConcurrency);
    const passed = counts.reduce((sum, one) => sum + one.passed, 0);
    const failed = counts.reduce((sum, one) => sum + failuresOf(one), 0);
    tellLeftOut(counts);
    console.log(`${passed} passed, ${failed} failed`);
    return failed === 0 && passed > 0 ? 0 : 1;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

try {
  Deno.exit(await main());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.log("0 passed, 1 failed");
  Deno.exit(1);
}
