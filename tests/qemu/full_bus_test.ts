/** Disks until the bus of pc is full, and out again in another order. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { eachRelease, makeImage } from "../lab/each_release.ts";
import { snapshot } from "../lab/snapshot.ts";
import { tool, toolHere } from "../lab/tool.ts";

/** SPEC 4.1: the slots that kvm_pci_reservations leaves. */
const SLOTS = Array.from({ length: 20 }, (_, i) => 12 + i);
/** In the middle. */
const HOLE = 21;

const uuid = (slot: number) => `d00000${slot}-1111-4111-8111-0000000000${slot}`;

/** Evens downwards, then odds upwards. */
const OTHER_ORDER = [
  ...SLOTS.filter((slot) => slot % 2 === 0).reverse(),
  ...SLOTS.filter((slot) => slot % 2 === 1),
];

eachRelease("disks until slots 12 to 31 are full", async (vm, t) => {
  const before = await snapshot(vm);
  const add = async (slot: number, how = toolHere) => {
    const image = `${vm.runDir}/d${slot}.img`;
    await makeImage(image, `in-slot-${slot}`);
    const words = ["disk", "add", vm.name, image, "--uuid", uuid(slot)];
    return await how(vm, ...words);
  };
  const remove = async (slot: number) => {
    const ran = await toolHere(vm, "disk", "remove", vm.name, uuid(slot));
    assertEquals([ran.status, ran.json.changed], [0, true], ran.stdout);
  };

  for (const slot of SLOTS) {
    const ran = await add(slot);
    assertEquals([ran.status, ran.json.device?.slot], [0, slot], ran.stdout);
  }
  await vm.waitGuest("test $(ls /dev/vd? | wc -l) = 20");

  await t.step("the next one is refused, and changes nothing", async () => {
    const now = await snapshot(vm);
    const { status, json } = await add(99, tool);
    assertEquals([status, json.error.code], [3, "no-free-slot"]);
    assertStringIncludes(json.error.message, "(12 to 31)");
    assertStringIncludes(json.error.message, "31 disk-d0000031-1111-4111");
    await Deno.remove(`${vm.runDir}/d99.img`);
    assertEquals(await snapshot(vm), now);
    const map = await tool(vm, "pci", vm.name);
    assertEquals(map.json.buses[0].free, []);
  });

  await t.step("a hole in the middle is used again", async () => {
    await remove(HOLE);
    const map = await tool(vm, "pci", vm.name);
    assertEquals(map.json.buses[0].free, [HOLE]);
    const ran = await add(HOLE, tool);
    assertEquals([ran.status, ran.json.device?.slot], [0, HOLE], ran.stdout);
    await vm.waitGuest("test $(ls /dev/vd? | wc -l) = 20");
  });

  await t.step("out again in another order", async () => {
    for (const slot of OTHER_ORDER) await remove(slot);
    assertEquals((await vm.guest("ls /dev/vd?")).status, 1);
    assertEquals(await snapshot(vm), before);
  });
});
