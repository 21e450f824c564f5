/** No room left, where the runtime file is and where our own files are. */
import { assertEquals } from "@std/assert";
import { host } from "../lab/each_release.ts";
import { KillBench } from "./kill_bench.ts";
import { type DeviceKind, scenario } from "./kill_scenario.ts";
import {
  commandOf,
  expectSame,
  expectWhole,
  learn,
  mend,
  prepare,
} from "./kill_sweep.ts";
import { tool } from "../lab/tool.ts";
import { testTools } from "../lab/vm.ts";

const tools = await testTools();
const [release] = tools.qemus;
if (release === undefined) throw new Error("there is no QEMU");

/** Fills a file system to its last byte. */
function fill(folder: string): void {
  using file = Deno.openSync(`${folder}/filler`, { create: true, write: true });
  const page = new Uint8Array(4096);
  try {
    for (;;) file.writeSync(page);
  } catch (error) {
    if (!/os error 28/.test(String(error))) throw error;
  }
}

/** Runs `act` while a folder is a small file system without room. */
async function withoutRoom(
  folder: string,
  act: () => Promise<void>,
): Promise<void> {
  const { mode } = await Deno.stat(folder);
  const files = [...Deno.readDirSync(folder)].map(({ name }) => ({
    name,
    text: Deno.readFileSync(`${folder}/${name}`),
    mode: Deno.statSync(`${folder}/${name}`).mode ?? 0o600,
  }));
  const size = `size=64k,mode=${((mode ?? 0) & 0o777).toString(8)}`;
  await host("mount", "-t", "tmpfs", "-o", size, "tmpfs", folder);
  try {
    for (const { name, text, mode } of files) {
      Deno.writeFileSync(`${folder}/${name}`, text, { mode: mode & 0o777 });
      Deno.chmodSync(`${folder}/${name}`, mode & 0o777);
    }
    fill(folder);
    await act();
  } finally {
    await host("umount", folder);
  }
}

for (const kind of ["disk", "NIC on a bridge"] as DeviceKind[]) {
  Deno.test(`no room: ${kind}`, async (t) => {
    await using bench = await KillBench.open({ release, tools });
    const folders = {
      "the runtime file": `${bench.runDir}/kvm-hypervisor/conf`,
      "our own files": `${bench.runDir}/kvm-hotplug`,
    };
    for (const verb of ["add", "remove"] as const) {
      for (const [what, folder] of Object.entries(folders)) {
        await t.step(`${verb}, no room for ${what}`, async () => {
          const one = scenario(bench, kind, verb);
          const whole = await learn(bench, one);
          await prepare(bench, one);
          await withoutRoom(folder, async () => {
            const before = await bench.state(one);
            const { status, stdout } = await tool(bench.vm, ...commandOf(one));
            assertEquals([3, 5].includes(status), true, stdout);
            expectSame(await bench.state(one), before);
          });
          await mend(bench, one, "again");
          await expectWhole(bench, one, { whole, mender: "again" });
        });
      }
    }
  });
}
