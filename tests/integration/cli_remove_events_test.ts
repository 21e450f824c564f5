/** What the VM does while the guest is asked to release a disk. */
import { assertEquals, assertMatch } from "@std/assert";
import { event } from "../lab/scripted_behaviour.ts";
import { assertRemoved, remove, withDisk } from "./removal.ts";
import {
  assertFailed,
  assertUnchanged,
  NEW_DISK,
} from "../lab/scripted_instance.ts";

Deno.test("disk remove: a VM that stops meanwhile is pending, and why", async () => {
  await using vm = await withDisk();
  vm.peer.guest = "is silent";
  vm.peer.once("device_del", {
    after: [event("STOP")],
    meanwhile: () => vm.peer.model.runState = "paused",
  });
  await assertUnchanged(vm, async () => {
    vm.peer.model.runState = "running";
    const error = assertFailed(await remove(vm), 6, "unplug-pending");
    assertMatch(error.message, /the VM was stopped \(run state paused\)/);
    assertMatch(error.hint ?? "", /^resume the VM \(.* qmp \S+ cont\b.*\); /);
  });
});

Deno.test("disk remove: a guest that shuts down meanwhile is told of", async () => {
  await using vm = await withDisk();
  vm.peer.guest = "is silent";
  vm.peer.once("device_del", {
    after: [event("SHUTDOWN", { guest: true, reason: "guest-shutdown" })],
    meanwhile: () => setTimeout(() => vm.peer.die(), 1),
  });
  const text = vm.text;
  const { message } = assertFailed(await remove(vm), 7, "interrupted");
  assertMatch(message, /The guest shut down, and QEMU ended/);
  assertEquals(vm.text, text);
});

Deno.test("disk remove: a VM that stays after its guest's end is pending", async () => {
  await using vm = await withDisk();
  vm.peer.guest = "is silent";
  vm.peer.once("device_del", {
    after: [event("SHUTDOWN"), event("STOP")],
    meanwhile: () => vm.peer.model.runState = "shutdown",
  });
  const { message } = assertFailed(await remove(vm), 6, "unplug-pending");
  assertMatch(message, /the guest shut down \(run state shutdown\)/);
});

Deno.test("disk remove: a reset completes what the guest did not", async () => {
  await using vm = await withDisk();
  vm.peer.guest = "is silent";
  const path = `/machine/peripheral/${NEW_DISK}/virtio-backend`;
  vm.peer.once("device_del", {
    after: [event("RESET"), event("DEVICE_DELETED", { path })],
    meanwhile: () => vm.peer.model.devices.delete(NEW_DISK),
  });
  assertRemoved(vm, await remove(vm));
});

Deno.test("disk remove: a refusal says what QEMU said", async () => {
  await using vm = await withDisk();
  vm.peer.guest = "refuses";
  await assertUnchanged(vm, async () => {
    const { message } = assertFailed(await remove(vm), 6, "unplug-rejected");
    assertMatch(message, /DEVICE_UNPLUG_GUEST_ERROR for \/machine\/peripheral/);
  });
});
