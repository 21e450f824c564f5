/**
 * Which device a request of Ganeti's is about: what QEMU has and nobody recorded,
 * what was recorded with another uuid, and what is not ours to touch.
 */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { until } from "../../tools/guest/deadline.ts";
import { host } from "../lab/each_release.ts";
import {
  assemble,
  besideGaneti,
  DISK,
  diskAndNic,
  MAC,
  NAME,
  NIC,
  state,
  theirRemoval,
} from "../lab/ganeti_node.ts";
import { rewrite } from "../lab/live.ts";
import { bridgedNic, type Doc } from "../lab/noded.ts";
import { tool } from "../lab/tool.ts";
import type { Vm } from "../lab/vm.ts";

const OTHER_DISK = DISK.replace(/^d0/, "d1");

/** Records hvparams as a start of Ganeti with other ones does. */
async function setHvparams(vm: Vm, more: Doc): Promise<void> {
  await rewrite(vm, ([command, nics, hvparams, ...rest]) => [
    ...[command, nics, { ...hvparams as Doc, ...more }, ...rest],
  ]);
}

besideGaneti(
  "hotremove calls a disk gone only if QEMU has nothing of it",
  async (node) => {
    const { vm, noded, ours, instance } = node;
    await noded.call("hotplug_supported", [instance]);
    const disk = await node.disk(DISK, 0);
    const link = await assemble(node, disk, 0);
    const remove = [instance, "hotremove", "disk", disk, null, 0];
    // Nobody has plugged it yet.
    assertEquals(await ours(remove), [true, null]);
    const refused = async (seq: number, device: Doc, reason: RegExp) => {
      const params = [instance, "hotremove", "disk", device, null, seq];
      const [done, text] = await ours(params);
      assertEquals(done, false);
      assertMatch(text, reason);
    };
    const plug = async (id: string, filename: string) => {
      await vm.qmp.execute("blockdev-add", {
        ...{ "node-name": id, driver: "raw" },
        file: { driver: "file", filename, locking: "off" },
      });
      const device = { driver: "virtio-blk-pci", drive: id, id };
      await vm.qmp.execute("device_add", device);
    };
    // Somebody else plugged its file, under another id.
    await plug("other", disk.logical_id[1]);
    await refused(1, disk, /QEMU has .*\/srv\/0 open/);
    // Its object says nothing: the link does.
    const nameless = { ...disk, dev_type: "ext", logical_id: ["ext", "x"] };
    await refused(0, nameless, /QEMU has .*:0 open/);
    // Nothing says which file it is, and there is one that nobody records.
    await refused(1, nameless, /it may be other/);
    const gone = await tool(vm, "disk", "remove", NAME, "other", "--force");
    assertEquals(gone.status, 0, gone.stdout);
    assertEquals(await ours(remove), [true, null]);
    // As another disk of the instance it is open, too.
    const other = { ...disk, uuid: OTHER_DISK };
    const add = [instance, "hotadd", "disk", other, [link, null], 0];
    assertEquals(await ours(add), [true, null]);
    await refused(0, disk, /open, which is recorded as disk 0/);
  },
);

/** Takes the records away again, as where Ganeti's own check fails. */
async function unrecorded(vm: Vm, change: () => Promise<unknown>) {
  const before = await Deno.readTextFile(vm.runtimePath);
  await change();
  await Deno.writeTextFile(vm.runtimePath, before);
}

