/** The tool killed at each message while a NIC comes or goes. */
import { KillBench } from "./kill_bench.ts";
import { type DeviceKind, scenario } from "./kill_scenario.ts";
import { sweepTool } from "./kill_sweep.ts";
import { testTools } from "./vm.ts";

const tools = await testTools();
const KINDS: readonly DeviceKind[] = ["NIC, mode none", "NIC on a bridge"];

for (const release of tools.qemus) {
  for (const kind of KINDS) {
    Deno.test(`QEMU ${release.name}: ${kind}, the tool killed`, async (t) => {
      await using bench = await KillBench.open({ release, tools });
      for (const verb of ["add", "remove"] as const) {
        for (const mender of ["again"] as const) {
          await t.step(`${verb}, then ${mender}`, async () => {
            await sweepTool(bench, scenario(bench, kind, verb), mender);
          });
        }
      }
    });
  }
}
