/** The tool killed while a virtio-mem device comes, is resized, and goes. */
import { assert, assertEquals } from "@std/assert";
import { isNew } from "../../tools/setup.ts";
import { tool } from "../lab/tool.ts";
import { loadVirtioMem } from "../lab/virtio_mem.ts";
import { testTools } from "../lab/vm.ts";
import { KillBench } from "./kill_bench.ts";
import {
  FULL,
  type KillPoint,
  pointsOf,
  recordMessages,
} from "./kill_points.ts";
import { killAt } from "./kill_sweep.ts";

const M = 1024 * 1024;
const BASE_MIB = 384;

/** The size of a virtio-mem device, in MiB; undefined: there is none. */
type Size = number | undefined;

/** An operation that is killed. */
interface Phase {
  readonly title: string;
  readonly from: Size;
  readonly to: Size;
}

const PHASES: readonly Phase[] = [
  { title: "as it comes", from: undefined, to: 64 },
  { title: "as it grows", from: 64, to: 128 },
  { title: "as it shrinks", from: 128, to: 64 },
  { title: "as it goes", from: 0, to: undefined },
];

function commandOf({ vm }: KillBench, { from, to }: Phase): string[] {
  const words = from === undefined
    ? ["add", vm.name, `${to}M`, "--kind", "virtio-mem", "--max", "256M"]
    : to === undefined
    ? ["remove", vm.name, "vmem-0"]
    : ["set", vm.name, `${BASE_MIB + to}M`];
  return ["memory", ...words, "--quiet"];
}

/** What the guest is to have of the device, as QEMU, file and backends say. */
async function sizeOf({ vm }: KillBench): Promise<Size> {
  const live = await vm.qmp.execute<
    { data: { id: string; "requested-size": number } }[]
  >("query-memory-devices");
  const [command] = JSON.parse(await Deno.readTextFile(vm.runtimePath));
  const words: string[] = command.map(String);
  const recorded = words.flatMap((word) =>
    /^virtio-mem-pci,.*requested-size=(\d+)/.exec(word)?.[1] ?? []
  );
  const backends = await vm.qmp.execute<{ id?: string }[]>("query-memdev");
  const ours = backends.filter(({ id = "" }) => id.startsWith("mem-"));
  const inFile = words.filter((word) => word.includes("id=mem-vmem-0"));
  const sizes = live.map(({ data }) => data["requested-size"]);
  assertEquals(recorded.map(Number), sizes);
  assertEquals([ours.length, inFile.length], [sizes.length, sizes.length]);
  return sizes[0] === undefined ? undefined : sizes[0] / M;
}

/** Brings the device where a phase begins. */
async function prepare(bench: KillBench, { from }: Phase): Promise<void> {
  const now = await sizeOf(bench);
  const { vm } = bench;
  if (now === from) return;
  if (now === undefined) {
    const add = { title: "", from: undefined, to: 64 };
    await bench.expectTool(...commandOf(bench, add));
  }
  const set = { title: "", from: 64, to: from ?? 0 };
  await bench.expectTool(...commandOf(bench, set));
  if (from !== undefined) return;
  await bench.expectTool("memory", "remove", vm.name, "vmem-0", "--quiet");
}

/**
 * The points that each run has: a wait asks as often as the guest is slow, and
 * may be told by the answer before the second event comes.
 */
function pointsIn(messages: readonly string[]): KillPoint[] {
  const turn = messages.findIndex((one) =>
    /^reply to (?:qom-set|device_add)$/.test(one)
  );
  const sure = messages.filter((name, k) =>
    name !== "DEVICE_DELETED 2" &&
    (turn < 0 || k <= turn + 1 || !name.includes("query-memory-devices"))
  );
  const points = pointsOf(sure);
  return FULL ? points : points.filter((_, k) => [0, 3].includes(k % 6));
}

/** Kills the tool once, and has it put in order. */
async function killed(
  bench: KillBench,
  phase: Phase,
  { point, mender }: { point: KillPoint; mender: "repair" | "again" },
): Promise<void> {
  const { vm } = bench;
  const words = commandOf(bench, phase);
  const title = `${point.when} ${point.message}, ${mender}`;
  await prepare(bench, phase);
  const about = { title: "", verb: "add", id: "vmem-0", remove: [] } as const;
  const reached = await killAt(bench, { ...about, add: words }, point);
  assert(reached, `${title}: not reached`);
  if (mender === "repair") await bench.expectTool("repair", vm.name, "--quiet");
  else assertEquals((await tool(vm, ...words)).status, 0, title);
  const now = await sizeOf(bench);
  const isBefore = mender === "repair" && now === phase.from;
  if (!isBefore) assertEquals(now, phase.to, title);
  const { json } = await tool(vm, "list", vm.name);
  const bad = json.devices.filter((one: { status: string }) =>
    one.status !== "ok"
  );
  assertEquals([bad, json.differences], [[], []], title);
  await bench.checkBystanders();
}

const tools = await testTools();
const release = tools.qemus.find(isNew);

// 7.2 does not let such a device go.
if (release !== undefined) {
  Deno.test(`QEMU ${release.name}: virtio-mem, the tool killed`, async (t) => {
    const extraArgs = ["--m", "slots=4,maxmem=4G"];
    const machine = { release, tools, extraArgs, memoryMiB: BASE_MIB };
    await using bench = await KillBench.open(machine);
    await loadVirtioMem(bench.vm);
    for (const phase of PHASES) {
      await t.step(phase.title, async () => {
        await prepare(bench, phase);
        const words = commandOf(bench, phase);
        const messages = await recordMessages(
          bench,
          () => bench.expectTool(...words),
        );
        assertEquals(await sizeOf(bench), phase.to);
        const points = pointsIn(messages);
        assert(points.length > 2, messages.join());
        for (const [k, point] of points.entries()) {
          // The same addition again would add as much again.
          const isAgain = k % 2 === 1 && phase.from !== undefined;
          const mender = isAgain ? "again" : "repair";
          await killed(bench, phase, { point, mender });
        }
        console.log(`kill points tried ${points.length}: ${phase.title}`);
      });
    }
  });
}
