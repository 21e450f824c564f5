/** Memory comes and goes, moves with its guest, and is put in order. */
import { assertEquals, assertMatch } from "@std/assert";
import { until } from "../../tools/guest/deadline.ts";
import { type EachOptions, eachRelease } from "../lab/each_release.ts";
import { moved, temporaryFolder } from "../lab/migrate.ts";
import { tool } from "../lab/tool.ts";
import { sweepTests } from "./kill_tests.ts";
import { loadVirtioMem } from "../lab/virtio_mem.ts";
import type { Vm } from "../lab/vm.ts";

const M = 1024 * 1024;

/** Linux keeps 64 MiB back where memory can lie above 4 GiB. */
const ROOM = { extraArgs: ["--m", "slots=4,maxmem=4G"], memoryMiB: 384 };

/** A q35, whose root bus has no hotplug. */
const PORTS: EachOptions = {
  ...ROOM,
  machine: "q35",
  extraArgs: [
    ...ROOM.extraArgs,
    ...["rp11", "rp26"].flatMap((id, n) => [
      ...["-device", `pcie-root-port,id=${id},chassis=${n + 1}`],
    ]),
  ],
};

/**
 * No more than the VM's own memory: QEMU 10.0 without KVM ends in a migration
 * if a larger part is written to at that time. It takes the offset in that part
 * for one in the first part: migration_sync_dirty_bitmap,
 * tlb_reset_dirty_range_all.
 */
const MOST = "384M";

/** As the tool tells of it, in MiB. */
async function listed(vm: Vm) {
  const { json } = await tool(vm, "list", vm.name);
  const devices: { kind: string; id: string; status: string }[] = json.devices;
  return [
    json.memory_bytes / M,
    ...devices.filter(({ kind }) => kind === "memory")
      .map(({ id, status }) => `${id} ${status}`),
  ];
}

/** Ids of the backends of added memory. */
async function backends(vm: Vm): Promise<string[]> {
  const all = await vm.qmp.execute<{ id?: string }[]>("query-memdev");
  return all.flatMap(({ id = "" }) => id.startsWith("mem-") ? [id] : []);
}

/** Waits until the guest has put so many blocks of 128 MiB online. */
async function sees(vm: Vm, blocks: number): Promise<void> {
  const states = "/sys/devices/system/memory/memory*/state";
  await vm.waitGuest(
    `for m in ${states}; do grep -q offline $m && echo online_movable > $m; done; ` +
      `test $(grep -l online ${states} | wc -l) = ${blocks}`,
  );
}

async function command(vm: Vm): Promise<string[]> {
  const [words] = JSON.parse(await Deno.readTextFile(vm.runtimePath));
  return words;
}

/** What QEMU tells of added memory. */
async function told(vm: Vm): Promise<unknown[]> {
  const all = await vm.qmp.execute<{ type: string; data: object }[]>(
    "query-memory-devices",
  );
  // A target has had it from its start.
  return all.map(({ type, data }) => ({ type, ...data, hotplugged: null }));
}

/** Whether QEMU cannot unplug a virtio-mem device. */
async function isOld(vm: Vm): Promise<boolean> {
  const { qemu: { major } } = await vm.qmp.execute<
    { qemu: { major: number } }
  >("query-version");
  return major < 8;
}

/** Memory that the kernel itself uses stays. */
async function refusesToRelease(vm: Vm): Promise<void> {
  const add = await tool(
    vm,
    ...["memory", "add", vm.name, "128M", "--kind", "dimm"],
  );
  const { id } = add.json.device;
  // Inodes cannot be moved elsewhere.
  await vm.waitGuest(
    "for m in /sys/devices/system/memory/memory*/state; do " +
      "grep -q offline $m && echo online_kernel > $m && on=1; done; " +
      'test "$on" && mkdir /tmp/i && cd /tmp/i && ' +
      "for i in $(seq 2000); do : > $i; done",
  );
  const remove = await tool(vm, "memory", "remove", vm.name, id);
  const { code, message } = remove.json.error;
  assertEquals([remove.status, code], [6, "unplug-rejected"], remove.stdout);
  assertMatch(message, /ACPI_DEVICE_OST with status 130/);
  assertEquals((await listed(vm)).includes(`${id} ok`), true);
}

