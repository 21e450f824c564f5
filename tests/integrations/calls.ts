/**
 * Every command and the main options, called one after the other on a machine
 * of their own: what two executables, or one in two places, must answer alike.
 *
 * @module
 */

import { documentOf, responseOf } from "../support/document.ts";
import { assertEquals } from "@std/assert";
import { host, makeImage } from "../lab/each_release.ts";
import type { Vm } from "../lab/vm.ts";

/** One call of the executable. */
interface Call {
  readonly words: readonly string[];
  /** @default 0 */
  readonly status?: number;
  readonly input?: string;
  /** What is done on this node before. */
  readonly before?: () => Promise<unknown>;
  /** A command that succeeds in the guest afterwards. */
  readonly guest?: string;
}

/** What a call came to, without what differs from one machine to the next. */
export interface Answer {
  readonly call: string;
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A machine for {@linkcode answersOf}: it has a SCSI bus and an iothread. */
export const CALLED_MACHINE = {
  extraArgs: [
    ...["-device", "virtio-scsi-pci,id=scsi"],
    ...["-object", "iothread,id=io1"],
  ],
};

/** Where calls find what they name. */
export interface CalledPlace {
  /** Bridges of this node. */
  readonly bridges: readonly [string, string];
  /** Names of taps that no other machine has begin so; 12 characters. */
  readonly tap: string;
}

const uuid = (kind: "a" | "d", n: number) =>
  `${kind}000000${n}-1111-4111-8111-00000000000${n}`;
const mac = (n: number) => `aa:00:00:00:00:0${n}`;
const hasMac = (n: number) => `grep -qi ${mac(n)} /sys/class/net/*/address`;

/** What needs no machine. */
const TEXTS: readonly Call[] = [
  { words: ["--version"] },
  { words: ["help"] },
  { words: ["help", "disk", "add"] },
  { words: ["help", "--man"] },
  ...["bash", "zsh", "fish"].map((shell) => ({ words: ["completion", shell] })),
  { words: ["disk", "eject"], status: 2 },
];

function questions({ name }: Vm): Call[] {
  return [
    { words: ["list", "--json"] },
    { words: ["list"] },
    { words: ["list", name, "--json"] },
    { words: ["check", name, "--json"] },
    { words: ["pci", name] },
    { words: ["state", "show", name, "--verify", "--json"] },
    { words: ["state", "command", name] },
    { words: ["qmp", name, "query-status", "--json"] },
    { words: ["qmp", name, "qom-get", "path=/machine", "property=type"] },
    { words: ["qmp", name, "query-statu", "--json"], status: 3 },
    { words: ["events", name, "--for", "0.1", "--json"] },
    {
      words: ["rpc"],
      input: '{"jsonrpc":"2.0","id":1,"method":"list","params":{}}\n',
    },
  ];
}

function diskCalls({ name, runDir }: Vm): Call[] {
  const image = (n: number) => `${runDir}/d${n}.img`;
  const make = (n: number) => () => makeImage(image(n), `image ${n}`);
  const add = (n: number, ...more: string[]) => [
    ...["disk", "add", name, image(n), "--uuid", uuid("d", n), "--json"],
    ...more,
  ];
  const set = (n: number, ...more: string[]) => [
    ...["disk", "set", name, uuid("d", n), ...more, "--json"],
  ];
  const remove = (n: number) => ({
    words: ["disk", "remove", name, uuid("d", n), "--json"],
  });
  const raw = ["--cache", "none", "--aio", "native", "--discard", "unmap"];
  const qcow2 = ["create", "-q", "-f", "qcow2", image(4), "8M"];
  return [
    { before: make(1), words: add(1, "--dry-run") },
    {
      words: add(1, "--name", "data", "--iops", "500"),
      guest: "test -b /dev/vda",
    },
    { words: add(1) },
    { words: set(1, "--bps", "50M", "--iops", "0") },
    {
      // Not in an iothread: there QEMU 5.2 can hang in block_resize for good.
      before: () => Deno.truncate(image(1), 16 << 20),
      words: ["disk", "resize", name, "data", "--json"],
      guest: "test $(cat /sys/block/vda/size) = 32768",
    },
    {
      before: make(2),
      words: add(
        ...[2, "--driver", "scsi-hd", "--read-only", "--not-migratable"],
        ...raw,
      ),
    },
    { before: make(3), words: add(3, "--driver", "scsi-cd") },
    { words: set(3, "--medium", "none") },
    { words: set(3, "--medium", image(3)) },
    {
      before: () => host("qemu-img", ...qcow2),
      words: add(4, "--format", "qcow2", "--not-migratable", "--slot", "20"),
      guest: "test -b /dev/vdb",
    },
    {
      before: make(5),
      words: add(
        ...[5, "--via", "path", "--queues", "2", "--iothread", "io1"] as const,
        "--not-migratable",
      ),
    },
    { words: add(6), status: 3 },
    { words: ["list", name, "--json"] },
    ...[5, 4, 3, 2, 1, 1].map(remove),
    { words: ["disk", "remove", name, "data", "--json"], status: 3 },
  ];
}

function nicCalls({ name }: Vm, { bridges, tap }: CalledPlace): Call[] {
  const add = (n: number, ...more: string[]) => [
    ...["nic", "add", name, "--uuid", uuid("a", n), "--mac", mac(n)],
    ...["--tap", `${tap}${n}`, "--json", ...more],
  ];
  const modify = (n: number, ...more: string[]) => [
    ...["nic", "modify", name, uuid("a", n), ...more, "--json"],
  ];
  const remove = (n: number) => ({
    words: ["nic", "remove", name, uuid("a", n), "--json"],
  });
  const [one, two] = bridges;
  return [
    { words: add(1, "--link", one, "--dry-run") },
    { words: add(1, "--link", one, "--name", "lan"), guest: hasMac(1) },
    {
      words: add(2, "--queues", "2", "--link-state", "down"),
      guest: hasMac(2),
    },
    { words: modify(1, "--link", two) },
    { words: modify(2, "--link-state", "up") },
    { words: modify(1, "--mac", mac(3)), guest: hasMac(3) },
    { words: add(4, "--link", "no-such-link"), status: 3 },
    { words: ["list", name, "--json"] },
    { words: ["pci", name, "--json"] },
    { words: ["repair", name, "--json"] },
    { words: ["adopt", name, "--dry-run", "--json"] },
    { words: ["state", "upgrade", name, "--json"] },
    remove(2),
    remove(1),
  ];
}

async function called(
  command: readonly string[],
  { words, input = "" }: Call,
  { runDir }: Vm,
): Promise<Deno.CommandOutput> {
  const [program = "", ...args] = command;
  const child = new Deno.Command(program, {
    args: [...args, ...words],
    env: { KVM_HOTPLUG_RUN_DIR: runDir, LC_ALL: "C" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  return await child.output();
}

/** Makes every call; each must end with the status that is said above. */
export async function answersOf(
  command: readonly string[],
  vm: Vm,
  place: CalledPlace,
): Promise<Answer[]> {
  const pid = new RegExp(`(\\bpid"?:? ?|/proc/)${vm.pid}\\b`, "g");
  const plain = (bytes: Uint8Array) =>
    new TextDecoder().decode(bytes)
      .replaceAll(vm.runDir, "DIR").replaceAll(place.tap, "TAP-")
      .replaceAll(/\btap\d+\b/g, "TAP-N").replaceAll(pid, (_, before) =>
        `${before}0`)
      .replaceAll(/\w{8}\.new\b/g, "NAME.new");
  const answers: Answer[] = [];
  const calls = [
    ...[...TEXTS, ...questions(vm), ...diskCalls(vm)],
    ...nicCalls(vm, place),
  ];
  for (const call of calls) {
    await call.before?.();
    const { code, stdout, stderr } = await called(command, call, vm);
    const line = plain(new TextEncoder().encode(call.words.join(" ")));
    const said = [plain(stdout), plain(stderr)] as const;
    assertEquals(code, call.status ?? 0, `${line}: ${said.join("\n")}`);
    if (call.guest !== undefined) await vm.waitGuest(call.guest);
    answers.push({
      call: line,
      status: code,
      stdout: said[0],
      stderr: said[1],
    });
  }
  return answers;
}

/** What is the same with every release of QEMU. */
export function outcomeOf({ call, status, stdout }: Answer) {
  const isResponse = stdout.startsWith('{"jsonrpc"');
  const json = isResponse
    ? responseOf(stdout).result
    : stdout.startsWith("{")
    ? documentOf(stdout)
    : {};
  return { call, status, ok: json.ok, changed: json.changed };
}

/** Two bridges of this node, until disposed. */
export async function twoBridges() {
  const names = ["one", "two"].map((name) => `kh-${name}${Deno.pid % 10_000}`);
  for (const name of names) {
    await host("ip", "link", "add", name, "type", "bridge");
    await host("ip", "link", "set", name, "up");
  }
  return {
    names: names as [string, string],
    async [Symbol.asyncDispose]() {
      for (const name of names) await host("ip", "link", "delete", name);
    },
  };
}
