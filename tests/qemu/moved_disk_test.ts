/**
 * Disks whose data was moved behind the runtime file's back: what is recorded
 * would start another machine, and nobody calls that ok.
 */
import { saidIn } from "../support/document.ts";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { eachRelease, makeImage } from "../lab/each_release.ts";
import { snapshot } from "../lab/snapshot.ts";
import { tool } from "../lab/tool.ts";
import type { Vm } from "../lab/vm.ts";

/** An overlay takes all that is written from now on. */
async function putOverlay(vm: Vm, node: string): Promise<string> {
  const file = `${vm.runDir}/ov.qcow2`;
  await vm.qmp.execute("blockdev-snapshot-sync", {
    ...{ "node-name": node, "snapshot-file": file },
    ...{ format: "qcow2", "snapshot-node-name": "s" },
  });
  return file;
}

/** Another raw file of the same size becomes the disk's. */
async function mirror(vm: Vm, device: string): Promise<string> {
  const file = `${vm.runDir}/o.img`;
  await makeImage(file, "x");
  await vm.qmp.execute("blockdev-add", {
    ...{ driver: "raw", "node-name": "target" },
    file: { driver: "file", filename: file },
  });
  const since = vm.qmp.events.length;
  await vm.qmp.execute("blockdev-mirror", {
    ...{ "job-id": "j1", device, target: "target", sync: "full" },
  });
  await vm.qmp.waitEvent("BLOCK_JOB_READY", { device: "j1", since });
  // Only what is written to both is a job; nothing has moved yet.
  assertEquals(await statuses(vm), ["ok"]);
  await vm.qmp.execute("block-job-complete", { device: "j1" });
  await vm.qmp.waitEvent("BLOCK_JOB_COMPLETED", { device: "j1", since });
  return file;
}

async function statuses(vm: Vm): Promise<string[]> {
  const { json } = await tool(vm, "list", vm.name);
  return json.devices.map((one: { status: string }) => one.status);
}

const WAYS = { "an overlay": putOverlay, "a mirror": mirror };

for (const [way, move] of Object.entries(WAYS)) {
  eachRelease(`a disk moved by ${way} differs for everybody`, async (vm, t) => {
    const image = `${vm.runDir}/d.img`;
    await makeImage(image, "x");
    const before = await snapshot(vm);
    const add = await tool(vm, "disk", "add", vm.name, image);
    const { id, uuid } = add.json.device;
    assertEquals(await statuses(vm), ["ok"]);
    const file = await move(vm, id);

    await t.step("list, verify and repair say so", async () => {
      assertEquals(await statuses(vm), ["differs"]);
      const verify = await tool(vm, "state", "show", vm.name, "--verify");
      assertEquals(verify.status, 3);
      const [{ message: what, hint }, ...more] = verify.json.verify.differences;
      assertEquals(more, []);
      assertStringIncludes(what, `disk 0 is recorded as ${image}`);
      assertStringIncludes(what, file);
      assertStringIncludes(hint, `adopt ${vm.name}`);
      const plugged = await snapshot(vm);
      const repair = await tool(vm, "repair", vm.name);
      assertEquals([repair.status, repair.json.remaining.length], [7, 1]);
      const again = await tool(vm, "disk", "add", vm.name, image);
      assertEquals([again.status, again.json.error.code], [3, "duplicate"]);
      assertStringIncludes(again.json.error.message, `SOURCE is ${file}`);
      assertEquals(await snapshot(vm), plugged);
    });

    await t.step("no start from the file, no change of its size", async () => {
      const command = await tool(vm, "state", "command", vm.name);
      assertEquals([command.status, command.json.error?.code], [3, "refused"]);
      assertStringIncludes(command.json.error.message, file);
      const resize = await tool(vm, "disk", "resize", vm.name, "0", "16M");
      assertEquals([resize.status, resize.json.error?.code], [3, "refused"]);
    });

    await t.step("adopt records where it is now", async () => {
      const adopt = await tool(vm, "adopt", vm.name);
      assertEquals(adopt.status, 0, adopt.stdout);
      const [adopted] = adopt.json.adopted;
      assertEquals([adopted.uuid, adopted.source], [uuid, file]);
      assertEquals(await statuses(vm), ["ok"]);
      const command = await tool(vm, "state", "command", vm.name);
      if (way === "an overlay") {
        for (const more of [["--dry-run"], []]) {
          const grow = ["disk", "resize", vm.name, "0", "16M", ...more];
          const { status, json } = await tool(vm, ...grow);
          assertEquals([status, json.error?.code], [3, "refused"]);
          assertStringIncludes(json.error.message, `in an overlay, ${file}`);
        }
        // Opened as raw, it would be destroyed.
        assertEquals(command.status, 3);
        assertMatch(command.json.error.message, /mode is ro/);
        assertMatch(saidIn(adopt.json.warnings), /its format is qcow2/);
      } else {
        assertEquals(command.status, 0);
        assertStringIncludes(command.json.command.join(" "), file);
        assertEquals(command.json.command.join(" ").includes(image), false);
      }
    });

    await t.step("its removal leaves nothing in QEMU", async () => {
      const remove = await tool(vm, "disk", "remove", vm.name, "0");
      assertEquals([remove.stderr, remove.status], ["", 0]);
      const { nodes, fdsets, devices } = await snapshot(vm);
      const { nodes: none, fdsets: no, devices: few } = before;
      assertEquals([nodes, fdsets, devices], [none, no, few]);
    });
  });

  eachRelease(`a disk moved by ${way} goes without adopt, too`, async (vm) => {
    const image = `${vm.runDir}/d.img`;
    await makeImage(image, "x");
    const before = await snapshot(vm);
    const { json } = await tool(vm, "disk", "add", vm.name, image);
    await move(vm, json.device.id);
    const remove = await tool(vm, "disk", "remove", vm.name, "0");
    assertEquals([remove.stderr, remove.status], ["", 0]);
    const { nodes, fdsets, devices, runtime } = await snapshot(vm);
    assertEquals([nodes, fdsets, devices, runtime], [
      before.nodes,
      before.fdsets,
      before.devices,
      before.runtime,
    ]);
  });
}
