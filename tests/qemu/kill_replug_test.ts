/**
 * The tool killed at messages while a NIC is plugged again with another MTU, and
 * while limits of disks that share them change.
 */
import { KillBench } from "./kill_bench.ts";
import type { Scenario } from "./kill_scenario.ts";
import { type Mender, sweepTool } from "./kill_sweep.ts";
import { testTools } from "../lab/vm.ts";

const tools = await testTools();

const NIC = "c0000002-2222-4222-8222-000000000002";
const DISK = "c0000003-3333-4333-8333-000000000003";
const BYSTANDER = "b0000000-1111-4111-8111-000000000001";

/** A change, and the one that takes it back. */
function changes(
  { vm }: KillBench,
  about: Pick<Scenario, "title" | "id">,
  [words, to, back]: readonly [readonly string[], ...(readonly string[])[]],
): Scenario {
  const [verb = "", ...rest] = words;
  const line = (more: readonly string[] = []) => [
    ...[verb, rest[0] ?? "", vm.name, ...rest.slice(1), ...more, "--quiet"],
  ];
  return { ...about, verb: "add", add: line(to), remove: line(back) };
}

async function replugged(bench: KillBench): Promise<Scenario> {
  await bench.expectTool(
    ...["nic", "add", bench.vm.name, "--mode", "none", "--uuid", NIC],
    ...["--mac", "aa:00:00:00:00:c2", "--mtu", "1400", "--quiet"],
  );
  const id = `nic-${NIC.slice(0, 18)}`;
  return changes(bench, { title: "NIC with another MTU", id }, [
    ["nic", "modify", NIC],
    ["--mtu", "1300", "--rate-in", "1M"],
    ["--mtu", "1400", "--rate-in", "0"],
  ]);
}

/** A disk enters the group of the bystander, and changes the limits of both. */
async function joined(bench: KillBench): Promise<Scenario> {
  const { vm, image } = bench;
  const set = ["disk", "set", vm.name, BYSTANDER, "--iops", "900", "--quiet"];
  await bench.expectTool(...set, "--limit-group", "kill");
  await bench.expectTool("disk", "add", vm.name, image, "--uuid", DISK);
  const id = `disk-${DISK.slice(0, 18)}`;
  const scenario = changes(bench, { title: "shared limits", id }, [
    ["disk", "set", DISK],
    ["--limit-group", "kill", "--iops", "700"],
    ["--limit-group", "none", "--iops", "0"],
  ]);
  return { ...scenario, reset: set };
}

/** Each release has one of them to mend. */
const MENDERS: readonly Mender[] = ["repair", "again"];

for (const [k, release] of tools.qemus.entries()) {
  Deno.test(`QEMU ${release.name}: a change, the tool killed`, async (t) => {
    const mender = MENDERS[k] ?? "repair";
    for (const prepared of [replugged, joined]) {
      await using bench = await KillBench.open({ release, tools });
      bench.prepare = () => prepared(bench);
      const scenario = {
        ...await prepared(bench),
        isTried: (at: number) => [0, 7].includes((at + 2 * k) % 12),
      };
      await t.step(`${scenario.title}, then ${mender}`, async () => {
        await sweepTool(bench, scenario, mender);
      });
    }
  });
}
