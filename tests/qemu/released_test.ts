/**
 * The guest has released a device, and QEMU has not said so yet: who ends the
 * waiting then ends no removal half-way.
 */
import { assertEquals } from "@std/assert";
import { eachRelease, makeImage } from "../lab/each_release.ts";
import { QmpProxy } from "../lab/proxy.ts";
import { snapshot } from "../lab/snapshot.ts";
import { resultOf, spawnTool, tool } from "../lab/tool.ts";

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  eachRelease(`${signal} as the guest releases the device`, async (vm, t) => {
    const image = `${vm.runDir}/d.img`;
    await makeImage(image, "x");
    const before = await snapshot(vm);
    for (const [kind, ...words] of [["disk", image], ["nic"]] as const) {
      await t.step(kind, async () => {
        const add = await tool(vm, kind, "add", vm.name, ...words);
        assertEquals(add.status, 0, add.stdout);
        const { id } = add.json.device;
        let removal: Deno.ChildProcess | undefined;
        {
          await using proxy = QmpProxy.start(vm.qmpPath);
          // It is out of QEMU's tree by then, as it is some ms before on 10.0.
          proxy.hook = ({ message }) => {
            const { event, data } = message;
            if (event !== "DEVICE_DELETED" || data.device !== id) return "pass";
            removal?.kill(signal);
            return "drop";
          };
          removal = spawnTool(vm, [kind, "remove", vm.name, "0", "--json"]);
          const { status, json } = await resultOf(removal);
          assertEquals([status, json.changed], [0, true], JSON.stringify(json));
        }
        assertEquals(await snapshot(vm), before);
      });
    }
  });
}
