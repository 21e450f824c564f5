/**
 * The tool beside others that plug a disk: the bare commands on a fresh
 * session, Ganeti's own function inside its running node daemon, and virsh with
 * libvirt's daemon running. One round has them all, in changing order.
 *
 * @module
 */

import { findLibvirt } from "../../tools/guest/libvirt.ts";
import { openFile } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import type { QemuRelease, Tools } from "../../tools/setup.ts";
import {
  assemble,
  DISK,
  NAME,
  type Node,
  withGanetiNode,
} from "../lab/ganeti_node.ts";
import type { LineProcess } from "../lab/line_process.ts";
import type { Vm } from "../lab/vm.ts";
import { requestOf, timeProcess, wordsOf } from "./calls.ts";
import { MinimalClient } from "./client.ts";
import { startRpc } from "./cost.ts";
import { cpuMsOf, cpuMsOfChildren } from "./cpu_time.ts";
import { type Batch, readDialogue } from "./dialogue.ts";
import { LibvirtPeer } from "./libvirt.ts";
import type { Programs } from "./setting.ts";

/** Who is measured. */
export const PEERS = [
  "bare commands",
  "rpc disk.add",
  "Ganeti, resident",
  "disk add",
  "virsh attach-device",
  "bare queries",
  "rpc list",
  "list INSTANCE",
  "one-line program",
] as const;

/** One of them. */
export type Peer = typeof PEERS[number];

/** Milliseconds of one round; of who is not there, none. */
export type PeerRound = ReadonlyMap<Peer, PeerTime>;

/** Milliseconds. */
export interface PeerTime {
  readonly clockMs: number;
  /** That the tool's own processes had the CPU; undefined: not ours. */
  readonly cpuMs?: number;
}

/** What a peer needs of the node. */
interface Stage {
  readonly node: Node;
  readonly rpc: LineProcess;
  readonly programs: Programs;
  readonly libvirt: LibvirtPeer | undefined;
  readonly add: readonly unknown[];
  readonly image: string;
  readonly dialogues: { readonly add: Batch[]; readonly list: Batch[] };
}

async function timed(act: () => unknown): Promise<PeerTime> {
  const begin = performance.now();
  await act();
  return { clockMs: performance.now() - begin };
}

/** A whole process, its children included. */
function ofProcess(program: string, words: string[]): PeerTime {
  const before = cpuMsOfChildren();
  const clockMs = timeProcess(program, words);
  return { clockMs, cpuMs: cpuMsOfChildren() - before };
}

/** One request, answered without an error. */
async function ofRequest(
  rpc: LineProcess,
  request: unknown,
): Promise<PeerTime> {
  const before = cpuMsOf(rpc.pid);
  let answer: unknown;
  const { clockMs } = await timed(async () => answer = await rpc.ask(request));
  const cpuMs = cpuMsOf(rpc.pid) - before;
  const { error } = answer as { readonly error?: { message: string } };
  if (error) throw new Error(`rpc: ${error.message}`);
  return { clockMs, cpuMs };
}

/** A fresh session, as the tool's is: greeting, negotiation, the commands. */
async function bare(vm: Vm, batches: readonly Batch[], image: string) {
  using fd = openFile(image, O.RDWR);
  return await timed(async () => {
    using client = await MinimalClient.connect(vm.layout.qmp);
    await client.time(batches, fd);
  });
}

async function unplug({ node: { vm }, programs, image }: Stage) {
  const words = ["disk", "remove", NAME, image, "--run-dir", vm.runDir];
  timeProcess(programs.tool, [...words, "--force"]);
  await vm.waitGuest("test ! -b /dev/vda");
}

/** What only QEMU knows of: what the bare commands have plugged. */
async function unplugBare({ node: { vm }, dialogues }: Stage) {
  using client = await MinimalClient.connect(vm.layout.qmp);
  const added = dialogues.add.flat();
  const id = added.find(({ execute }) => execute === "device_add")
    ?.arguments?.id;
  const node = added.find(({ execute }) => execute === "blockdev-add")
    ?.arguments?.["node-name"];
  const command = (execute: string, name: string, value: unknown) => [{
    ...{ execute, withFd: false },
    arguments: { [name]: value },
  }];
  await client.time([
    command("device_del", "id", id),
    command("blockdev-del", "node-name", node),
  ]);
  await vm.waitGuest("test ! -b /dev/vda");
}

