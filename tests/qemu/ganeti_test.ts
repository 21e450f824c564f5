/**
 * Ganeti's own code beside ours, on one real instance: what one adds the other
 * finds, and takes out again.
 */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { unless } from "../support/left_out.ts";
import { host, makeImage } from "../lab/each_release.ts";
import { LineProcess } from "../lab/line_process.ts";
import {
  bridgedNic,
  type Doc,
  fileDisk,
  instanceObject,
  Noded,
  witness,
} from "../lab/noded.ts";
import { snapshot } from "../lab/snapshot.ts";
import { EXECUTABLE, tool } from "../lab/tool.ts";
import { testTools, Vm } from "../lab/vm.ts";

const tools = await testTools();
const { ganeti, leftOut } = await witness();

const DISK = "d0000001-1111-4111-8111-000000000001";
const NIC = "a0000001-1111-4111-8111-000000000001";
const MAC = "aa:00:00:00:00:01";
const NAME = "vm1.example.com";
const MEMORY_MIB = 160;

/** One instance of a virtual cluster, ours and Ganeti's. */
interface Node {
  readonly vm: Vm;
  readonly noded: Noded;
  /** The same with integrations/ganeti. */
  readonly shim: Noded;
  /** Calls us, by default `hotplug_device`: the answer noded would give. */
  readonly ours: (params: readonly unknown[], method?: string) => Promise<Doc>;
  /** The Instance a master would send. */
  readonly instance: Doc;
  readonly bridge: string;
  /** Makes an image with this marker, as a disk of the instance. */
  readonly disk: (uuid: string, index: number) => Promise<Doc>;
}

async function withNode(body: (node: Node) => Promise<void>) {
  const [release] = tools.qemus;
  if (ganeti === undefined || release === undefined) return;
  const folder = await Deno.makeTempDir({ prefix: "kh-" });
  const root = `${folder}/node1`;
  const bridge = `kh-g${Deno.pid % 100_000}`;
  await host("ip", "link", "add", bridge, "type", "bridge");
  try {
    const storage = `${root}/srv`;
    await Deno.mkdir(storage, { recursive: true });
    await Deno.mkdir(`${root}/etc/ganeti`, { recursive: true });
    const allowed = `${root}/etc/ganeti/file-storage-paths`;
    await Deno.writeTextFile(allowed, `${storage}\n`);
    const runDir = `${root}/var/run/ganeti`;
    // Of Ganeti's own set-up, ensure-dirs makes it.
    await Deno.mkdir(`${runDir}/bdev-cache`, { recursive: true });
    await using vm = await Vm.restored({
      name: NAME,
      release,
      tools,
      runDir,
      memoryMiB: MEMORY_MIB,
    });
    await using noded = new Noded(ganeti, root);
    await using shim = new Noded(ganeti, root, { hotplugBy: EXECUTABLE });
    await using rpc = new LineProcess(EXECUTABLE, {
      args: ["rpc", "--run-dir", vm.runDir],
      env: {},
    });
    await body({
      vm,
      noded,
      shim,
      bridge,
      instance: instanceObject(NAME, release),
      ours: async (params, method = "hotplug_device") => {
        const message = { jsonrpc: "2.0", id: 1, method };
        const answer = await rpc.ask({ ...message, params }) as Doc;
        return (answer.result ?? answer.error.data).ganeti;
      },
      disk: async (uuid, index) => {
        const path = `${storage}/${index}`;
        await makeImage(path, uuid);
        return fileDisk(uuid, path, index);
      },
    });
  } finally {
    await host("ip", "link", "del", bridge);
    await Deno.remove(folder, { recursive: true });
  }
}

/** Has the master's link made, by Ganeti's own code: `[path, link, uri]`. */
async function assemble({ noded, instance }: Node, disk: Doc, index: number) {
  const params = [disk, instance, true, index];
  const [ok, payload] = await noded.call("blockdev_assemble", params);
  assertEquals(ok, true, String(payload));
  const [path, link] = payload;
  assertEquals(path, disk.logical_id[1]);
  return link;
}

/**
 * Has Ganeti remove a disk. It takes the first DEVICE_DELETED for the disk's,
 * where that of a part comes first: now and then the node is still in use
 * (SPEC 10.1, item 5). The disk is then added again, and it may try again.
 */