besideGaneti(
  "hotadd finishes what Ganeti plugged and did not record",
  async (node) => {
    const { vm, noded, ours } = node;
    const { before, disk, link, nic, add, plug, remove, unplug } =
      await diskAndNic(node);
    await unrecorded(vm, async () => {
      const disk = await noded.call("hotplug_device", add);
      const nic = await noded.call("hotplug_device", plug);
      assertEquals([disk, nic], [[true, null], [true, null]]);
    });
    await Deno.remove(`${vm.layout.nic}/0`);
    // Another disk, or another card, it is not.
    const other = await node.disk(DISK, 1);
    const elsewhere = [other.logical_id[1], null];
    const [no, why] = await ours(add.with(3, other).with(4, elsewhere));
    assertEquals(no, false);
    assertMatch(why, /its data is in .*instance-disks|its data is in .*srv/);
    const [neither, mac] = await ours(
      plug.with(3, { ...nic, mac: "aa:00:00:00:99:01" }),
    );
    assertEquals(neither, false);
    assertMatch(mac, /its MAC is aa:00:00:00:00:01/);
    // Until it is recorded, its volume must stay.
    assertEquals((await ours(remove))[0], false);

    assertEquals(await ours(add), [true, null]);
    assertEquals(await ours(plug), [true, null]);
    const { status, json } = await tool(vm, "list", NAME);
    assertEquals(
      [status, json.devices.map((one: Doc) => [one.uuid, one.status])],
      [0, [[DISK, "ok"], [NIC, "ok"]]],
    );
    const [, [card], , [[object, recorded]]] = JSON.parse(
      await Deno.readTextFile(vm.runtimePath),
    );
    const { hvinfo: _, ...rest } = object;
    const { dynamic_params: __, ...sent } = disk;
    assertEquals([rest, recorded], [sent, link]);
    assertEquals(card.nicparams, nic.nicparams);
    await vm.waitGuest(`grep -q ${DISK} /dev/vda`);
    const [gone] = await theirRemoval(node, remove, add);
    const [out] = await noded.call("hotplug_device", unplug);
    assertEquals([gone, out], [true, true]);
    assertEquals(await state(vm), before);
  },
);

besideGaneti(
  "hotadd and hotremove clear what a failed addition of Ganeti's left",
  async (node) => {
    const { vm, noded, ours } = node;
    const { before, add, plug, remove, unplug } = await diskAndNic(node);
    // Ganeti does not look whether its slot is free.
    const rng = { driver: "virtio-rng-pci", id: "rng", bus: "pci.0" };
    await vm.qmp.execute("device_add", { ...rng, addr: "0xc" });
    const theirs = async (params: readonly unknown[]) => {
      const [done, text] = await noded.call("hotplug_device", params);
      assertEquals(done, false);
      assertMatch(text, /slot 12 function 0/);
    };
    const left = async () => {
      const nodes = await vm.qmp.execute("query-named-block-nodes");
      const [ids] = [(nodes as Doc[]).map((one) => one["node-name"])];
      return ids.filter((one: string) => one.startsWith("disk-")).length;
    };
    await theirs(add);
    await theirs(plug);
    assertEquals(await left(), 1);
    // For a person it is a matter of repair.
    const person = ["disk", "add", NAME, "/dev/null", "--uuid", DISK];
    const source = (add[4] as string[])[0] ?? "";
    const refused = await tool(vm, ...person.with(3, source));
    assertEquals([refused.status, refused.json.error.code], [3, "leftover"]);
    assertMatch(refused.json.error.hint, /kvm-hotplug repair/);
    for (const params of [add, plug]) {
      assertEquals(await ours(params), [true, null]);
    }
    const { status, json } = await tool(vm, "list", NAME);
    assertEquals(
      [status, json.devices.slice(0, 2).map((one: Doc) => one.status)],
      [0, ["ok", "ok"]],
    );
    await vm.waitGuest(`grep -q ${DISK} /dev/vda`);
    for (const params of [remove, unplug]) {
      assertEquals((await ours(params))[0], true);
    }
    // Given up after the failure: what is left goes.
    await theirs(add);
    await theirs(plug);
    for (const params of [remove, unplug]) {
      assertEquals(await ours(params), [true, null]);
    }
    assertEquals(await left(), 0);
    // Up to 3.0 it makes a drive.
    const drive = `if=none,id=disk-${DISK.slice(0, 18)},format=raw`;
    await vm.qmp.hmp(`drive_add dummy file=${source},${drive}`);
    const drives = async () =>
      (await vm.qmp.execute("query-block") as Doc[])
        .filter(({ device }) => device.startsWith("disk-")).length;
    assertEquals(await drives(), 1);
    assertEquals(await ours(add), [true, null]);
    await vm.waitGuest(`grep -q ${DISK} /dev/vda`);
    assertEquals((await ours(remove))[0], true);
    assertEquals(await drives(), 0);
    await vm.qmp.execute("device_del", { id: "rng" });
    await until(async () => {
      const path = "/machine/peripheral";
      const all = await vm.qmp.execute("qom-list", { path }) as Doc[];
      return all.some(({ name }) => name === "rng") ? undefined : true;
    }, { timeoutMs: 30_000, what: "end of rng" });
    assertEquals(await state(vm), before);
  },
);

