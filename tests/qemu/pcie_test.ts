/** Disks and NICs in PCIe ports and behind bridges, used by a real guest. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { eachRelease, makeImage } from "../lab/each_release.ts";
import { GANETI_PORTS, OTHER_PORTS, PC_BRIDGES } from "../lab/pcie.ts";
import { snapshot } from "../lab/snapshot.ts";
import { tool, type ToolResult } from "../lab/tool.ts";
import type { Vm } from "../lab/vm.ts";

const NIC = "a0000001-1111-4111-8111-000000000001";
const MAC = "aa:00:00:00:00:01";

const uuid = (n: number) => `d000000${n}-1111-4111-8111-00000000000${n}`;

/** Adds the disk with this number, whose image begins with it. */
async function addDisk(
  vm: Vm,
  n: number,
  ...more: string[]
): Promise<ToolResult> {
  const image = `${vm.runDir}/d${n}.img`;
  await makeImage(image, `data-${n}`);
  const words = ["disk", "add", vm.name, image, "--uuid", uuid(n)];
  return await tool(vm, ...words, ...more);
}

/** The bus and slot of a device that was added. */
function placeOf(ran: ToolResult): unknown[] {
  assertEquals([ran.status, ran.stderr], [0, ""], ran.stdout);
  const { bus, slot, addr } = ran.json.device;
  assertEquals(addr, `0x${slot.toString(16)}`);
  return [bus, slot];
}

/** The guest finds the disk by what it begins with, and writes to it. */
async function useDisk(vm: Vm, n: number) {
  const find =
    `for d in /dev/vd?; do test "$(dd if=$d bs=6 count=1 iflag=direct 2>/dev/null)" = data-${n} && echo $d; done`;
  const { output } = await vm.waitGuest(`${find} | grep .`);
  const disk = output.trim();
  const write = `printf written-${n} | dd of=${disk} bs=512 seek=8 conv=fsync`;
  assertEquals((await vm.guest(write)).status, 0);
  const bytes = await Deno.readFile(`${vm.runDir}/d${n}.img`);
  const text = new TextDecoder().decode(bytes.subarray(4096, 4105));
  assertEquals(text, `written-${n}`);
}

async function removeDisk(vm: Vm, n: number) {
  const ran = await tool(vm, "disk", "remove", vm.name, uuid(n));
  assertEquals([ran.status, ran.json.changed], [0, true], ran.stdout);
}

/** Asserts that list and verify find nothing amiss. */
async function assertInOrder(vm: Vm) {
  const { json } = await tool(vm, "list", vm.name);
  for (const { id, status } of json.devices) {
    assertEquals([id, status], [
      id,
      "ok",
    ]);
  }
  const shown = await tool(vm, "state", "show", vm.name, "--verify");
  assertEquals(shown.json.verify, { ok: true, differences: [] });
}

/** Names of the buses that have room. */
async function freeBuses(vm: Vm): Promise<string[]> {
  const { json } = await tool(vm, "pci", vm.name);
  assertEquals(json.ok, true);
  return json.buses.filter(({ free }: { free: number[] }) => free.length > 0)
    .map(({ bus }: { bus: string }) => bus);
}

const range = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, i) => `rp${first + i}`);

eachRelease("disks and NICs in the ports of Ganeti's q35", async (vm, t) => {
  const before = await snapshot(vm);
  assertEquals(await freeBuses(vm), range(3, 26));

  await t.step("each goes where Ganeti would put it", async () => {
    assertEquals(placeOf(await addDisk(vm, 1)), ["rp11", 0]);
    const scheme = ["--id-scheme", "design"];
    const second = await addDisk(vm, 2, ...scheme);
    assertEquals(placeOf(second), ["rp12", 0]);
    assertEquals(second.json.device.id, "disk-d0000002-pci-12");
    const words = ["nic", "add", vm.name, "--uuid", NIC, "--mac", MAC];
    assertEquals(placeOf(await tool(vm, ...words)), ["rp3", 0]);
    const [, [nic]] = JSON.parse(await Deno.readTextFile(vm.runtimePath));
    assertEquals(JSON.stringify(nic.hvinfo).includes("design"), false);
    const { driver, bus, addr } = nic.hvinfo;
    assertEquals([driver, bus, addr], ["virtio-net-pci", "rp3", "0x0"]);
    assertEquals(nic.hvinfo["acpi-index"], 1);
    const { json } = await tool(vm, "state", "command", vm.name);
    assertStringIncludes(
      json.command.join(" "),
      "bus=rp3,addr=0x0,acpi-index=1",
    );
    assertEquals(await freeBuses(vm), [...range(4, 10), ...range(13, 26)]);
    await assertInOrder(vm);
  });

  await t.step("the guest uses them", async () => {
    await useDisk(vm, 1);
    await useDisk(vm, 2);
    await vm.waitGuest(`grep -qi ${MAC} /sys/class/net/*/address`);
  });

  await t.step("the port of a removed one is used again", async () => {
    await removeDisk(vm, 1);
    assertEquals(placeOf(await addDisk(vm, 1)), ["rp11", 0]);
    await useDisk(vm, 1);
  });

  await t.step("a port can be chosen", async () => {
    const taken = await addDisk(vm, 3, "--bus", "rp12");
    assertEquals([taken.status, taken.json.error.code], [3, "no-free-slot"]);
    assertStringIncludes(taken.json.error.message, "rp12 disk-d0000002-pci-12");
    assertEquals(placeOf(await addDisk(vm, 3, "--slot", "20")), ["rp20", 0]);
    await useDisk(vm, 3);
  });

  await t.step("removed, all is as before", async () => {
    for (const n of [3, 1, 2]) await removeDisk(vm, n);
    const ran = await tool(vm, "nic", "remove", vm.name, NIC);
    assertEquals(ran.status, 0, ran.stdout);
    assertEquals(await freeBuses(vm), range(3, 26));
    assertEquals(await snapshot(vm), before);
  });
}, GANETI_PORTS);