async function theirRemoval(
  { vm, noded, ours }: Node,
  remove: readonly unknown[],
  add: readonly unknown[],
): Promise<Doc> {
  for (let tries = 1;; tries++) {
    const answer = await noded.call("hotplug_device", remove);
    const [done, text] = answer;
    if (done || tries > 8 || !/is in use/.test(text)) return answer;
    const cleared = await tool(vm, "disk", "remove", NAME, DISK, "--force");
    assertEquals(cleared.status, 0, cleared.stdout);
    assertEquals(await ours(add), [true, null]);
    await vm.waitGuest(`grep -q ${DISK} /dev/vda`);
  }
}

/** All that must be as before; Ganeti lays its file out anew. */
async function state(vm: Vm) {
  const { runtime, ...rest } = await snapshot(vm);
  return { ...rest, runtime: JSON.parse(runtime) };
}

Deno.test({
  ...unless(leftOut, "Ganeti finds, resizes and removes what rpc added"),
  fn: () =>
    withNode(async (node) => {
      const { vm, noded, ours, instance, bridge } = node;
      assertEquals(
        await noded.call("hotplug_supported", [instance]),
        [true, null],
      );
      const before = await state(vm);
      const disk = await node.disk(DISK, 0);
      const link = await assemble(node, disk, 0);
      const nic = bridgedNic(NIC, MAC, bridge);
      const add = [instance, "hotadd", "disk", disk, [link, null], 0];
      assertEquals(await ours(add), [true, null]);
      const plug = [instance, "hotadd", "nic", nic, null, 0];
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
      const remove = [instance, "hotremove", "disk", disk, null, 0];
      assertEquals(
        await theirRemoval(node, remove, add),
        [true, recordedDisk.hvinfo],
      );
      const unplug = [instance, "hotremove", "nic", nic, null, 0];
      assertEquals(
        await noded.call("hotplug_device", unplug),
        [true, recordedNic.hvinfo],
      );
      assertEquals(await state(vm), before);
    }),
});

