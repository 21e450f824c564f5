/** The tool killed at each message while a disk comes or goes. */
import { KillBench } from "./kill_bench.ts";
import { scenario } from "./kill_scenario.ts";
import { sweepTool } from "./kill_sweep.ts";
import { testTools } from "./vm.ts";

const tools = await testTools();

for (const release of tools.qemus) {
  Deno.test(`QEMU ${release.name}: disk, the tool killed`, async (t) => {
    await using bench = await KillBench.open({ release, tools });
    for (const verb of ["add", "remove"] as const) {
      for (const mender of ["again"] as const) {
        await t.step(`${verb}, then ${mender}`, async () => {
          await sweepTool(bench, scenario(bench, "disk", verb), mender);
        });
      }
    }
  });
}
