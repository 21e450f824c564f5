/**
 * The tool under strace(1), which kills it, or makes the kernel refuse, at one
 * chosen system call.
 *
 * @module
 */

import { EXECUTABLE, resultOf, type ToolResult } from "./tool.ts";

/** One call that matters to the operation. */
export interface SystemCall {
  readonly name: string;
  /** What it is about, if that is the same in each run: only such count. */
  readonly path: string | undefined;
  /** The how-manieth of them by the thread that made it, from 1. */
  readonly nth: number;
  /** As strace shows it, for messages. */
  readonly line: string;
}

/** What happens at a call: the tool is killed before it, or it fails. */
export type Injection = "signal=SIGKILL" | `error=E${string}`;

/** Calls that change files, taps or what QEMU is given. */
const CALLS = [
  ...["openat", "renameat", "renameat2", "unlinkat", "mkdirat", "write"],
  ...[
    "ftruncate",
    "fsync",
    "fdatasync",
    "fchown",
    "fchmod",
    "flock",
    "ioctl",
    "sendmsg",
  ],
];

function spawn(
  runDir: string,
  words: readonly string[],
  options: readonly string[],
): Deno.ChildProcess {
  return new Deno.Command("strace", {
    args: [
      ...["-f", "-y", "-q", "-s", "16"],
      ...options,
      ...[EXECUTABLE, ...words, "--json"],
    ],
    env: { KVM_HOTPLUG_RUN_DIR: runDir },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Reading and looking changes nothing and fails like anything else. */
function matters(line: string, runDir: string): boolean {
  if (/ (?:ioctl\(.*TUNSET|sendmsg\()/.test(line)) return true;
  return line.includes(runDir) && !/ openat\(.*O_PATH/.test(line);
}

/** The file of a call's first descriptor or absolute path. */
function pathOf(line: string): string | undefined {
  const [, ofFd, absolute] =
    /\((?:\d+<(\/[^>]+)>|AT_FDCWD<[^>]+>, "(\/[^"]+)")/.exec(line) ?? [];
  const path = ofFd ?? absolute;
  const isRandom = /\.runtime\w+\.new$|^\/proc\//.test(path ?? "");
  return isRandom ? undefined : path;
}

/** As strace -P counts: any descriptor or word of the call is this path. */
function isAbout(path: string | undefined, line: string): boolean {
  if (path === undefined) return true;
  return line.includes(`<${path}>`) || line.includes(`"${path}"`);
}

/**
 * The calls of one whole run, in order: those of the thread that runs the
 * program, whose number is the process's. Others are the runtime's.
 */
export async function traceCalls(
  runDir: string,
  words: readonly string[],
): Promise<SystemCall[]> {
  const log = await Deno.makeTempFile({ prefix: "kvm-hotplug-strace-" });
  try {
    const calls = `trace=execve,${CALLS.join(",")}`;
    const options = ["--seccomp-bpf", "-e", calls, "-o", log];
    const { status, stdout } = await resultOf(spawn(runDir, words, options));
    if (status !== 0) throw new Error(`${words.join(" ")}: ${stdout}`);
    const text = await Deno.readTextFile(log);
    const lines = text.split("\n")
      .filter((line) => line.startsWith(`${text.split(" ")[0]} `));
    return lines.flatMap((line, index) => {
      const name = / (\w+)\(/.exec(line)?.[1];
      if (name === undefined || !matters(line, runDir)) return [];
      const path = pathOf(line);
      const nth = lines.slice(0, index + 1)
        .filter((one) => one.includes(` ${name}(`) && isAbout(path, one))
        .length;
      return [{ name, path, nth, line }];
    });
  } finally {
    await Deno.remove(log);
  }
}

/** Runs the tool and lets something happen at one call. */
export async function runInjected(
  { runDir, words }: { runDir: string; words: readonly string[] },
  { name, path, nth }: SystemCall,
  injection: Injection,
): Promise<ToolResult> {
  const options = [
    // With --seccomp-bpf strace 6.1 makes calls fail, and sends no signal.
    ...(injection === "signal=SIGKILL" ? [] : ["--seccomp-bpf"]),
    ...["-e", `trace=${name}`, "-o", "/dev/null"],
    ...(path === undefined ? [] : ["-P", path]),
    ...["-e", `inject=${name}:${injection}:when=${nth}`],
  ];
  return await resultOf(spawn(runDir, words, options));
}

/** Runs the tool on a kernel that does not know some system calls. */
export async function runOnOldKernel(
  runDir: string,
  words: readonly string[],
  calls: readonly string[],
): Promise<ToolResult> {
  const options = [
    "--seccomp-bpf",
    ...["-e", `trace=${calls.join(",")}`, "-o", "/dev/null"],
    ...["-e", `inject=${calls.join(",")}:error=ENOSYS`],
  ];
  return await resultOf(spawn(runDir, words, options));
}