eachRelease("DIMMs are added, seen, moved and removed", async (vm, t) => {
  const before = await command(vm);

  await t.step("a size that the guest would not take is refused", async () => {
    const add = await tool(vm, "memory", "add", vm.name, "100M");
    assertEquals([add.status, add.json.error.code], [3, "refused"]);
    assertMatch(add.json.error.hint, /128M and 256M/);
    assertEquals(await backends(vm), []);
  });

  await t.step("a DIMM is added, recorded, listed and seen", async () => {
    const add = await tool(vm, "memory", "add", vm.name, "256M");
    assertEquals(add.status, 0, add.stdout);
    const { device } = add.json;
    assertEquals([device.kind, device.id], ["memory", "dimm-0"]);
    assertEquals(device.size_bytes, 256 * M);
    assertMatch(add.stderr, /dimm-0 is present; the guest brings it online/);
    await sees(vm, 5);
    assertEquals(await listed(vm), [640, "dimm-0 ok"]);
  });

  await t.step("set adds the rest, and removes", async () => {
    const set = await tool(vm, "memory", "set", vm.name, "1G");
    assertEquals([set.status, set.json.reached], [0, 1024 * M], set.stdout);
    assertEquals(await listed(vm), [1024, "dimm-0 ok", "dimm-1 ok"]);
    await sees(vm, 8);
    const odd = await tool(vm, "memory", "set", vm.name, "700M");
    assertEquals([odd.status, odd.json.error.code], [3, "refused"]);
    assertMatch(odd.json.error.hint, /640M and 768M/);
    const less = await tool(vm, "memory", "set", vm.name, "640M");
    assertEquals([less.status, less.json.reached], [0, 640 * M], less.stdout);
    assertEquals(await listed(vm), [640, "dimm-0 ok"]);
    assertEquals(await backends(vm), ["mem-dimm-0"]);
  });

  await t.step("leftovers are found, mended and adopted", async () => {
    const object = { "qom-type": "memory-backend-ram", size: 128 * M };
    await vm.qmp.execute("object-add", { id: "mem-dimm-7", ...object });
    await vm.qmp.execute("object-add", { id: "by-hand", ...object });
    const dimm = { driver: "pc-dimm", id: "hand-0", memdev: "by-hand" };
    await vm.qmp.execute("device_add", dimm);
    assertEquals(await listed(vm), [
      ...[768, "dimm-0 ok", "hand-0 not-recorded"],
    ]);
    const adopt = await tool(vm, "adopt", vm.name);
    assertEquals([adopt.status, adopt.json.adopted.length], [0, 1]);
    const repair = await tool(vm, "repair", vm.name);
    assertEquals([repair.status, repair.json.repaired.length], [0, 1]);
    assertEquals(await backends(vm), ["mem-dimm-0"]);
    assertEquals(await listed(vm), [768, "dimm-0 ok", "hand-0 ok"]);
    await sees(vm, 6);
  });

  await t.step(
    "a paused guest releases nothing, and later it may",
    async () => {
      await vm.qmp.execute("stop");
      const add = await tool(vm, "memory", "add", vm.name, "128M");
      assertEquals([add.status, add.json.device.id], [0, "dimm-1"], add.stdout);
      const remove = await tool(vm, "memory", "remove", vm.name, "dimm-1");
      assertEquals([remove.status, remove.json.error.code], [
        ...[6, "unplug-pending"],
      ]);
      await vm.qmp.execute("cont");
      // It comes true when the guest hears of the next DIMM, or before.
      const next = await tool(vm, "memory", "add", vm.name, "128M");
      assertEquals([next.status, next.json.device.id], [0, "dimm-2"]);
      await until(async () => {
        const all = await vm.qmp.execute<{ data: { id: string } }[]>(
          "query-memory-devices",
        );
        return all.some(({ data }) => data.id === "dimm-1") ? undefined : true;
      }, { what: "release of dimm-1" });
      const set = await tool(vm, "memory", "set", vm.name, "768M");
      assertEquals([set.status, set.json.reached], [0, 768 * M], set.stdout);
      assertEquals((await backends(vm)).sort(), ["mem-dimm-0"]);
      assertEquals(await listed(vm), [768, "dimm-0 ok", "hand-0 ok"]);
    },
  );

  await t.step("a virtio-mem device goes into the last port", async () => {
    await loadVirtioMem(vm);
    const add = await tool(
      vm,
      ...["memory", "add", vm.name, "128M", "--kind", "virtio-mem"],
      ...["--max", "256M"],
    );
    assertEquals([add.status, add.json.device.bus], [0, "rp26"], add.stdout);
    await sees(vm, 7);
    const more = await tool(vm, "memory", "add", vm.name, "100");
    assertEquals([more.status, more.json.error.code], [3, "refused"]);
    assertMatch(more.json.error.hint, /2M and 4M/);
  });

  await t.step("a target from the file has the same", async () => {
    await using other = await temporaryFolder();
    const source = [await listed(vm), await told(vm)];
    await using target = await moved(vm, other.path);
    assertEquals([await listed(target), await told(target)], source);
    assertEquals(source[0], [
      ...[896, "dimm-0 ok", "hand-0 ok", "vmem-0 ok"],
    ]);
    for (const id of ["hand-0", "dimm-0"]) {
      const remove = await tool(target, "memory", "remove", vm.name, id);
      assertEquals(remove.status, 0, remove.stdout);
    }
    const less = await tool(target, "memory", "set", vm.name, "384M");
    assertEquals([less.status, less.json.reached], [0, 384 * M], less.stdout);
    const gone = await tool(target, "memory", "remove", vm.name, "dimm-0");
    assertEquals([gone.status, gone.json.changed], [0, false]);
    const vmem = await tool(target, "memory", "remove", vm.name, "vmem-0");
    if (await isOld(target)) {
      assertEquals(await listed(target), [384, "vmem-0 ok"]);
    } else {
      assertEquals(vmem.status, 0, vmem.stdout);
      assertEquals([await told(target), await listed(target)], [[], [384]]);
      assertEquals(await command(target), before);
    }
    await refusesToRelease(target);
  });
}, PORTS);

