/** The tool killed while the first SCSI disk comes with its controller. */
import { assertEquals } from "@std/assert";
import { KillBench, type State } from "./kill_bench.ts";
import { FULL, type KillPoint, pointsOf } from "./kill_points.ts";
import { recordMessages } from "./kill_points.ts";
import type { Scenario } from "./kill_scenario.ts";
import { killAt, mend, type Mender } from "./kill_sweep.ts";
import { testTools } from "../lab/vm.ts";

const tools = await testTools();

const UUID = "c0000001-1111-4111-8111-000000000001";

function scenarioOf({ vm, image }: KillBench): Scenario {
  const words = ["--driver", "scsi-hd", "--controller", "virtio-scsi-pci"];
  return {
    title: "SCSI disk and controller",
    verb: "add",
    id: "disk-c0000001-1111-4111",
    // The warning about the controller is no failure.
    add: ["disk", "add", vm.name, image, "--uuid", UUID, ...words, "--quiet"],
    remove: ["disk", "remove", vm.name, UUID],
  };
}

/** The points from the controller on: those before are those of a disk. */
function pointsFrom(messages: readonly string[], k: number): KillPoint[] {
  const first = messages.indexOf("device_add");
  const points = pointsOf(messages.slice(first - 1));
  return FULL ? points : points.filter((_, i) => i % 3 === k % 3);
}

/** Devices, nodes and the file's command line: with it all, or without. */
function brief({ devices, nodes, runtime, own, open, fdsets }: State) {
  const [command, , , disks] = JSON.parse(runtime);
  const counts = { words: command.length, disks: disks.length };
  return { devices, nodes, own, open, fdsets, ...counts };
}

for (const [k, release] of tools.qemus.entries()) {
  Deno.test(`QEMU ${release.name}: a SCSI controller, the tool killed`, async () => {
    await using bench = await KillBench.open({ release, tools });
    const scenario = scenarioOf(bench);
    const before = brief(await bench.state(scenario));
    const messages = await recordMessages(
      bench,
      () => bench.expectTool(...scenario.add),
    );
    const done = brief(await bench.state(scenario));
    assertEquals(done.words, before.words + 2);
    await bench.renew();
    const tally = { before: 0, done: 0 };
    for (const [i, point] of pointsFrom(messages, k).entries()) {
      const reached = await killAt(bench, scenarioOf(bench), point);
      assertEquals(reached, true, `${point.when} ${point.message}`);
      const mender: Mender = i % 2 === 1 ? "again" : "repair";
      await mend(bench, scenarioOf(bench), mender);
      const now = brief(await bench.state(scenario));
      const end = now.disks === before.disks ? "before" : "done";
      assertEquals(now, end === "before" ? before : done, point.message);
      assertEquals(mender === "again" && end === "before", false);
      tally[end]++;
      await bench.checkBystanders();
      if (end === "done") await bench.renew();
    }
    const tried = tally.before + tally.done;
    console.log(
      `kill points tried ${tried}, agreed ${tried}: ${scenario.title} (${tally.before} taken back)`,
    );
    assertEquals(tally.before > 0 && tally.done > 0, true);
  });
}
