/** `disk remove`: what the guest and QEMU may answer. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { deviceDeleted, event } from "../lab/scripted_behaviour.ts";
import {
  assertFailed,
  assertUnchanged,
  DISK,
  type Instance,
  NAME,
  NEW,
  NEW_DISK,
  NIC,
} from "../lab/scripted_instance.ts";
import { assertRemoved, remove, withDisk } from "./removal.ts";

const SHORT = ["--unplug-timeout", "0.1"];
const GONE = { class: "DeviceNotFound", desc: "no such device" };

/** Fails if the node is deleted while the guest has the disk. */
function watchOrder(vm: Instance) {
  vm.peer.once("blockdev-del", () => {
    assert(!vm.peer.model.devices.has(NEW_DISK), "the guest has it still");
    return {};
  });
}

Deno.test("disk remove: DEVICE_DELETED after the reply", async () => {
  await using vm = await withDisk();
  watchOrder(vm);
  assertRemoved(vm, await remove(vm));
  assertEquals(vm.peer.changes(), ["device_del", "blockdev-del"]);
});

Deno.test("disk remove: DEVICE_DELETED before the reply", async () => {
  await using vm = await withDisk();
  watchOrder(vm);
  vm.peer.once("device_del", { guest: "before" });
  assertRemoved(vm, await remove(vm));
  assertEquals(vm.peer.changes(), ["device_del", "blockdev-del"]);
});

Deno.test("disk remove: DEVICE_DELETED among a flood of others", async () => {
  await using vm = await withDisk();
  const noise = Array.from(
    { length: 3_000 },
    (_, offset) => event("RTC_CHANGE", { offset }),
  );
  vm.peer.once("device_del", { before: noise, after: noise });
  assertRemoved(vm, await remove(vm));
});

Deno.test("disk remove does not take another device's DEVICE_DELETED", async () => {
  await using vm = await withDisk();
  vm.peer.guest = "is silent";
  const others = [
    ...deviceDeleted(NIC.id),
    ...deviceDeleted(`${NEW_DISK}0`),
    ...deviceDeleted(NEW_DISK.slice(0, -1)),
    event("DEVICE_UNPLUG_GUEST_ERROR", { device: DISK.id, path: "/x" }),
    event("MEM_UNPLUG_ERROR", { device: NEW_DISK, msg: "no" }),
  ];
  vm.peer.once("device_del", { before: others, after: others });
  await assertUnchanged(vm, async () => {
    assertFailed(await remove(vm, ...SHORT), 6, "unplug-pending");
  });
  assertEquals(vm.peer.changes(), ["device_del"]);
});

Deno.test("disk remove does not take the event of the inner part", async () => {
  await using vm = await withDisk();
  vm.peer.guest = "is silent";
  const [inner] = deviceDeleted(NEW_DISK);
  vm.peer.once("device_del", { after: inner ? [inner] : [] });
  await assertUnchanged(vm, async () => {
    assertFailed(await remove(vm, ...SHORT), 6, "unplug-pending");
  });
  assertEquals(vm.peer.changes(), ["device_del"]);
});

Deno.test("disk remove does not take an event of the time before", async () => {
  await using vm = await withDisk();
  vm.peer.guest = "is silent";
  vm.peer.once("query-fdsets", { after: deviceDeleted(NEW_DISK) });
  await assertUnchanged(vm, async () => {
    assertFailed(await remove(vm, ...SHORT), 6, "unplug-pending");
  });
});

Deno.test("disk remove: no answer of the guest keeps the disk recorded", async () => {
  await using vm = await withDisk();
  vm.peer.guest = "is silent";
  await assertUnchanged(vm, async () => {
    const failed = assertFailed(
      await remove(vm, ...SHORT),
      6,
      "unplug-pending",
    );
    assertMatch(failed.message, new RegExp(NEW_DISK));
    assertEquals(typeof failed.hint, "string");
  });
  assertEquals(vm.peer.changes(), ["device_del"]);
  // The guest answers at last, while nobody listens: the next call finishes.
  await vm.peer.release(NEW_DISK);
  assertRemoved(vm, await remove(vm));
  assertEquals(vm.peer.changes(), ["device_del", "blockdev-del"]);
});

Deno.test("disk remove: the guest refuses", async () => {
  await using vm = await withDisk();
  vm.peer.guest = "refuses";
  await assertUnchanged(vm, async () => {
    assertFailed(await remove(vm), 6, "unplug-rejected");
  });
  assertEquals(vm.peer.changes(), ["device_del"]);
});

Deno.test("disk remove: an error while the device exists is pending", async () => {
  await using vm = await withDisk();
  const desc = "Device is already in the process of unplug";
  vm.peer.once("device_del", { refuse: { class: "GenericError", desc } });
  await assertUnchanged(vm, async () => {
    assertFailed(await remove(vm, ...SHORT), 6, "unplug-pending");
  });
});

Deno.test("disk remove: an error, and the guest releases it later", async () => {
  await using vm = await withDisk();
  const desc = "Device is already in the process of unplug";
  vm.peer.once("device_del", {
    refuse: { class: "GenericError", desc },
    meanwhile: () => setTimeout(() => vm.peer.release(NEW_DISK), 1),
  });
  assertRemoved(vm, await remove(vm));
});

Deno.test("disk remove: gone between the question and the request", async () => {
  await using vm = await withDisk();
  vm.peer.once("device_del", {
    refuse: GONE,
    meanwhile: () => vm.peer.model.devices.delete(NEW_DISK),
  });
  assertRemoved(vm, await remove(vm));
  assertEquals(vm.peer.changes(), ["device_del", "blockdev-del"]);
});

Deno.test("disk remove: a device QEMU does not have is not unplugged", async () => {
  await using vm = await withDisk();
  vm.peer.model.devices.delete(NEW_DISK);
  assertRemoved(vm, await remove(vm));
  assertEquals(vm.peer.changes(), ["blockdev-del"]);
});

Deno.test("disk remove by index, -1, prefix, id and name takes that disk", async () => {
  for (
    const word of ["1", "-1", NEW.slice(0, 8), NEW_DISK, NEW.toUpperCase()]
  ) {
    await using vm = await withDisk();
    assertRemoved(vm, await vm.cli("disk", "remove", NAME, word));
  }
});

Deno.test("disk remove of what is not there", async () => {
  await using vm = await withDisk();
  await remove(vm);
  for (const word of [NEW, NEW_DISK]) {
    const again = await vm.cli("disk", "remove", NAME, word);
    assertEquals([again.status, again.json.changed], [0, false]);
    assertEquals(again.json.device, null);
  }
  for (const word of ["7", NEW.slice(0, 8), "data"]) {
    const ran = await vm.cli("disk", "remove", NAME, word);
    assertFailed(ran, 3, "no-such-device");
  }
});