/** Each adds a disk, and takes it away again where that is not measured. */
function turns(stage: Stage): readonly [Peer, () => Promise<PeerTime>][] {
  const { node, rpc, programs, libvirt, image, dialogues } = stage;
  const { vm } = node;
  const place = { vm, image };
  const added = async (time: PeerTime | Promise<PeerTime>) => {
    const done = await time;
    await vm.waitGuest("test -b /dev/vda");
    return done;
  };
  const own: [Peer, () => Promise<PeerTime>][] = [
    ["bare commands", async () => {
      const time = await added(bare(vm, dialogues.add, image));
      await unplugBare(stage);
      return time;
    }],
    ["rpc disk.add", async () => {
      const time = await added(
        ofRequest(rpc, requestOf("rpc disk.add", place)),
      );
      await unplug(stage);
      return time;
    }],
    ["Ganeti, resident", async () => {
      const call = () => node.noded.call("hotplug_device", stage.add);
      let answer: unknown;
      const time = await timed(async () => answer = await call());
      const [done, text] = answer as readonly [boolean, unknown];
      if (!done) throw new Error(`Ganeti: ${text}`);
      await added(time);
      await unplug(stage);
      return time;
    }],
    ["disk add", async () => {
      const time = await added(
        ofProcess(programs.tool, wordsOf("disk add", place)),
      );
      await unplug(stage);
      return time;
    }],
    ["bare queries", () => bare(vm, dialogues.list, image)],
    ["rpc list", () => ofRequest(rpc, requestOf("rpc list", place))],
    [
      "list INSTANCE",
      async () =>
        await ofProcess(programs.tool, wordsOf("list INSTANCE", place)),
    ],
    ["one-line program", async () => await ofProcess(programs.oneLine, [])],
  ];
  if (libvirt === undefined) return own;
  return [...own, ["virsh attach-device", async () => {
    const clockMs = libvirt.add();
    await libvirt.remove();
    return { clockMs };
  }]];
}

/** What the tool says to QEMU when it adds a disk, and when it lists one VM. */
async function dialoguesOf(
  { node: { vm }, programs, image }: Omit<Stage, "dialogues">,
): Promise<Stage["dialogues"]> {
  const of = async (call: "disk add" | "list INSTANCE") => {
    const log = `${vm.runDir}/peers.log`;
    const words = wordsOf(call, { vm, image });
    timeProcess(programs.tool, [...words, "--log", log]);
    const batches = readDialogue(await Deno.readTextFile(log));
    await Deno.remove(log);
    return batches;
  };
  const all = await of("disk add");
  await vm.waitGuest("test -b /dev/vda");
  const list = await of("list INSTANCE");
  // Of its questions the two that say what is plugged and where.
  const questions = all.flat().filter(({ execute }) =>
    execute === "query-pci" || execute === "query-block"
  ).slice(0, 2);
  const acts = all.flat().filter(({ execute }) =>
    ["add-fd", "blockdev-add", "device_add", "remove-fd"].includes(execute)
  );
  return { add: [questions, ...acts.map((one) => [one])], list };
}

/**
 * Measures all of them on one node, whose files are on a tmpfs, as those of a
 * node are.
 *
 * @returns none where there is no Ganeti
 */
export async function measurePeers(
  release: QemuRelease,
  { tools, programs, count }: {
    readonly tools: Tools;
    readonly programs: Programs;
    readonly count: number;
  },
): Promise<PeerRound[]> {
  const rounds: PeerRound[] = [];
  const log = (line: string) => console.error(`setup: ${line}`);
  const found = await findLibvirt(log);
  await withGanetiNode(async (node) => {
    // Ganeti makes its folders when it is asked first.
    await node.noded.call("hotplug_supported", [node.instance]);
    const disk = await node.disk(DISK, 0);
    const image = disk.logical_id[1];
    const link = await assemble(node, disk, 0);
    const add = [node.instance, "hotadd", "disk", disk, [link, null], 0];
    const dir = await Deno.makeTempDir({ dir: "/dev/shm", prefix: "kh-" });
    try {
      const peerImage = `${dir}/disk.img`;
      await Deno.copyFile(image, peerImage);
      await using libvirt = found && await LibvirtPeer.start(found, {
        ...{ release, tools, dir, image: peerImage },
      });
      await using rpc = startRpc(programs.tool, node);
      const stage = { node, rpc, programs, libvirt, add, image };
      const dialogues = await dialoguesOf(stage);
      await unplug({ ...stage, dialogues });
      const all = turns({ ...stage, dialogues });
      for (let index = 0; index <= count; index++) {
        const round = new Map<Peer, PeerTime>();
        for (const shift of all.keys()) {
          const [peer, turn] = all[(index + shift) % all.length]!;
          round.set(peer, await turn());
        }
        // In the first one QEMU and the guest do things for the first time.
        if (index > 0) rounds.push(round);
      }
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  }, { on: "tmpfs" });
  return rounds;
}
