/** Disks as Ganeti 3.0 attached them: `-drive`, HMP `drive_add`. */
import { assertEquals, assertMatch } from "@std/assert";
import { eachRelease, makeImage } from "../lab/each_release.ts";
import {
  driveOf,
  imagesOf,
  type LiveDiskSpec,
  machineWith,
  plugOn,
  rewrite,
  startedDisk,
} from "../lab/live.ts";
import { tool } from "../lab/tool.ts";
import type { Vm } from "../lab/vm.ts";

/** A disk of the runtime file that Ganeti 3.0 plugged into a PCI slot. */
function diskEntry(id: string, uuid: string, { link, slot }: {
  link: string;
  slot: number;
}) {
  const hvinfo = {
    driver: "virtio-blk-pci",
    id,
    bus: "pci.0",
    addr: `0x${slot.toString(16)}`,
  };
  return [{ dev_type: "file", size: 8, mode: "rw", hvinfo, uuid }, link, null];
}

const STARTED = "disk-d0000001-1111-4111";
const HOT = "disk-d0000002-1111-4111";
const LEGACY = "hotdisk-d0000003-pci-14";
const uuid = (n: number) => `d000000${n}-1111-4111-8111-00000000000${n}`;

/** HMP drive_add, then device_add: Ganeti 3.0's hot-add. */
async function plug(vm: Vm, id: string, { file, slot }: LiveDiskSpec) {
  await vm.qmp.hmp(`drive_add dummy ${driveOf(id, file)}`);
  await plugOn(vm, id, { drive: id, slot });
}

async function record(vm: Vm, disks: readonly unknown[]) {
  await rewrite(vm, ([command, nics, hvparams]) => {
    const words = command as unknown[];
    const extra = words.indexOf("-drive");
    const fixed = extra < 0 ? words : words.slice(0, extra);
    return [fixed, nics, hvparams, disks];
  });
}

interface Block {
  readonly device: string;
  readonly qdev?: string;
}

async function drives(vm: Vm): Promise<string[]> {
  const block = await vm.qmp.execute<Block[]>("query-block");
  return block.map((one) => one.device).sort();
}

const MACHINE = machineWith(
  (runDir) => startedDisk(STARTED, { file: `${runDir}/d1.img`, slot: 12 }),
  ["d1"],
);

eachRelease("disks by -drive and drive_add", async (vm, t) => {
  const images = [1, 2, 3].map((n) => `${vm.runDir}/d${n}.img`);
  const [d1 = "", d2 = "", d3 = ""] = images;
  await makeImage(d2, "by drive_add");
  await makeImage(d3, "legacy id");
  await plug(vm, HOT, { file: d2, slot: 13 });
  await plug(vm, LEGACY, { file: d3, slot: 14 });
  await vm.waitGuest("test -b /dev/vdc");
  await record(vm, [
    diskEntry(STARTED, uuid(1), { link: d1, slot: 12 }),
    diskEntry(HOT, uuid(2), { link: d2, slot: 13 }),
    diskEntry(LEGACY, uuid(3), { link: d3, slot: 14 }),
  ]);

  await t.step("listed as they are", async () => {
    const { json } = await tool(vm, "list", vm.name);
    assertEquals(
      json.devices.map((one: Record<string, unknown>) => [
        ...[one.id, one.status, one.source, one.size_bytes, one.via],
      ]),
      [
        [STARTED, "ok", d1, 8388608, "path"],
        [HOT, "ok", d2, 8388608, "path"],
        [LEGACY, "ok", d3, 8388608, "path"],
      ],
    );
  });

  await t.step("the dry run shows how the drive goes", async () => {
    const { json } = await tool(
      vm,
      ...["disk", "remove", vm.name, HOT, "--dry-run"],
    );
    const commands = json.plan.map((one: { qmp: unknown }) => one.qmp)
      .filter((one: unknown) => one !== null);
    assertEquals(commands, [
      { execute: "device_del", arguments: { id: HOT } },
      {
        execute: "human-monitor-command",
        arguments: { "command-line": `drive_del ${HOT}` },
      },
    ]);
    assertEquals(imagesOf(vm), images);
  });

  await t.step("removed, nothing of them is left", async () => {
    for (const [i, id] of [STARTED, HOT, LEGACY].entries()) {
      const remove = await tool(
        vm,
        ...["disk", "remove", vm.name, id, "--force"],
      );
      assertEquals([remove.stderr, remove.status], ["", 0]);
      assertEquals(remove.json.changed, true);
      assertEquals(imagesOf(vm), images.slice(i + 1));
    }
    assertEquals(await drives(vm), []);
    const left = await vm.guest("ls /sys/block | grep -c vd");
    assertEquals(left.output.trim(), "0");
    assertEquals((await tool(vm, "list", vm.name)).json.devices, []);
  });

  await t.step("a drive that has lost its device goes, too", async () => {
    await vm.qmp.hmp(`drive_add dummy ${driveOf(HOT, d2)}`);
    await record(vm, [diskEntry(HOT, uuid(2), { link: d2, slot: 13 })]);
    assertEquals(await drives(vm), [HOT]);
    const remove = await tool(vm, "disk", "remove", vm.name, "0");
    assertEquals([remove.stderr, remove.status], ["", 0]);
    assertEquals([await drives(vm), imagesOf(vm)], [[], []]);
  });

  await t.step("nodes named otherwise, with limits on top", async () => {
    await vm.qmp.execute("object-add", {
      "qom-type": "throttle-group",
      id: "tg",
    });
    const nodes = [
      { driver: "file", "node-name": "deep", filename: d2 },
      { driver: "raw", "node-name": "under", file: "deep" },
      {
        driver: "throttle",
        "node-name": "top",
        "throttle-group": "tg",
        file: "under",
      },
    ];
    for (const node of nodes) await vm.qmp.execute("blockdev-add", node);
    await plugOn(vm, HOT, { drive: "top", slot: 13 });
    await vm.waitGuest("test -b /dev/vda");
    await record(vm, [diskEntry(HOT, uuid(2), { link: d2, slot: 13 })]);
    const { json } = await tool(vm, "list", vm.name);
    assertEquals([json.devices[0].status, json.devices.length], ["ok", 1]);
    const remove = await tool(vm, "disk", "remove", vm.name, "0");
    assertEquals([remove.stderr, remove.status], ["", 0]);
    assertEquals(imagesOf(vm), []);
    const left = await vm.qmp.execute<unknown[]>("query-named-block-nodes");
    assertEquals(left, []);
    assertMatch(await vm.qmp.hmp("info block"), /^\s*$/);
  });
}, MACHINE);