eachRelease("a virtio-mem device grows and shrinks", async (vm, t) => {
  const before = await command(vm);

  await t.step("it is added, and the guest takes its memory", async () => {
    await loadVirtioMem(vm);
    const add = await tool(
      vm,
      ...["memory", "add", vm.name, "256M", "--kind", "virtio-mem"],
      ...["--max", MOST],
    );
    assertEquals(add.status, 0, add.stdout);
    const { id, slot, size_bytes: most } = add.json.device;
    assertEquals([id, slot < 12, most], ["vmem-0", true, 384 * M]);
    await sees(vm, 5);
    assertEquals(await listed(vm), [640, "vmem-0 ok"]);
  });

  await t.step("set grows it, and shrinks it", async () => {
    const more = await tool(vm, "memory", "set", vm.name, "768M");
    assertEquals([more.status, more.json.reached], [0, 768 * M], more.stdout);
    assertEquals(await listed(vm), [768, "vmem-0 ok"]);
    await sees(vm, 6);
    const less = await tool(vm, "memory", "set", vm.name, "512M");
    assertEquals([less.status, less.json.reached], [0, 512 * M], less.stdout);
    assertEquals(await listed(vm), [512, "vmem-0 ok"]);
  });

  await t.step("a guest that does not follow is told of", async () => {
    await vm.qmp.execute("stop");
    const more = await tool(vm, "memory", "set", vm.name, "576M");
    assertEquals([more.status, more.json.reached], [0, 512 * M], more.stdout);
    const codes = more.json.warnings.map((one: { code: string }) => one.code);
    assertEquals(codes, ["paused", "memory-not-taken"]);
    const less = await tool(vm, "memory", "set", vm.name, "448M");
    const { code, message, hint } = less.json.error;
    assertEquals([less.status, code], [6, "unplug-pending"]);
    assertEquals(hint, "the request stays: the guest may still follow it");
    assertMatch(message, /has 128M of vmem-0, not the requested 64M/);
    assertEquals([less.json.changed, less.json.reached], [true, 512 * M]);
    const same = await tool(vm, "memory", "set", vm.name, "448M");
    assertEquals([same.status, same.json.changed], [6, false], same.stdout);
    await vm.qmp.execute("cont");
    const again = await tool(vm, "memory", "set", vm.name, "512M");
    assertEquals(again.status, 0, again.stdout);
  });

  await t.step("a DIMM goes beside it", async () => {
    const add = await tool(
      vm,
      ...["memory", "add", vm.name, "128M", "--kind", "dimm"],
    );
    assertEquals([add.status, add.json.device?.id], [0, "dimm-0"]);
    assertEquals(await listed(vm), [640, "vmem-0 ok", "dimm-0 ok"]);
    await sees(vm, 5);
  });

  const source = [await listed(vm), await told(vm)];
  await using other = await temporaryFolder();
  await using target = await moved(vm, other.path);

  await t.step("a target from the file has the same", async () => {
    assertEquals([await listed(target), await told(target)], source);
    const remove = await tool(target, "memory", "remove", vm.name, "dimm-0");
    assertEquals(remove.status, 0, remove.stdout);
    const more = await tool(target, "memory", "set", vm.name, "640M");
    assertEquals([more.status, more.json.reached], [0, 640 * M], more.stdout);
    await sees(target, 5);
    const less = await tool(target, "memory", "set", vm.name, "512M");
    assertEquals(less.status, 0, less.stdout);
  });

  await t.step("what somebody else requested is recorded", async () => {
    const path = "/machine/peripheral/vmem-0";
    const property = "requested-size";
    await target.qmp.execute("qom-set", { path, property, value: 256 * M });
    const { json } = await tool(target, "list", vm.name);
    const [{ status, differences }] = json.devices;
    assertEquals([status, differences[0].code], ["differs", "memory-size"]);
    const repair = await tool(target, "repair", vm.name);
    assertEquals([repair.status, repair.json.repaired.length], [0, 1]);
    const device = (await command(target)).find((one) =>
      /^virtio-mem-pci,/.test(one)
    );
    assertMatch(device ?? "", /requested-size=268435456/);
    assertEquals((await listed(target)).slice(1), ["vmem-0 ok"]);
  });

  await t.step("it is removed where QEMU can do that", async () => {
    const kept = await tool(target, "memory", "remove", vm.name, "vmem-0");
    const old = await isOld(target);
    const code = old ? "unsupported" : "refused";
    assertEquals([kept.status, kept.json.error.code], [3, code]);
    const none = await tool(target, "memory", "set", vm.name, "384M");
    assertEquals([none.status, none.json.reached], [0, 384 * M], none.stdout);
    const remove = await tool(target, "memory", "remove", vm.name, "vmem-0");
    if (old) {
      assertEquals([remove.status, remove.json.error.code], [
        ...[3, "unsupported"],
      ]);
      return;
    }
    assertEquals(remove.status, 0, remove.stdout);
    assertEquals([await listed(target), await backends(target)], [[384], []]);
    assertEquals(await command(target), before);
  });
}, ROOM);

sweepTests("DIMM");