besideGaneti(
  "hotadd finishes the SCSI disk that Ganeti does not find",
  async (node) => {
    const { vm, noded, ours, instance } = node;
    await noded.call("hotplug_supported", [instance]);
    // With it comes the controller.
    const first = await node.disk(OTHER_DISK, 1);
    const words = ["--driver", "scsi-hd", "--controller", "virtio-scsi-pci"];
    const path = first.logical_id[1];
    const made = await tool(vm, "disk", "add", NAME, path, ...words);
    assertEquals(made.status, 0, made.stdout);
    await setHvparams(vm, { disk_type: "scsi-hd" });
    const disk = await node.disk(DISK, 0);
    const link = await assemble(node, disk, 0);
    const add = [instance, "hotadd", "disk", disk, [link, null], 0];
    const [found, text] = await noded.call("hotplug_device", add);
    assertEquals(found, false);
    assertMatch(text, /should have been added but is missing/);
    assertEquals(await ours(add), [true, null]);
    const { json } = await tool(vm, "list", NAME);
    assertEquals(
      json.devices.map((one: Doc) => [one.scsi_id, one.status]),
      [[0, "ok"], [1, "ok"]],
    );
    const remove = [instance, "hotremove", "disk", disk, null, 0];
    const [removed, hvinfo] = await ours(remove);
    assertEquals([removed, hvinfo["scsi-id"]], [true, 1]);
  },
);

besideGaneti(
  "a uuid whose end adopt invented becomes the master's",
  async (node) => {
    const { vm, noded, ours, instance } = node;
    const { before, disk, nic, add, plug, remove, unplug } = await diskAndNic(
      node,
    );
    const recorded = async () => {
      const text = await Deno.readTextFile(vm.runtimePath);
      const [, nics, , disks] = JSON.parse(text);
      return { disks, nics };
    };
    const uuids = async () => {
      const { disks, nics } = await recorded();
      return [disks[0]?.[0].uuid, nics[0]?.uuid];
    };
    await unrecorded(vm, async () => {
      assertEquals(await noded.call("hotplug_device", add), [true, null]);
      assertEquals(await noded.call("hotplug_device", plug), [true, null]);
    });

    const one = await tool(vm, "adopt", NAME, "--uuid", DISK);
    assertEquals([one.status, one.json.warnings], [0, []]);
    assertEquals(await uuids(), [DISK, undefined]);
    const both = await tool(vm, "adopt", NAME);
    const codes = both.json.warnings.map((one: Doc) => one.code);
    assertEquals([both.status, codes], [0, ["uuid-invented"]]);
    const [, made] = await uuids();
    assertEquals([made.slice(0, 18), made === NIC], [
      NIC.slice(0, 18),
      false,
    ]);
    // What nobody invented stays.
    const end = "-8111-000000000009";
    for (
      const uuid of [`${DISK.slice(0, 18)}${end}`, `00000001-1111-4111${end}`]
    ) {
      const none = await tool(vm, "adopt", NAME, "--uuid", uuid);
      assertEquals(none.status, 3, uuid);
    }
    const right = await tool(vm, "adopt", NAME, "--uuid", NIC);
    assertEquals([right.status, right.json.changed], [0, true]);
    assertEquals(await uuids(), [DISK, NIC]);

    // And without a word of a person's.
    await Deno.writeTextFile(
      vm.runtimePath,
      JSON.stringify(before.runtime),
    );
    assertEquals((await tool(vm, "adopt", NAME)).status, 0);
    assertEquals((await uuids()).includes(NIC), false);
    // Another image is another disk.
    const other = await node.disk(DISK, 1);
    const [no, why] = await ours(remove.with(3, other).with(5, 1));
    assertEquals(no, false);
    assertMatch(why, /recorded as disk 0 with a different uuid/);
    assertEquals(await ours(add), [true, null]);
    const { hvinfo: _, ...object } = (await recorded()).disks[0][0];
    const { dynamic_params: __, ...sent } = disk;
    assertEquals(object, sent);
    const named = { ...nic, name: "front" };
    const modify = [instance, "hotmod", "nic", named, null, 0];
    assertEquals(await ours(modify), [true, null]);
    assertEquals(await uuids(), [DISK, NIC]);
    const { status, json } = await tool(vm, "list", NAME);
    const statuses = json.devices.map((one: Doc) => one.status);
    assertEquals([status, statuses], [0, ["ok", "ok"]]);
    // The mark is gone, and so is our record.
    const own = `${vm.runDir}/kvm-hotplug/${NAME}.json`;
    await assertRejects(() => Deno.stat(own), Deno.errors.NotFound);
    const [out] = await noded.call(
      "hotplug_device",
      unplug.with(3, named),
    );
    const [gone] = await theirRemoval(node, remove, add);
    assertEquals([out, gone], [true, true]);
    assertEquals(await state(vm), before);
  },
);

