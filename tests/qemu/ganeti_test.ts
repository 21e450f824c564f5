/**
 * Ganeti's own code beside ours, on one real instance: what one adds the other
 * finds, and takes out again.
 */
import { assertEquals } from "@std/assert";
import {
  assemble,
  besideGaneti,
  DISK,
  diskAndNic,
  MAC,
  MEMORY_MIB,
  NAME,
  NIC,
  state,
  theirRemoval,
} from "../lab/ganeti_node.ts";
import { bridgedNic, type Doc } from "../lab/noded.ts";
import { tool } from "../lab/tool.ts";
import type { Vm } from "../lab/vm.ts";

besideGaneti(
  "Ganeti finds, resizes and removes what rpc added",
  async (node) => {
    const { vm, noded, ours, instance } = node;
    const { before, disk, add, remove, plug, unplug } = await diskAndNic(node);
    assertEquals(await ours(add), [true, null]);
    assertEquals(await ours(plug), [true, null]);
    await vm.waitGuest(`grep -q ${DISK} /dev/vda`);
    await vm.waitGuest(`grep -qi ${MAC} /sys/class/net/*/address`);

    const query = [NAME, "kvm", instance.hvparams];
    const [, { state: alive, memory }] = await noded.call(
      "instance_info",
      query,
    );
    // HvInstanceState.RUNNING, and what the command line in the file says.
    assertEquals([alive, memory], [0, MEMORY_MIB]);
    const [, text] = await noded.call("migration_info", [instance]);
    assertEquals(text, await Deno.readTextFile(vm.runtimePath));

    const size = 16 * 1024 * 1024;
    await Deno.truncate(disk.logical_id[1], size);
    const resize = [instance, disk, size];
    assertEquals(await noded.call("resize_disk", resize), [true, null]);
    await vm.waitGuest("test $(cat /sys/block/vda/size) = 32768");

    const [, [recordedNic], , [[recordedDisk]]] = JSON.parse(text);
    assertEquals(
      await theirRemoval(node, remove, add),
      [true, recordedDisk.hvinfo],
    );
    assertEquals(
      await noded.call("hotplug_device", unplug),
      [true, recordedNic.hvinfo],
    );
    assertEquals(await state(vm), before);
  },
);

besideGaneti("rpc, list and remove know what Ganeti added", async (node) => {
  const { vm, noded, ours, instance } = node;
  const { before, disk, link, add, remove, plug } = await diskAndNic(node);
  for (const params of [add, plug]) {
    assertEquals(await noded.call("hotplug_device", params), [true, null]);
    // The same once more, by us: it is there.
    assertEquals(await ours(params), [true, null]);
  }
  const { json } = await tool(vm, "list", NAME);
  const shown = json.devices.map((
    one: Doc,
  ) => [one.kind, one.uuid, one.status, one.source ?? one.tap]);
  const tap = await Deno.readTextFile(`${vm.layout.nic}/0`);
  assertEquals(shown, [
    ["disk", DISK, "ok", link],
    ["nic", NIC, "ok", tap],
  ]);
  const size = 16 * 1024 * 1024;
  await Deno.truncate(disk.logical_id[1], size);
  const resize = [instance, disk, size];
  assertEquals(await ours(resize, "resize_disk"), [true, null]);
  await vm.waitGuest("test $(cat /sys/block/vda/size) = 32768");
  const [removed, { id }] = await ours(remove);
  assertEquals([removed, id], [true, "disk-d0000001-1111-4111"]);
  const gone = await tool(vm, "nic", "remove", NAME, NIC);
  assertEquals([gone.status, gone.stderr], [0, ""]);
  assertEquals(await state(vm), before);
});

