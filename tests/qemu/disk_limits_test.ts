/** I/O limits of a disk in a real guest. */
import { assertEquals, assertMatch } from "@std/assert";
import { eachRelease, makeImage } from "../lab/each_release.ts";
import { snapshot } from "../lab/snapshot.ts";
import { tool } from "../lab/tool.ts";
import type { Vm } from "../lab/vm.ts";

const UUID = "d0000001-1111-4111-8111-000000000001";
const ID = "disk-d0000001-1111-4111";
const QDEV = `/machine/peripheral/${ID}/virtio-backend`;
const OTHER = "d0000002-2222-4222-8222-000000000002";

/** What QEMU itself says, past the tool. */
async function live(vm: Vm) {
  const block = await vm.qmp.execute<
    { qdev: string; inserted: Record<string, number> }[]
  >("query-block");
  const found = block.find(({ qdev }) => qdev.includes(ID));
  const { iops, iops_rd, iops_wr, bps, bps_rd, bps_wr } = found?.inserted ?? {};
  return [iops, iops_rd, iops_wr, bps, bps_rd, bps_wr];
}

async function listed(vm: Vm) {
  return (await tool(vm, "list", vm.name)).json.devices[0]?.limits;
}

/** The throttle groups of the disks in QEMU. */
async function groups(vm: Vm) {
  const block = await vm.qmp.execute<{ inserted: { group?: string } }[]>(
    "query-block",
  );
  return block.map(({ inserted }) => inserted.group);
}

