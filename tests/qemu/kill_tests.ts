/**
 * The tests that kill the tool at each message, for one kind of device.
 *
 * @module
 */

import { KillBench } from "./kill_bench.ts";
import { type DeviceKind, scenario } from "./kill_scenario.ts";
import { sweepsOf, sweepTool } from "./kill_sweep.ts";
import { SCSI_ARGS } from "./scsi_machine.ts";
import { testTools } from "./vm.ts";

const tools = await testTools();

/** One test for each release, one step for each sweep. */
export function sweepTests(kind: DeviceKind): void {
  const extraArgs = kind === "SCSI disk" ? SCSI_ARGS : [];
  for (const [k, release] of tools.qemus.entries()) {
    Deno.test(`QEMU ${release.name}: ${kind}, the tool killed`, async (t) => {
      await using bench = await KillBench.open({ release, tools, extraArgs });
      for (const { verb, mender } of sweepsOf(k, tools.qemus.length)) {
        await t.step(`${verb}, then ${mender}`, async () => {
          await sweepTool(bench, scenario(bench, kind, verb), mender);
        });
      }
    });
  }
}
