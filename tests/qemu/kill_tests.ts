/**
 * The tests that kill the tool at each message, for one kind of device.
 *
 * @module
 */

import { KillBench } from "./kill_bench.ts";
import { FULL } from "./kill_points.ts";
import { type DeviceKind, scenario } from "./kill_scenario.ts";
import { sweepsOf, sweepTool } from "./kill_sweep.ts";
import { SCSI_ARGS } from "../lab/scsi_machine.ts";
import { type MachineOptions, testTools } from "../lab/vm.ts";

const tools = await testTools();

/** What a kind of device needs of the machine. */
const MACHINES: Partial<Record<DeviceKind, Partial<MachineOptions>>> = {
  "SCSI disk": { extraArgs: SCSI_ARGS },
  "DIMM": { extraArgs: ["--m", "slots=4,maxmem=4G"], memoryMiB: 384 },
};

/**
 * The steps of a SCSI disk are those of a disk, but for its place; those of a
 * NIC without a bridge are those of one on a bridge, but for the bridge.
 */
const LIKE_OTHERS: readonly DeviceKind[] = ["SCSI disk", "NIC, mode none"];

/** One test for each release, one step for each sweep. */
export function sweepTests(kind: DeviceKind): void {
  const machine = MACHINES[kind] ?? {};
  for (const [k, release] of tools.qemus.entries()) {
    Deno.test(`QEMU ${release.name}: ${kind}, the tool killed`, async (t) => {
      await using bench = await KillBench.open({ release, tools, ...machine });
      const all = sweepsOf(k, tools.qemus.length);
      const some = LIKE_OTHERS.includes(kind) && !FULL ? all.slice(1, 2) : all;
      for (const { verb, mender } of some) {
        await t.step(`${verb}, then ${mender}`, async () => {
          await sweepTool(bench, scenario(bench, kind, verb), mender);
        });
      }
    });
  }
}
