/** QEMU killed at each message: status, clean host, a file that is true. */
import { assert, assertEquals } from "@std/assert";
import { isAlive } from "../../tools/guest/process.ts";
import { KillBench } from "./kill_bench.ts";
import { actAt, FULL, type KillPoint, pointsOf } from "./kill_points.ts";
import { type DeviceKind, type Scenario, scenario } from "./kill_scenario.ts";
import { commandOf, dialogue, prepare, Tally } from "./kill_sweep.ts";
import { interfaces } from "../lab/snapshot.ts";
import { tool } from "../lab/tool.ts";
import { testTools } from "../lab/vm.ts";

const tools = await testTools();

/** What the node has of an instance whose QEMU is gone. */
function node({ vm, runDir, bridge }: KillBench) {
  const names = (folder: string) =>
    [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  return {
    taps: interfaces().filter((name) => !["lo", bridge].includes(name)),
    conf: names(`${runDir}/kvm-hypervisor/conf`),
    own: names(`${runDir}/kvm-hotplug`).filter((n) => !n.endsWith(".lock")),
    nic: names(vm.layout.nic),
  };
}

/** The uuids the runtime file has. */
function recorded({ vm }: KillBench): string[] {
  const [, nics, , disks] = JSON.parse(
    Deno.readTextFileSync(vm.runtimePath),
  );
  return [
    ...nics.map((one: { uuid: string }) => one.uuid),
    ...disks.map(([one]: { uuid: string }[]) => one?.uuid),
  ];
}

async function killQemuAt(
  bench: KillBench,
  one: Scenario,
  point: KillPoint,
): Promise<void> {
  const { vm } = bench;
  const uuid = one.add[one.add.indexOf("--uuid") + 1] ?? "";
  const before = recorded(bench);
  const result = tool(vm, ...commandOf(one));
  const reached = await actAt(bench, point, {
    during: result,
    act: () => vm.kill(),
  });
  assert(reached, "the point was not reached");
  assertEquals(await isAlive(vm.pid), false);
  const { status, stdout, stderr, json } = await result;
  const text = `status ${status}: ${stdout}${stderr}`;
  // Before the first change the VM could not be asked; later it is said that
  // the operation was cut off; with the last message all was done already.
  assert([0, 4, 5, 7].includes(status), text);
  assertEquals(json?.ok, status === 0, text);
  if (status === 4) assertEquals(recorded(bench), before, text);
  // A dead QEMU's own socket refuses whoever connects.
  await bench.proxy[Symbol.asyncDispose]();
  const repair = await tool(vm, "repair", vm.name);
  assertEquals(repair.status, 0, text + repair.stdout);
  const now = node(bench);
  const kept = recorded(bench).includes(uuid);
  const nics = recorded(bench).filter((each) => each.startsWith("b0000000-2"))
    .length +
    (one.id.startsWith("nic") && kept ? 1 : 0);
  assertEquals(now, {
    taps: [],
    conf: [`${vm.name}.runtime`],
    // The note of the NIC's rate.
    own: one.id.startsWith("nic") && kept ? [`${vm.name}.json`] : [],
    // What Ganeti's start writes anew; one for each NIC that is recorded.
    nic: Array.from({ length: nics }, (_, seq) => String(seq)),
  }, text);
  const others = (uuids: string[]) => uuids.filter((each) => each !== uuid);
  assertEquals(others(recorded(bench)), others(before));
  if (status === 0) assertEquals(kept, one.verb === "add");
}

/** Each point costs a VM: every second one of a change tells enough. */
function few(points: readonly KillPoint[]): KillPoint[] {
  const changes = points.filter(({ message, when }) =>
    when === "before" && !message.includes("query")
  );
  return FULL ? [...points] : changes.filter((_, k) => k % 2 === 0);
}

const KINDS: readonly DeviceKind[] = ["disk", "NIC on a bridge"];

for (const [k, release] of tools.qemus.entries()) {
  Deno.test(`QEMU ${release.name} is killed`, async (t) => {
    await using bench = await KillBench.open({ release, tools });
    for (const [i, kind] of KINDS.entries()) {
      // The releases share the work, unless all is wanted.
      const verbs = FULL
        ? ["add", "remove"] as const
        : (k + i) % 2 === 0
        ? ["add"] as const
        : ["remove"] as const;
      for (const verb of verbs) {
        await t.step(`${kind} ${verb}`, async () => {
          const one = scenario(bench, kind, verb);
          const tally = new Tally();
          for (const point of few(pointsOf(await dialogue(bench, one)))) {
            const title = `${point.when} ${point.message}`;
            await tally.point(title, bench, async () => {
              await prepare(bench, one);
              await killQemuAt(bench, one, point);
              await bench.renew();
            });
          }
          tally.report(`QEMU, ${kind} ${verb}`);
        });
      }
    }
  });
}