Deno.test({
  ...unless(leftOut, "rpc, list and remove know what Ganeti added"),
  fn: () =>
    withNode(async (node) => {
      const { vm, noded, ours, instance, bridge } = node;
      await noded.call("hotplug_supported", [instance]);
      const before = await state(vm);
      const disk = await node.disk(DISK, 0);
      const link = await assemble(node, disk, 0);
      const nic = bridgedNic(NIC, MAC, bridge);
      for (
        const [kind, device, extra] of [
          ["disk", disk, [link, null]],
          ["nic", nic, null],
        ]
      ) {
        const params = [instance, "hotadd", kind, device, extra, 0];
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
      const remove = [instance, "hotremove", "disk", disk, null, 0];
      const [removed, { id }] = await ours(remove);
      assertEquals([removed, id], [true, "disk-d0000001-1111-4111"]);
      const gone = await tool(vm, "nic", "remove", NAME, NIC);
      assertEquals([gone.status, gone.stderr], [0, ""]);
      assertEquals(await state(vm), before);
    }),
});

Deno.test({
  ...unless(leftOut, "Ganeti takes out a NIC that hotmod plugged anew"),
  fn: () =>
    withNode(async ({ vm, noded, ours, instance, bridge }) => {
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
    }),
});

Deno.test({
  ...unless(leftOut, "QA's sequence passes with integrations/ganeti in noded"),
  fn: () =>
    withNode(async (node) => {
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
    }),
});

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

Deno.test({
  ...unless(leftOut, "a request mends the links that Ganeti let drift"),
  fn: () =>
    withNode(async (node) => {
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
    }),
});

Deno.test({
  ...unless(
    leftOut,
    "hotremove calls a disk gone only if QEMU has nothing of it",
  ),
  fn: () =>
    withNode(async (node) => {
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
      const other = { ...disk, uuid: DISK.replace(/^d0/, "d1") };
      const add = [instance, "hotadd", "disk", other, [link, null], 0];
      assertEquals(await ours(add), [true, null]);
      await refused(0, disk, /open, which is recorded as disk 0/);
    }),
});

/** Takes the records away again, as where Ganeti's own check fails. */
async function unrecorded(vm: Vm, change: () => Promise<unknown>) {
  const before = await Deno.readTextFile(vm.runtimePath);
  await change();
  await Deno.writeTextFile(vm.runtimePath, before);
}

Deno.test({
  ...unless(leftOut, "hotadd finishes what Ganeti plugged and did not record"),
  fn: () =>
    withNode(async (node) => {
      const { vm, noded, ours, instance, bridge } = node;
      await noded.call("hotplug_supported", [instance]);
      const before = await state(vm);
      const disk = await node.disk(DISK, 0);
      const link = await assemble(node, disk, 0);
      const nic = bridgedNic(NIC, MAC, bridge);
      const add = [instance, "hotadd", "disk", disk, [link, null], 0];
      const plug = [instance, "hotadd", "nic", nic, null, 0];
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
      const remove = [instance, "hotremove", "disk", disk, null, 0];
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
      const unplug = [instance, "hotremove", "nic", nic, null, 0];
      const [out] = await noded.call("hotplug_device", unplug);
      assertEquals([gone, out], [true, true]);
      assertEquals(await state(vm), before);
    }),
});

Deno.test({
  ...unless(leftOut, "hotadd finishes the SCSI disk that Ganeti does not find"),
  fn: () =>
    withNode(async (node) => {
      const { vm, noded, ours, instance } = node;
      await noded.call("hotplug_supported", [instance]);
      // With it comes the controller.
      const first = await node.disk(DISK.replace(/^d0/, "d1"), 1);
      const words = ["--driver", "scsi-hd", "--controller", "virtio-scsi-pci"];
      const path = first.logical_id[1];
      const made = await tool(vm, "disk", "add", NAME, path, ...words);
      assertEquals(made.status, 0, made.stdout);
      const runtime = JSON.parse(await Deno.readTextFile(vm.runtimePath));
      runtime[2].disk_type = "scsi-hd";
      await Deno.writeTextFile(vm.runtimePath, JSON.stringify(runtime));
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
    }),
});

Deno.test({
  ...unless(leftOut, "a uuid whose end adopt invented becomes the master's"),
  fn: () =>
    withNode(async (node) => {
      const { vm, noded, ours, instance, bridge } = node;
      await noded.call("hotplug_supported", [instance]);
      const before = await state(vm);
      const disk = await node.disk(DISK, 0);
      const link = await assemble(node, disk, 0);
      const nic = bridgedNic(NIC, MAC, bridge);
      const add = [instance, "hotadd", "disk", disk, [link, null], 0];
      const plug = [instance, "hotadd", "nic", nic, null, 0];
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
      const remove = [instance, "hotremove", "disk", disk, null, 0];
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
      const unplug = [instance, "hotremove", "nic", named, null, 0];
      const [out] = await noded.call("hotplug_device", unplug);
      const [gone] = await theirRemoval(node, remove, add);
      assertEquals([out, gone], [true, true]);
      assertEquals(await state(vm), before);
    }),
});

Deno.test({
  ...unless(leftOut, "hotadd follows the next Ganeti's virtio_disk_iothreads"),
  fn: () =>
    withNode(async (node) => {
      const { vm, noded, ours, instance } = node;
      await noded.call("hotplug_supported", [instance]);
      const runtime = JSON.parse(await Deno.readTextFile(vm.runtimePath));
      const native = { disk_aio: "native", disk_cache: "none" };
      Object.assign(runtime[2], { ...native, virtio_disk_iothreads: 1 });
      await Deno.writeTextFile(vm.runtimePath, JSON.stringify(runtime));
      const iothreadOf = async (uuid: string) => {
        const path = `/machine/peripheral/disk-${uuid.slice(0, 18)}`;
        const args = { path, property: "iothread" };
        return await vm.qmp.execute("qom-get", args);
      };
      for (const [index, uuid] of [DISK, DISK.replace(/^d0/, "d1")].entries()) {
        const disk = await node.disk(uuid, index);
        const link = await assemble(node, disk, index);
        const add = [instance, "hotadd", "disk", disk, [link, null], index];
        assertEquals(await ours(add), [true, null]);
        assertEquals(await iothreadOf(uuid), "/objects/iothread0");
      }
      const [command] = JSON.parse(await Deno.readTextFile(vm.runtimePath));
      const words = ["-object", "iothread,id=iothread0"];
      assertEquals(command, [...runtime[0], ...words]);
      const { status, json } = await tool(vm, "list", NAME);
      const shown = json.devices.map((one: Doc) => one.status);
      assertEquals([status, shown], [0, ["ok", "ok"]]);
    }),
});

Deno.test({
  ...unless(leftOut, "firmware and what Ganeti adds by itself are left alone"),
  fn: () =>
    withNode(async (node) => {
      const { vm, noded, ours, instance } = node;
      await noded.call("hotplug_supported", [instance]);
      const before = JSON.parse(await Deno.readTextFile(vm.runtimePath));
      const firmware = await node.disk(DISK.replace(/^d0/, "d1"), 0);
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
    }),
});

Deno.test({
  ...unless(leftOut, "the communication NIC's tap is named as Ganeti names it"),
  fn: () =>
    withNode(async ({ vm, noded, ours, instance, bridge }) => {
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
    }),
});
