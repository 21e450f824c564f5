/**
 * integrations/ganeti on a whole life of an instance: Ganeti 3.1's own code
 * starts and migrates it, plugs before and takes out afterwards.
 */
import { assertEquals, assertMatch } from "@std/assert";
import { until } from "../../tools/guest/deadline.ts";
import { host, makeImage } from "../lab/each_release.ts";
import { HttpsNoded } from "../lab/https_noded.ts";
import { temporaryFolder } from "../lab/migrate.ts";
import {
  bridgedNic,
  type Doc,
  fileDisk,
  instanceObject,
  Noded,
  witness,
} from "../lab/noded.ts";
import { EXECUTABLE, tool } from "../lab/tool.ts";
import { testTools, Vm } from "../lab/vm.ts";

const { ganeti, leftOut } = await witness();
const { qemus: [release], kernel, initrd } = await testTools();

const NAME = "vm1.example.com";
const MIB = 1024 * 1024;
const uuid = (kind: "a" | "d", n: number) =>
  `${kind}000000${n}-1111-4111-8111-00000000000${n}`;
const mac = (n: number) => `aa:00:00:00:00:0${n}`;
const hasMac = (n: number) => `grep -qi ${mac(n)} /sys/class/net/*/address`;

/** What answers as noded does. */
interface Answers {
  call(procedure: string, params: unknown): Promise<Doc>;
}

/** Nothing may fail: its text would be the master's warning. */
async function done(node: Answers, procedure: string, ...params: unknown[]) {
  const [success, payload] = await node.call(procedure, params);
  assertEquals(success, true, `${procedure}: ${payload}`);
  return payload;
}

/** Two folders that are the same place for two node daemons. */
async function twoNodes(folder: string): Promise<[string, string]> {
  const roots = [`${folder}/node1`, `${folder}/other`] as const;
  await Deno.mkdir(`${folder}/srv`);
  for (const root of roots) {
    for (const name of ["etc/ganeti", "srv", "var/log/ganeti/kvm"]) {
      await Deno.mkdir(`${root}/${name}`, { recursive: true });
    }
    const runDir = `${root}/var/run/ganeti`;
    for (const name of ["bdev-cache", "instance-disks", "instance-reason"]) {
      await Deno.mkdir(`${runDir}/${name}`, { recursive: true });
    }
    const allowed = `${root}/etc/ganeti/file-storage-paths`;
    await Deno.writeTextFile(allowed, `${roots[0]}/srv\n`);
  }
  return [...roots];
}

/** Runs a program where the first node's folder is the second's. */
function onOther([node, other]: readonly [string, string]): string[] {
  const script =
    `mount --bind ${node}/srv ${other}/srv && mount --rbind ${other} ${node} && exec "$@"`;
  return ["unshare", "--mount", "sh", "-c", script, "sh"];
}

/** The Instance, with what makes its guest ours. */
function instanceIn(root: string): Doc {
  if (release === undefined) throw new Error("no QEMU");
  const ctrl = `${root}/var/run/ganeti/kvm-hypervisor/ctrl/${NAME}`;
  const socket = (name: string) => `unix:${ctrl}.${name},server=on,wait=off`;
  const instance = instanceObject(NAME, release);
  const hvparams = {
    ...instance.hvparams,
    kernel_path: kernel,
    initrd_path: initrd,
    kernel_args: "console=ttyS0 quiet panic=-1 nokaslr",
    root_path: "",
    vhost_net: false,
    kvm_extra: `-accel tcg -serial ${socket("agent")} -qmp ${
      socket("test")
    } -nodefaults`,
  };
  const beparams = { ...instance.beparams, maxmem: 160, minmem: 160 };
  return { ...instance, hvparams, beparams: { ...beparams, memory: 160 } };
}

async function migrated(from: Answers, to: Answers, instance: Doc) {
  const info = await done(from, "migration_info", instance);
  for (const [i, disk] of instance.disks_info.entries()) {
    await done(to, "blockdev_assemble", disk, instance, true, i);
  }
  await done(to, "accept_instance", instance, info, "127.0.0.1");
  await done(from, "instance_migrate", "cl", instance, "127.0.0.1", true);
  await until(async () => {
    const { status } = await done(
      from,
      "instance_get_migration_status",
      instance,
    );
    if (status === "failed") throw new Error("the migration failed");
    return status === "completed" ? true : undefined;
  }, { timeoutMs: 120_000, what: "the migration" });
  await done(from, "instance_finalize_migration_src", instance, true, true);
  await done(to, "instance_finalize_migration_dst", instance, info, true);
}