besideGaneti(
  "hotadd follows the next Ganeti's virtio_disk_iothreads",
  async (node) => {
    const { vm, noded, ours, instance } = node;
    await noded.call("hotplug_supported", [instance]);
    const native = { disk_aio: "native", disk_cache: "none" };
    await setHvparams(vm, { ...native, virtio_disk_iothreads: 1 });
    const [started] = JSON.parse(await Deno.readTextFile(vm.runtimePath));
    const iothreadOf = async (uuid: string) => {
      const path = `/machine/peripheral/disk-${uuid.slice(0, 18)}`;
      const args = { path, property: "iothread" };
      return await vm.qmp.execute("qom-get", args);
    };
    for (const [index, uuid] of [DISK, OTHER_DISK].entries()) {
      const disk = await node.disk(uuid, index);
      const link = await assemble(node, disk, index);
      const add = [instance, "hotadd", "disk", disk, [link, null], index];
      assertEquals(await ours(add), [true, null]);
      assertEquals(await iothreadOf(uuid), "/objects/iothread0");
    }
    const [command] = JSON.parse(await Deno.readTextFile(vm.runtimePath));
    const words = ["-object", "iothread,id=iothread0"];
    assertEquals(command, [...started, ...words]);
    const { status, json } = await tool(vm, "list", NAME);
    const shown = json.devices.map((one: Doc) => one.status);
    assertEquals([status, shown], [0, ["ok", "ok"]]);
  },
);

