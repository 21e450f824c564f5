/** Refusals of a device that cannot be as it is asked for. */
import { assertEquals, assertMatch } from "@std/assert";
import {
  diskEntry,
  Instance,
  NAME,
  NEW,
  NEW_DISK,
  NIC,
  runtimeText,
} from "../lab/scripted_instance.ts";
import { refused } from "./refused.ts";

Deno.test("no-free-slot names who is there", async () => {
  await using vm = new Instance();
  for (let slot = 14; slot < 32; slot++) {
    const id = `foreign-${slot}`;
    vm.peer.model.devices.set(id, { id, driver: "e1000", slot });
  }
  const words = ["disk", "add", NAME, vm.image()];
  const message = await refused(vm, words, [3, "no-free-slot"]);
  assertMatch(message, /foreign-31/);
  assertMatch(message, new RegExp(NIC.id));
});

Deno.test("--slot that is taken is refused, by record or by QEMU", async () => {
  await using vm = new Instance({
    disks: [diskEntry(NEW, NEW_DISK, { addr: "0x14" })],
  });
  const id = "foreign";
  vm.peer.model.devices.set(id, { id, driver: "e1000", slot: 21 });
  for (const slot of ["0", "13", "20", "21"]) {
    const words = ["disk", "add", NAME, vm.image(), "--slot", slot];
    const message = await refused(vm, words, [3, "no-free-slot"]);
    assertMatch(message, new RegExp(`Slot ${slot} `));
  }
  for (const slot of ["32", "-1", "x", "1e1", "0x5"]) {
    const words = ["disk", "add", NAME, vm.image(), `--slot=${slot}`];
    await refused(vm, words, [2, "usage"]);
  }
});

Deno.test("an id that QEMU has and the file does not is not used twice", async () => {
  const left: [string, string, (vm: Instance) => void][] = [
    [
      "leftover",
      "leftover",
      ({ peer: { model } }) => model.nodes.set(NEW_DISK, 0),
    ],
    [
      "duplicate",
      "refused",
      ({ peer: { model } }) =>
        model.devices.set(NEW_DISK, { id: NEW_DISK, driver: "x", slot: 30 }),
    ],
  ];
  for (const [code, kept, make] of left) {
    await using vm = new Instance();
    make(vm);
    const words = ["disk", "add", NAME, vm.image(), "--uuid", NEW];
    await refused(vm, words, [3, code]);
    for (const word of [NEW, NEW_DISK]) {
      await refused(vm, ["disk", "remove", NAME, word], [3, kept]);
    }
  }
});

Deno.test("a MAC that is taken on this node is a duplicate", async () => {
  await using vm = new Instance();
  const other = { mac: "AA:00:00:00:00:42", uuid: NEW, nicparams: {} };
  const path = vm.at("conf/other.example.com.runtime");
  Deno.writeTextFileSync(path, runtimeText({ nics: [other], disks: [] }));
  Deno.writeTextFileSync(vm.at("conf/broken.runtime"), "[");
  const add = ["nic", "add", NAME, "--mac"];
  await refused(vm, [...add, "aa:00:00:00:00:42"], [3, "duplicate"]);
  // One of the instance's own: that NIC already exists, or is another.
  const own = [...add, "AA:00:00:00:00:99"];
  await refused(vm, [...own, "--uuid", NEW], [3, "duplicate"]);
  const there = await vm.cli(...own);
  assertEquals([there.status, there.json.changed], [0, false], there.out);
});

Deno.test("hvparams that allow no hotplug are unsupported", async () => {
  const params = [
    { disk_type: "ide" },
    { acpi: false },
    { disk_cache: "no such cache" },
  ];
  for (const hvparams of params) {
    await using vm = new Instance({ hvparams });
    const words = ["disk", "add", NAME, vm.image()];
    await refused(vm, words, [3, "unsupported"]);
  }
});

Deno.test("settings that a start would not repeat need --not-migratable", async () => {
  await using vm = new Instance();
  const words = ["disk", "add", NAME, vm.image(), "--read-only"];
  assertMatch(await refused(vm, words, [3, "refused"]), /not-migratable|start/);
});