besideGaneti(
  "Ganeti takes out a NIC that hotmod plugged anew",
  async ({ vm, noded, ours, instance, bridge }) => {
    // Ganeti makes its folders when it is asked first.
    await noded.call("hotplug_supported", [instance]);
    const before = await state(vm);
    const nic = bridgedNic(NIC, MAC, bridge);
    const call = (action: string, device: Doc) =>
      [instance, action, "nic", device, null, 0] as const;
    assertEquals(await ours(call("hotadd", nic)), [true, null]);
    const other = { ...nic, mac: "aa:00:00:00:99:01", name: "front" };
    assertEquals(await ours(call("hotmod", other)), [true, null]);
    const [, [entry]] = JSON.parse(await Deno.readTextFile(vm.runtimePath));
    const { hvinfo, ...object } = entry;
    assertEquals(object, other);
    assertEquals(Object.keys(entry)[0], "name");
    const remove = call("hotremove", other);
    const removed = await noded.call("hotplug_device", remove);
    assertEquals(removed, [true, hvinfo]);
    assertEquals(await state(vm), before);
  },
);

besideGaneti(
  "QA's sequence passes with integrations/ganeti in noded",
  async (node) => {
    const { vm, shim, instance, bridge } = node;
    const payload = async (procedure: string, ...params: unknown[]) => {
      const [done, text] = await shim.call(procedure, [instance, ...params]);
      // A text would be the master's warning, and "failed" in QA's eyes.
      assertEquals(done, true, `${procedure}: ${text}`);
      return text;
    };
    const hotplug = (...params: unknown[]) =>
      payload("hotplug_device", ...params);
    await payload("hotplug_supported");
    const before = await state(vm);
    const nic = bridgedNic(NIC, MAC, bridge);
    await hotplug("hotadd", "nic", nic, null, 0);
    await vm.waitGuest(`grep -qi ${MAC} /sys/class/net/*/address`);
    const other = { ...nic, mac: "aa:00:00:00:99:01" };
    await hotplug("hotmod", "nic", other, null, 0);
    await vm.waitGuest(`grep -qi ${other.mac} /sys/class/net/*/address`);
    const { id } = await hotplug("hotremove", "nic", other, null, 0);
    assertEquals(id, "nic-a0000001-1111-4111");
    const disk = await node.disk(DISK, 0);
    const link = await assemble(node, disk, 0);
    await hotplug("hotadd", "disk", disk, [link, null], 0);
    await vm.waitGuest(`grep -q ${DISK} /dev/vda`);
    const size = 16 * 1024 * 1024;
    await Deno.truncate(disk.logical_id[1], size);
    assertEquals(await payload("resize_disk", disk, size), null);
    await hotplug("hotremove", "disk", disk, null, 0);
    assertEquals(await state(vm), before);
  },
);

besideGaneti(
  "Ganeti keeps the words of processors and memory, and our notes",
  async ({ vm, noded, instance, bridge }) => {
    await noded.call("hotplug_supported", [instance]);
    for (
      const words of [
        ["vcpu", "add", NAME, "2"],
        ["memory", "add", NAME, "128M"],
      ]
    ) {
      const { status, stdout } = await tool(vm, ...words);
      assertEquals(status, 0, stdout);
    }
    const read = async () =>
      JSON.parse(await Deno.readTextFile(vm.runtimePath));
    const [command] = await read();
    assertEquals(
      command.filter((word: unknown) => word === "-object").length,
      1,
    );
    const notes = `${vm.runDir}/kvm-hotplug/${NAME}.json`;
    const noted = await Deno.readTextFile(notes);
    const nic = bridgedNic(NIC, MAC, bridge);
    const plug = [instance, "hotadd", "nic", nic, null, 0];
    assertEquals(await noded.call("hotplug_device", plug), [true, null]);
    const [kept, nics] = await read();
    assertEquals([kept, nics.length], [command, 1]);
    assertEquals(await Deno.readTextFile(notes), noted);
    const add = await tool(vm, "vcpu", "set", NAME, "4");
    assertEquals([add.status, add.json.reached], [0, 4], add.stdout);
    const [more] = await read();
    assertEquals(more.slice(0, kept.length), kept);
    const { json } = await tool(vm, "list", NAME);
    const devices: Doc[] = json.devices;
    assertEquals(devices.map(({ id, status }) => [id, status]), [
      [nics[0].hvinfo.id, "ok"],
      ...["vcpu-1", "vcpu-2", "vcpu-3", "dimm-0"].map((id) => [id, "ok"]),
    ]);
    const repair = await tool(vm, "repair", NAME);
    assertEquals([repair.status, repair.json.repaired], [0, []]);
  },
  {
    guest: "none",
    extraArgs: ["--smp", "maxcpus=4", "--m", "slots=2,maxmem=1G"],
  },
);

