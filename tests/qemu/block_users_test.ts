/** Disks whose block nodes somebody else uses: refused before any change. */
import { assertEquals, assertMatch } from "@std/assert";
import { eachRelease, makeImage } from "../lab/each_release.ts";
import { snapshot } from "../lab/snapshot.ts";
import { tool } from "../lab/tool.ts";
import type { Vm } from "../lab/vm.ts";

const MIB = 1024 * 1024;
/** Of a job, so slow that it does not end by itself: bytes a second. */
const SPEED = 65_536;

async function isGone(vm: Vm, job: string): Promise<void> {
  for (;;) {
    const jobs = await vm.qmp.execute<{ id: string }[]>("query-jobs");
    if (!jobs.some(({ id }) => id === job)) return;
  }
}

/** Ways to use a node, each with its end and what names it. */
const USES: Record<string, {
  begin: (vm: Vm, node: string) => Promise<void>;
  name: RegExp;
}> = {
  mirror: {
    async begin({ qmp }, device) {
      await qmp.execute("blockdev-mirror", {
        ...{ "job-id": "j1", device, target: "target" },
        ...{ sync: "full", speed: SPEED },
      });
    },
    name: /block job j1 \(mirror\)/,
  },
  backup: {
    async begin({ qmp }, device) {
      await qmp.execute("blockdev-backup", {
        ...{ "job-id": "j1", device, target: "target" },
        ...{ sync: "full", speed: SPEED },
      });
    },
    name: /block job j1 \(backup\)/,
  },
  export: {
    async begin({ qmp }, node) {
      await qmp.execute("block-export-add", {
        ...{ type: "nbd", id: "e1", "node-name": node },
      });
    },
    name: /nbd export e1/,
  },
};

eachRelease("a disk that a job or an export uses is kept", async (vm, t) => {
  const image = `${vm.runDir}/d.img`;
  await makeImage(image, "x");
  await makeImage(`${vm.runDir}/target.img`, "y");
  const add = await tool(vm, "disk", "add", vm.name, image);
  const { id } = add.json.device;
  await Deno.truncate(image, 16 * MIB);
  await vm.qmp.execute("blockdev-add", {
    ...{ driver: "file", "node-name": "target" },
    filename: `${vm.runDir}/target.img`,
  });
  await vm.qmp.execute("nbd-server-start", {
    addr: { type: "unix", data: { path: `${vm.runDir}/nbd` } },
  });
  await vm.waitGuest("test -b /dev/vda");
  for (const [use, { begin, name }] of Object.entries(USES)) {
    await t.step(use, async () => {
      await begin(vm, id);
      const before = await snapshot(vm);
      for (const verb of ["remove", "resize"]) {
        for (const more of [["--dry-run"], []]) {
          const { status, json } = await tool(
            vm,
            ...["disk", verb, vm.name, "0", ...more],
          );
          assertEquals([status, json.error?.code], [3, "in-use"], verb);
          assertEquals(json.changed, false);
          assertMatch(json.error.message, name);
          assertMatch(json.error.hint, /qmp \S+ block-(job-cancel|export-del)/);
        }
      }
      assertEquals(await snapshot(vm), before);
      assertEquals((await vm.guest("test -b /dev/vda")).status, 0);
      // What the hint says helps.
      const [, command = "", argument = ""] =
        (await tool(vm, "disk", "remove", vm.name, "0")).json.error.hint
          .split(" qmp ")[1].split(" ");
      await tool(vm, "qmp", vm.name, command, argument);
      if (command === "block-job-cancel") await isGone(vm, "j1");
    });
  }
  assertEquals((await tool(vm, "disk", "resize", vm.name, "0")).status, 0);
  assertEquals((await tool(vm, "disk", "remove", vm.name, "0")).status, 0);
});

eachRelease("a medium that is exported stays in its drive", async (vm) => {
  const [first, second] = [`${vm.runDir}/a.iso`, `${vm.runDir}/b.iso`];
  await makeImage(first, "a");
  await makeImage(second, "b");
  const cd = ["--driver", "scsi-cd", "--read-only", "--not-migratable"];
  const add = await tool(vm, "disk", "add", vm.name, first, ...cd);
  assertEquals(add.status, 0, add.stdout);
  await vm.qmp.execute("nbd-server-start", {
    addr: { type: "unix", data: { path: `${vm.runDir}/nbd` } },
  });
  await vm.qmp.execute("block-export-add", {
    ...{ type: "nbd", id: "e1", "node-name": add.json.device.id },
  });
  const before = await snapshot(vm);
  const { status, json } = await tool(
    vm,
    ...["disk", "set", vm.name, "0", "--medium", second, "--not-migratable"],
  );
  assertEquals([status, json.error?.code], [3, "in-use"]);
  assertEquals(await snapshot(vm), before);
});
