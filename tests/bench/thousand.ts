/**
 * `list` and `metrics` of a thousand instances, whose monitors are one process that replays
 * what a real QEMU answered.
 *
 *     deno run -A tests/bench/thousand.ts FILE
 *
 * @module
 */

import { dirname } from "@std/path/posix";
import type { Vm } from "../lab/vm.ts";
import { layoutOf, makeFolders } from "../../tools/guest/layout.ts";
import { timeProcess } from "./calls.ts";
import { cpuMsOfChildren } from "./cpu_time.ts";
import { peakOf } from "./peak.ts";

/** How many instances there are. */
export const INSTANCES = 1000;

/** The commands that ask all instances. */
const COMMANDS = ["list", "metrics"] as const;

/** One call about them all. */
export interface ThousandRound {
  readonly clockMs: number;
  readonly cpuMs: number;
}

/** All calls of a command, and the most memory of its process. */
export interface Thousand {
  readonly command: typeof COMMANDS[number];
  readonly rounds: readonly ThousandRound[];
  readonly peakBytes: number;
}

/** What the replaying process is told. */
interface Replay {
  readonly sockets: readonly { readonly path: string; readonly name: string }[];
  /** Name of the VM that the answers are of. */
  readonly name: string;
  readonly greeting: string;
  /** By the command and its arguments. */
  readonly answers: Readonly<Record<string, string>>;
}

interface Received {
  readonly execute?: string;
  readonly arguments?: unknown;
  readonly id?: unknown;
}

function keyOf({ execute, arguments: args = {} }: Received): string {
  return `${execute} ${JSON.stringify(args)}`;
}

/** What a real QEMU says to a tool: its greeting and each answer. */
async function record(vm: Vm, tool: string): Promise<Omit<Replay, "sockets">> {
  const log = `${vm.runDir}/thousand.log`;
  for (const command of COMMANDS) {
    timeProcess(tool, [command, "--run-dir", vm.runDir, "--log", log]);
  }
  const lines = (await Deno.readTextFile(log)).trim().split("\n")
    .map((line) => JSON.parse(line))
    .filter(({ qmp }) => qmp !== undefined);
  const asked = new Map<string, string>();
  const answers: Record<string, string> = {};
  let greeting = "";
  for (const { qmp, message } of lines) {
    if (typeof message !== "string" || !message.startsWith("{")) continue;
    const one = JSON.parse(message);
    if (qmp === "send") asked.set(one.id, keyOf(one));
    else if (one.QMP) greeting = message;
    else if (asked.has(one.id)) {
      const { id, ...answer } = one;
      answers[asked.get(id) ?? ""] = JSON.stringify(answer);
    }
  }
  return { name: vm.name, greeting, answers };
}

async function serve(connection: Deno.Conn, name: string, replay: Replay) {
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(65536);
  let rest = "";
  try {
    await connection.write(encoder.encode(`${replay.greeting}\r\n`));
    for (let count; (count = await connection.read(buffer)) !== null;) {
      rest += decoder.decode(buffer.subarray(0, count));
      const lines = rest.split("\n");
      rest = lines.pop() ?? "";
      const texts = lines.map((line) => {
        const command: Received = JSON.parse(line);
        const answer = replay.answers[keyOf(command)] ?? '{"return":{}}';
        const own = answer.replaceAll(replay.name, name);
        return `${own.slice(0, -1)},"id":${JSON.stringify(command.id)}}\r\n`;
      });
      await connection.write(encoder.encode(texts.join("")));
    }
  } finally {
    connection.close();
  }
}

function listen(replay: Replay): void {
  for (const { path, name } of replay.sockets) {
    const listener = Deno.listen({ transport: "unix", path });
    (async () => {
      for await (const one of listener) {
        serve(one, name, replay).catch(() => {});
      }
    })();
  }
  console.log("ready");
}

async function makeInstances(vm: Vm, runDir: string) {
  const text = await Deno.readTextFile(vm.layout.runtime);
  const sockets: { path: string; name: string }[] = [];
  for (let number = 0; number < INSTANCES; number++) {
    const name = `vm${number}.example.com`;
    const layout = layoutOf(runDir, name);
    if (number === 0) await makeFolders(layout);
    const own = text.replaceAll(vm.name, name);
    await Deno.writeTextFile(layout.runtime, own, { mode: 0o600 });
    await Deno.mkdir(dirname(layout.qmp), { recursive: true });
    sockets.push({ path: layout.qmp, name });
  }
  return sockets;
}

/** Asks them again and again; the first time does not count. */
async function measureCommand(
  tool: string,
  { command, runDir, count }: {
    readonly command: Thousand["command"];
    readonly runDir: string;
    readonly count: number;
  },
): Promise<Thousand> {
  // A busy machine must not make the tool give up and look fast.
  const words = [command, "--run-dir", runDir, "--timeout", "60"];
  const rounds: ThousandRound[] = [];
  for (let index = 0; index <= count; index++) {
    const before = cpuMsOfChildren();
    const clockMs = timeProcess(tool, words);
    rounds.push({ clockMs, cpuMs: cpuMsOfChildren() - before });
  }
  const { status, peakBytes } = await peakOf([tool, ...words]);
  if (status !== 0) throw new Error(`${command}: exit status ${status}`);
  return { command, rounds: rounds.slice(1), peakBytes };
}

/** Makes a thousand instances like one, and asks them all. */
export async function measureThousand(
  vm: Vm,
  tool: string,
  count: number,
): Promise<Thousand[]> {
  const runDir = await Deno.makeTempDir({ dir: "/dev/shm", prefix: "kh-" });
  const file = `${runDir}/replay.json`;
  try {
    const sockets = await makeInstances(vm, runDir);
    const replay: Replay = { sockets, ...await record(vm, tool) };
    await Deno.writeTextFile(file, JSON.stringify(replay));
    await using server = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", new URL(import.meta.url).pathname, file],
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    await server.stdout.getReader().read();
    const all: Thousand[] = [];
    for (const command of COMMANDS) {
      all.push(await measureCommand(tool, { command, runDir, count }));
    }
    server.kill();
    return all;
  } finally {
    await Deno.remove(runDir, { recursive: true });
  }
}

if (import.meta.main) {
  listen(JSON.parse(await Deno.readTextFile(Deno.args[0] ?? "")) as Replay);
}