/** Each recorded disk with the link it has, by the marker in its image. */
async function recordedLinks(vm: Vm): Promise<Record<string, string>> {
  const [, , , disks] = JSON.parse(await Deno.readTextFile(vm.runtimePath));
  const links: Record<string, string> = {};
  for (const [{ uuid }, link] of disks) {
    // What the record leads to is the disk itself, whatever its number.
    const marker = (await Deno.readTextFile(link)).slice(0, uuid.length);
    assertEquals(marker, uuid, link);
    links[uuid] = link.slice(link.lastIndexOf(":"));
  }
  return links;
}

besideGaneti(
  "a request mends the links that Ganeti let drift",
  async (node) => {
    const { vm, noded, ours, instance, bridge } = node;
    const disks: Doc[] = [];
    const uuid = (i: number) => `d000000${i}${DISK.slice(8)}`;
    for (let i = 0; i < 5; i++) disks.push(await node.disk(uuid(i), i));
    const [d0, d1, d2, d3, d4] = disks;
    type Who = (params: readonly unknown[]) => Promise<Doc>;
    const add = async (who: Who, disk: Doc, index: number) => {
      const link = await assemble(node, disk, index);
      const extra = [link, null];
      const params = [instance, "hotadd", "disk", disk, extra, index];
      assertEquals(await who(params), [true, null]);
    };
    const remove = async (disk: Doc, index: number) => {
      const params = [instance, "hotremove", "disk", disk, null, index];
      assertEquals((await ours(params))[0], true);
    };
    const theirs = (params: readonly unknown[]) =>
      noded.call("hotplug_device", params);

    await add(theirs, d0, 0);
    await add(theirs, d1, 1);
    await add(theirs, d2, 2);
    // Without an order in the request nothing can be mended.
    await remove(d0, 0);
    await remove(d1, 0);
    await add(theirs, d3, 1);
    await add(theirs, d4, 0);
    // The configuration is now d4, d2, d3: a target would swap two.
    assertEquals(await recordedLinks(vm), {
      [d2.uuid]: ":2",
      [d3.uuid]: ":1",
      [d4.uuid]: ":0",
    });
    instance.disks_info = [d4, d2, d3];
    const nic = bridgedNic(NIC, MAC, bridge);
    const plug = [instance, "hotadd", "nic", nic, null, 0];
    assertEquals(await ours(plug), [true, null]);
    assertEquals(await recordedLinks(vm), {
      [d2.uuid]: ":1",
      [d3.uuid]: ":2",
      [d4.uuid]: ":0",
    });

    // Ganeti takes a link for a new disk while an old one still has it.
    instance.disks_info = [d4, d1, d2, d3];
    await add(ours, d1, 1);
    assertEquals(await recordedLinks(vm), {
      [d2.uuid]: ":2",
      [d3.uuid]: ":3",
      [d4.uuid]: ":0",
      [d1.uuid]: ":1",
    });
    // A place that is given up is taken by who comes next.
    await remove(d4, 0);
    assertEquals(await recordedLinks(vm), {
      [d2.uuid]: ":1",
      [d3.uuid]: ":2",
      [d1.uuid]: ":0",
    });
    const verified = await tool(vm, "state", "show", NAME, "--verify");
    assertEquals([verified.status, verified.stderr], [0, ""]);
    // And Ganeti still finds them.
    const resize = [instance, d2, 8 * 1024 * 1024];
    assertEquals(await noded.call("resize_disk", resize), [true, null]);
  },
);