Deno.test({
  name: "an instance of Ganeti's lives with kvm-hotplug in noded",
  ignore: leftOut !== undefined || release === undefined,
  fn: async (t) => {
    if (ganeti === undefined) return;
    await using folder = await temporaryFolder();
    const roots = await twoNodes(folder.path);
    const [root, other] = roots;
    const bridge = `kh-s${Deno.pid % 100_000}`;
    await host("ip", "link", "add", bridge, "up", "type", "bridge");
    const instance = instanceIn(root);
    const hotplugBy = EXECUTABLE;
    await using theirs = new Noded(ganeti, root);
    const hotplug = (
      node: Answers,
      action: string,
      kind: "disk" | "nic",
      device: Doc,
      seq: number,
      link?: string,
    ) => {
      const extra = link === undefined ? null : [link, null];
      const params = [instance, action, kind, device, extra, seq];
      return done(node, "hotplug_device", ...params);
    };
    const diskAdd = async (node: Answers, n: number) => {
      const path = `${root}/srv/${n}`;
      await makeImage(path, uuid("d", n));
      const disk = fileDisk(uuid("d", n), path, n);
      const [, link] = await done(
        node,
        "blockdev_assemble",
        ...[disk, instance, true, n],
      );
      await hotplug(node, "hotadd", "disk", disk, n, link);
      return disk;
    };
    try {
      await done(theirs, "instance_start", instance, false, []);
      const runDir = `${root}/var/run/ganeti`;
      await using vm = await Vm.target({ name: NAME, runDir, argv: ["true"] });
      await vm.waitGuest("true", { timeoutMs: 120_000 });

      const first = await diskAdd(theirs, 0);
      const card = bridgedNic(uuid("a", 0), mac(0), bridge);
      await vm.waitGuest(`grep -q ${first.uuid} /dev/vda`);

      await using noded = await HttpsNoded.start(ganeti, root, { hotplugBy });
      await t.step(
        "QA's sequence, over HTTPS to the whole daemon",
        async () => {
          await done(noded, "hotplug_supported", instance);
          await hotplug(noded, "hotadd", "nic", card, 0);
          await vm.waitGuest(hasMac(0));
          const changed = { ...card, mac: mac(9) };
          await hotplug(noded, "hotmod", "nic", changed, 0);
          await vm.waitGuest(hasMac(9));
          await hotplug(noded, "hotremove", "nic", changed, 0);
          await vm.waitGuest(`! ${hasMac(9)}`);
          const disk = await diskAdd(noded, 1);
          await vm.waitGuest("test -b /dev/vdb");
          const { id } = await hotplug(noded, "hotremove", "disk", disk, 1);
          assertEquals(id, "disk-d0000001-1111-4111");
          await vm.waitGuest("! test -b /dev/vdb");
          const log = await Deno.readTextFile(
            `${root}/var/log/ganeti/node-daemon.log`,
          );
          const line = `hotplug_device hotmod nic of ${NAME}: done`;
          assertMatch(log, new RegExp(`kvm-hotplug: ${line}`));
          assertEquals(/own code|failed/.test(log), false, log);
        },
      );

      await using ours = new Noded(ganeti, root, { hotplugBy });
      // Each in a child of the daemon: one waits for the other's lock.
      const [second] = await Promise.all([
        diskAdd(noded, 1),
        hotplug(noded, "hotadd", "nic", card, 0),
      ]);
      await Deno.truncate(second.logical_id[1], 16 * MIB);
      await done(ours, "resize_disk", instance, second, 16 * MIB);
      await vm.waitGuest("test $(cat /sys/block/vdb/size) = 32768");
      const { json } = await tool(vm, "list", NAME);
      const found = json.devices.map((one: Doc) => [one.uuid, one.status]);
      const uuids = [first.uuid, second.uuid, card.uuid];
      assertEquals(found, uuids.map((one) => [one, "ok"]));
      instance.disks_info = [first, second];
      instance.nics = [card];

      const inside = onOther([root, other]);
      await using theirsThere = new Noded(ganeti, root, { inside });
      await using oursThere = new Noded(ganeti, root, { inside, hotplugBy });
      await migrated(ours, theirsThere, instance);
      await using target = await Vm.target({
        name: NAME,
        runDir: `${other}/var/run/ganeti`,
        argv: ["true"],
      });
      await target.arrived();
      await target.waitGuest(`grep -q ${second.uuid} /dev/vdb`);
      assertEquals((await target.guest(hasMac(0))).status, 0);

      // What Ganeti plugged we take out, and the other way round.
      await hotplug(oursThere, "hotremove", "disk", first, 0);
      await target.waitGuest("! test -b /dev/vda");
      await hotplug(theirsThere, "hotremove", "nic", card, 0);
      await hotplug(theirsThere, "hotremove", "disk", second, 0);
      await target.waitGuest("! test -b /dev/vdb");
      const [, nics, , disks] = JSON.parse(
        await Deno.readTextFile(target.runtimePath),
      );
      assertEquals([nics, disks], [[], []]);
      await done(theirsThere, "instance_shutdown", instance, 0, []);
    } finally {
      await host("ip", "link", "del", bridge);
    }
  },
});