/** What the tool's own record has of the limits of a disk. */
function noted(vm: Vm, uuid = UUID) {
  try {
    const path = `${vm.runDir}/kvm-hotplug/${vm.name}.json`;
    const { devices } = JSON.parse(Deno.readTextFileSync(path));
    if (devices[uuid] === undefined) return undefined;
    const { kind: _, ...rest } = devices[uuid];
    return rest;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Says that limits end with QEMU, and no more. */
async function ok(vm: Vm, ...words: string[]) {
  const done = await tool(vm, ...words);
  const said = done.stderr.replace(/^warning: the limits .*\n/, "");
  assertEquals([said, done.status], ["", 0], done.stdout);
  return done.json;
}

eachRelease("a disk is limited when it is plugged, and live", async (vm, t) => {
  const image = `${vm.runDir}/d1.img`;
  await makeImage(image, "written-by-host");
  const empty = await snapshot(vm);
  const add = ["disk", "add", vm.name, image, "--uuid", UUID];
  const set = (...words: string[]) =>
    ok(vm, "disk", "set", vm.name, UUID, ...words);

  await t.step("disk add sets them", async () => {
    const words = ["--iops", "500", "--bps-read", "1M", "--bps-write", "512k"];
    const { device } = await ok(vm, ...add, ...words);
    const limits = { iops: 500, "bps-read": 1048576, "bps-write": 524288 };
    // Documents spell their members with _.
    const told = { iops: 500, bps_read: 1048576, bps_write: 524288 };
    assertEquals(await live(vm), [500, 0, 0, 0, 1048576, 524288]);
    assertEquals([device.limits, await listed(vm), noted(vm)], [
      told,
      told,
      { limits },
    ]);
  });

  await t.step("disk set changes what it names, and 0 ends it", async () => {
    const dry = await set("--iops", "7", "--dry-run");
    assertEquals([dry.changed, (await live(vm))[0]], [false, 500]);
    const { action, changed } = await set("--iops", "200", "--bps-read", "0");
    assertEquals([action, changed], ["set", true]);
    assertEquals(await live(vm), [200, 0, 0, 0, 0, 524288]);
    assertEquals(noted(vm), { limits: { iops: 200, "bps-write": 524288 } });
    assertEquals((await set("--iops", "200")).changed, false);
  });

  await t.step("what QEMU would not take is refused", async () => {
    const words = ["disk", "set", vm.name, UUID];
    const { status, json } = await tool(vm, ...words, "--iops-read", "5");
    assertEquals([status, json.error.code], [3, "refused"]);
    assertMatch(json.error.hint, /--iops 0/);
    assertEquals(await live(vm), [200, 0, 0, 0, 0, 524288]);
  });

  await t.step("a burst goes with its rate", async () => {
    const burst = async () => {
      const [{ inserted } = { inserted: {} }] = await vm.qmp.execute<
        { inserted: Record<string, number> }[]
      >("query-block");
      const { iops_max, iops_max_length, iops_size } = inserted;
      return [iops_max, iops_max_length, iops_size];
    };
    const { device } = await set(
      ...["--iops-max", "900", "--iops-max-length", "5", "--iops-size", "4k"],
    );
    assertEquals(await burst(), [900, 5, 4096]);
    const told = {
      ...{ iops: 200, iops_max: 900, iops_max_length: 5, iops_size: 4096 },
      bps_write: 524288,
    };
    assertEquals([device.limits, await listed(vm)], [told, told]);
    assertEquals((await set("--iops-max", "900")).changed, false);
    const words = ["disk", "set", vm.name, UUID];
    const { status, json } = await tool(vm, ...words, "--iops-max", "100");
    assertEquals([status, json.error.code], [3, "refused"]);
    await set("--iops", "0");
    assertEquals(await burst(), [undefined, undefined, undefined]);
    await set("--iops", "200");
    assertEquals(await live(vm), [200, 0, 0, 0, 0, 524288]);
  });

  await t.step("without an option, disk set tells the limits", async () => {
    const { changed, device } = await set();
    assertEquals(changed, false);
    assertEquals(device.limits, { iops: 200, bps_write: 524288 });
    assertEquals(await live(vm), [200, 0, 0, 0, 0, 524288]);
  });

  await t.step("what was set past the tool is told, and left", async () => {
    const [{ qdev = "" } = {}] = await vm.qmp.execute<{ qdev: string }[]>(
      "query-block",
    );
    const other = { iops: 0, iops_rd: 50, iops_wr: 0, bps: 0, bps_rd: 0 };
    const throttle = { id: qdev, ...other, bps_wr: 524288 };
    for (const wanted of [0, 1]) {
      await vm.qmp.execute("block_set_io_throttle", throttle);
      const { json } = await tool(vm, "list", vm.name);
      const [{ status, differences }] = json.devices;
      assertEquals([status, differences[0].code], ["differs", "limits"]);
      const verify = await tool(vm, "state", "show", vm.name, "--verify");
      const repair = await tool(vm, "repair", vm.name);
      assertEquals([verify.status, repair.status], [3, 7]);
      assertEquals((await live(vm))[1], 50);
      const [{ hint }] = repair.json.remaining;
      const commands = hint.matchAll(/run: kvm-hotplug (disk set [^;]*)/g);
      const words = [...commands].map(([, words]) => words.split(" "));
      await ok(vm, ...words[wanted] ?? []);
      assertEquals((await live(vm))[1], [0, 50][wanted]);
      assertEquals((await ok(vm, "repair", vm.name)).repaired, []);
    }
    await set("--iops-read", "0");
  });

  await t.step("the guest is slowed down", async () => {
    await set("--iops", "0", "--bps-write", "0", "--bps", "1M");
    await vm.waitGuest("test -b /dev/vda");
    const read = "dd if=/dev/vda of=/dev/null bs=256k count=12 2>/dev/null";
    const begin = performance.now();
    assertEquals((await vm.guest(read)).status, 0);
    const seconds = (performance.now() - begin) / 1000;
    // 3 MiB at 1 MiB a second, of which a tenth of a second may come at once.
    assertEquals(seconds > 1.5, true, `${seconds} s`);
  });

  /** Seconds to read past the guest's cache. */
  const secondsOf = async (read: string) => {
    const begin = performance.now();
    const fresh = "echo 3 > /proc/sys/vm/drop_caches";
    assertEquals((await vm.guest(`${fresh}; ${read}`)).status, 0);
    return (performance.now() - begin) / 1000;
  };

  await t.step("the guest feels a burst, until it is over", async () => {
    const burst = ["--bps", "1M", "--bps-max", "8M", "--bps-max-length", "1"];
    await set(...burst);
    const read = "dd if=/dev/vda of=/dev/null bs=256k count=16 2>/dev/null";
    // 4 MiB at 1 MiB a second would take more than 3 s.
    const seconds = await secondsOf(read);
    assertEquals(seconds < 2.5, true, `${seconds} s`);
  });

  await t.step("two disks share a rate", async () => {
    const second = `${vm.runDir}/d2.img`;
    await makeImage(second, "second");
    const other = ["disk", "add", vm.name, second, "--uuid", OTHER];
    const lone = await tool(vm, ...other, "--limit-group", "g");
    assertEquals([lone.status, lone.json.error.code], [3, "refused"]);
    await set("--bps", "2M", "--bps-max", "0", "--limit-group", "g");
    const before = await snapshot(vm);
    const dry = await tool(vm, ...other, "--limit-group", "g", "--dry-run");
    assertEquals([dry.status, await snapshot(vm)], [0, before]);
    const added = await tool(vm, ...other, "--limit-group", "g");
    assertEquals(added.status, 0, added.stderr);
    assertMatch(added.stderr, /shares its limits with disk 0: limit group g/);
    const { bps } = added.json.device.limits;
    assertEquals([bps, added.json.device.limit_group], [2097152, "g"]);
    assertEquals(await groups(vm), ["g", "g"]);
    assertEquals(noted(vm, OTHER), { limits: { bps }, limitGroup: "g" });
    await vm.waitGuest("test -b /dev/vdb");
    const read = (disk: string) =>
      `dd if=/dev/${disk} of=/dev/null bs=256k count=12 2>/dev/null`;
    const both = await secondsOf(`${read("vda")} & ${read("vdb")}; wait`);
    // 6 MiB at 2 MiB a second; each disk alone would take less than 1.5 s.
    assertEquals(both > 2.2, true, `${both} s`);
  });

  await t.step("the limits of a group are the limits of all", async () => {
    const words = ["disk", "set", vm.name, UUID];
    const gone = await tool(vm, ...words, "--bps", "0");
    assertEquals([gone.status, gone.json.error.code], [3, "refused"]);
    const changed = await tool(vm, ...words, "--bps", "4M");
    assertMatch(changed.stderr, /disk 0 shares its limits with disk 1/);
    const group = { limits: { bps: 4194304 }, limitGroup: "g" };
    assertEquals([noted(vm), noted(vm, OTHER)], [group, group]);
    const { devices } = await ok(vm, "list", vm.name);
    const told = devices.map((
      { status, limits, limit_group }: Record<string, unknown>,
    ) => [status, limits, limit_group]);
    assertEquals(told, [
      ["ok", { bps: 4194304 }, "g"],
      ["ok", { bps: 4194304 }, "g"],
    ]);
    // Back in the group, a disk has the limits that the group has by then.
    await ok(vm, "disk", "remove", vm.name, OTHER);
    await set("--bps", "5M");
    const back = `${vm.runDir}/d2.img`;
    const again = await tool(vm, "disk", "add", vm.name, back, "--uuid", OTHER);
    assertEquals(again.json.device.limits, { bps: 5242880 }, again.stderr);
    assertEquals(await groups(vm), ["g", "g"]);
  });

  await t.step("a disk that another program moved is told", async () => {
    const [{ qdev = "" } = {}] = await vm.qmp.execute<{ qdev: string }[]>(
      "query-block",
    );
    const none = { iops: 0, iops_rd: 0, iops_wr: 0, bps_rd: 0, bps_wr: 0 };
    await vm.qmp.execute("block_set_io_throttle", {
      ...{ id: qdev, ...none, bps: 5242880, group: "h" },
    });
    const { json } = await tool(vm, "list", vm.name);
    const [{ message, hint }] = json.devices[0].differences;
    assertMatch(message, /of limit group g, but QEMU has .* of limit group h$/);
    const [, words = ""] = /run: kvm-hotplug (disk set [^;]*)/.exec(hint) ?? [];
    assertEquals((await tool(vm, ...words.split(" "))).status, 0);
    assertEquals(await groups(vm), ["g", "g"]);
  });

  await t.step("a disk leaves its group with the limits", async () => {
    await set("--limit-group", "none", "--bps", "1M");
    assertEquals(await live(vm), [0, 0, 0, 1048576, 0, 0]);
    assertEquals(noted(vm), { limits: { bps: 1048576 } });
    assertEquals(noted(vm, OTHER)?.limits, { bps: 5242880 });
    assertEquals((await set("--limit-group", "none")).changed, false);
    await ok(vm, "disk", "set", vm.name, OTHER, "--bps", "0");
    assertEquals(await groups(vm), [QDEV, undefined]);
    assertEquals(noted(vm, OTHER), undefined);
    await ok(vm, "disk", "remove", vm.name, OTHER);
  });

  await t.step("replugged, it is limited as before", async () => {
    await ok(vm, "disk", "remove", vm.name, UUID);
    assertEquals(await snapshot(vm), empty);
    const repair = await ok(vm, "repair", vm.name);
    assertEquals(repair.repaired, []);
    const { device } = await ok(vm, ...add);
    assertEquals(device.limits, { bps: 1048576 });
    assertEquals(await live(vm), [0, 0, 0, 1048576, 0, 0]);
  });

  await t.step("without limits nothing of it is left", async () => {
    await set("--bps", "0");
    assertEquals(await live(vm), [0, 0, 0, 0, 0, 0]);
    assertEquals([await listed(vm), noted(vm)], [null, undefined]);
    await ok(vm, "disk", "remove", vm.name, UUID);
    assertEquals(await snapshot(vm), empty);
  });
});