eachRelease("ports of other names, by PCIe's own hotplug", async (vm, t) => {
  assertEquals(placeOf(await addDisk(vm, 1)), ["left", 0]);
  assertEquals(placeOf(await addDisk(vm, 2)), ["ds1", 0]);
  await useDisk(vm, 1);
  await useDisk(vm, 2);
  await assertInOrder(vm);

  await t.step("no port is free: refused with the map", async () => {
    const now = await snapshot(vm);
    for (const dry of [["--dry-run"], []]) {
      const { status, json } = await addDisk(vm, 3, ...dry);
      assertEquals([status, json.error.code], [3, "no-free-slot"]);
      const { message, hint } = json.error;
      assertStringIncludes(message, "off1 has no hotplug");
      assertStringIncludes(message, "left disk-d0000001-1111-4111");
      assertStringIncludes(message, "up us");
      assertStringIncludes(hint, "-device pcie-root-port");
      assertStringIncludes(hint, "--bus ppb has room");
    }
    assertEquals(await snapshot(vm), now);
    const off = await addDisk(vm, 3, "--bus", "off1");
    assertEquals([off.status, off.json.error.code], [3, "unsupported"]);
    const root = await addDisk(vm, 3, "--bus", "pcie.0");
    assertEquals([root.status, root.json.error.code], [3, "unsupported"]);
    assertEquals(await snapshot(vm), now);
    const checked = await tool(vm, "check", vm.name);
    assertEquals([checked.status, checked.json.free_slots], [3, []]);
  });

  await t.step("a removal that takes seconds is not lost", async () => {
    const words = ["disk", "remove", vm.name, uuid(1)];
    const pending = await tool(vm, ...words, "--unplug-timeout", "1");
    assertEquals(pending.status, 6, pending.stdout);
    const listed = await tool(vm, "list", vm.name);
    assertEquals(listed.json.devices[0].status, "pending-removal");
    const taken = await addDisk(vm, 3);
    assertEquals([taken.status, taken.json.error.code], [3, "no-free-slot"]);
    const done = await tool(vm, ...words);
    assertEquals(done.status, 0, done.stdout);
    assertEquals(placeOf(await addDisk(vm, 3)), ["left", 0]);
    await useDisk(vm, 3);
  });
}, OTHER_PORTS);

eachRelease("disks behind bridges on pc", async (vm) => {
  const before = await snapshot(vm);
  assertEquals(placeOf(await addDisk(vm, 1, "--bus", "br1")), ["br1", 1]);
  assertEquals(placeOf(await addDisk(vm, 2, "--bus", "br1")), ["br1", 2]);
  const chosen = await addDisk(vm, 3, "--bus", "br1", "--slot", "9");
  assertEquals(placeOf(chosen), ["br1", 9]);
  assertEquals(placeOf(await addDisk(vm, 4)), ["pci.0", 12]);
  for (const n of [1, 2, 3, 4]) await useDisk(vm, n);
  await assertInOrder(vm);
  // br2 has no room in the guest's address space.
  for (const bus of ["br2", "br3"]) {
    const none = await addDisk(vm, 5, "--bus", bus);
    assertEquals([none.status, none.json.error.code], [3, "unsupported"]);
  }
  const socket = await tool(vm, "pci", vm.qmpPath);
  const [root, first] = socket.json.buses;
  assertEquals([root.bus, first.bus, first.type], ["pci.0", "br1", "pci"]);
  assertEquals(first.slots.map((one: { slot: number }) => one.slot), [
    1,
    2,
    9,
  ]);
  for (const n of [2, 4, 3, 1]) await removeDisk(vm, n);
  assertEquals(await snapshot(vm), before);
}, PC_BRIDGES);

eachRelease("pci needs no runtime file that can be read", async (vm) => {
  const shown = async () => await tool(vm, "pci", vm.name);
  assertEquals((await shown()).stderr, "");
  for (const text of ["broken", undefined]) {
    if (text === undefined) await Deno.remove(vm.runtimePath);
    else await Deno.writeTextFile(vm.runtimePath, text);
    const { status, json, stderr } = await shown();
    assertEquals([status, json.buses[0].bus], [0, "pci.0"]);
    assertEquals(json.buses[0].free.includes(12), true);
    assertStringIncludes(stderr, "the map shows QEMU's devices");
  }
}, { guest: "none" });