besideGaneti(
  "repair records what the device has where Ganeti plugged it without",
  async (node) => {
    const { vm, noded, ours, instance } = node;
    const { nic, link, disk, add, plug } = await diskAndNic(node);
    assertEquals(await ours(plug), [true, null]);
    assertEquals(await ours(add), [true, null]);
    const read = async () =>
      JSON.parse(await Deno.readTextFile(vm.runtimePath));
    const runtime = await read();
    Object.assign(runtime[1][0].hvinfo, { host_mtu: 1400, bootindex: -1 });
    // As another program may have it, and as no device is.
    Object.assign(runtime[3][0][0].hvinfo, { serial: "S1", "x-none": 1 });
    await Deno.writeTextFile(vm.runtimePath, JSON.stringify(runtime));
    await vm.waitGuest(`grep -qi ${MAC} /sys/class/net/*/address`);
    // It keeps the keys, and gives the card none of them (SPEC 13).
    const other = { ...nic, mac: "aa:00:00:00:99:01" };
    const modify = [instance, "hotmod", "nic", other, null, 0];
    assertEquals(await noded.call("hotplug_device", modify), [true, null]);
    const differences = async () => {
      const { json } = await tool(vm, "list", NAME);
      return json.devices.flatMap((one: Doc) =>
        one.differences.map(({ code, message }: Doc) => [code, message])
      );
    };
    const found = await differences();
    assertEquals(found.map(([code]: string[]) => code), [
      ...["property", "property", "property"],
      // The tap has not that MTU either.
      "tap-settings",
    ]);
    const texts = found.map(([_, text]: string[]) => text).join("\n");
    assertMatch(texts, /serial S1, but QEMU has none/);
    assertMatch(texts, /x-none 1, but QEMU's device has no such property/);
    assertMatch(texts, /host_mtu 1400, but QEMU has 0/);
    const repaired = await tool(vm, "repair", NAME);
    assertEquals([repaired.status, repaired.json.remaining], [0, []]);
    assertEquals(await differences(), []);
    const [, [card], , [[object, recorded]]] = await read();
    const { addr } = object.hvinfo;
    assertEquals([recorded, object.hvinfo], [link, {
      ...{ driver: "virtio-blk-pci", id: `disk-${DISK.slice(0, 18)}` },
      ...{ bus: "pci.0", addr },
    }]);
    assertEquals([card.hvinfo.host_mtu, card.hvinfo.bootindex], [0, -1]);
    assertEquals([card.mac, object.uuid], [other.mac, disk.uuid]);
    const again = await tool(vm, "repair", NAME);
    assertEquals([again.status, again.json.repaired], [0, []]);
  },
);

besideGaneti(
  "firmware and what Ganeti adds by itself are left alone",
  async (node) => {
    const { vm, noded, ours, instance } = node;
    await noded.call("hotplug_supported", [instance]);
    const before = JSON.parse(await Deno.readTextFile(vm.runtimePath));
    const firmware = await node.disk(OTHER_DISK, 0);
    const entry = [{ ...firmware, role: "firmware" }, "/nowhere", null];
    const rng = { driver: "virtio-rng-pci", id: "vmem0" };
    await vm.qmp.execute("device_add", rng);
    const later = [[], [{ hvinfo: rng }]];
    const next = [...before.slice(0, 3), [entry], ...later];
    await Deno.writeTextFile(vm.runtimePath, JSON.stringify(next));
    const disk = await node.disk(DISK, 1);
    const link = await assemble(node, disk, 1);
    // Ganeti 3.1 itself would not take the role.
    instance.disks_info = [entry[0], disk];
    const add = [instance, "hotadd", "disk", disk, [link, null], 1];
    assertEquals(await ours(add), [true, null]);
    for (
      const words of [
        ["list", NAME],
        ["check", NAME],
        ["state", "show", NAME, "--verify"],
        ["state", "command", NAME],
        ["repair", NAME],
        ["adopt", NAME],
      ]
    ) {
      const { status, stderr } = await tool(vm, ...words);
      assertEquals([status, stderr], [0, ""], words.join(" "));
    }
    const { json } = await tool(vm, "list", NAME);
    const shown = json.devices.map((one: Doc) => [one.uuid, one.status]);
    assertEquals(shown, [[DISK, "ok"]]);
    const remove = [instance, "hotremove", "disk", disk, null, 1];
    assertEquals((await ours(remove))[0], true);
    assertEquals(JSON.parse(await Deno.readTextFile(vm.runtimePath)), next);
  },
);

besideGaneti(
  "the communication NIC's tap is named as Ganeti names it",
  async ({ vm, noded, ours, instance, bridge }) => {
    await noded.call("hotplug_supported", [instance]);
    const name = `ganeti:communication:${NAME}`;
    const nic = { ...bridgedNic(NIC, MAC, bridge), name };
    const plug = [instance, "hotadd", "nic", nic, null, 0];
    const tap = async () => await Deno.readTextFile(`${vm.layout.nic}/0`);
    await host("ip", "tuntap", "add", "gnt.com.4", "mode", "tap");
    try {
      assertEquals(await ours(plug), [true, null]);
      assertEquals(await tap(), "gnt.com.5");
      // It is there, whatever the next name would be.
      assertEquals(await ours(plug), [true, null]);
      const other = { ...nic, mac: "aa:00:00:00:99:01" };
      const modify = [instance, "hotmod", "nic", other, null, 0];
      assertEquals(await ours(modify), [true, null]);
      assertEquals(await tap(), "gnt.com.6");
    } finally {
      await host("ip", "link", "del", "gnt.com.4");
    }
  },
);
