/** `disk remove` that is cut short: by QEMU, by a signal, by no reply. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  assertFailed,
  assertUnchanged,
  NAME,
  NEW,
} from "../lab/scripted_instance.ts";
import { assertRemoved, remove, withDisk } from "./removal.ts";

const SHORT = ["--unplug-timeout", "0.1"];

Deno.test("disk remove: a late reply to device_del is no failure", async () => {
  await using vm = await withDisk();
  vm.peer.once("device_del", { reply: "late" });
  assertRemoved(vm, await remove(vm, "--timeout", "0.2"));
});

Deno.test("disk remove: device_del without any reply is pending, not undone", async () => {
  await using vm = await withDisk();
  vm.peer.guest = "is silent";
  vm.peer.once("device_del", { reply: "never" });
  await assertUnchanged(vm, async () => {
    const ran = await remove(vm, "--timeout", "0.2", ...SHORT);
    // The request may have reached the guest: "nothing changed" is not known.
    assertFailed(ran, 6, "unplug-pending");
  });
});

Deno.test("disk remove: cut off after device_del is pending, not undone", async () => {
  await using vm = await withDisk();
  vm.peer.guest = "is silent";
  vm.peer.once("device_del", { close: "after-reply" });
  await assertUnchanged(vm, async () => {
    const ran = await remove(vm, ...SHORT);
    assert([6, 7].includes(ran.status), ran.out);
  });
});

Deno.test("disk remove: QEMU ends while the guest thinks: status 7", async () => {
  await using vm = await withDisk();
  const text = vm.text;
  vm.peer.guest = "is silent";
  vm.peer.once("device_del", {
    meanwhile: () => setTimeout(() => vm.peer.die(), 1),
  });
  assertFailed(await remove(vm), 7, "interrupted");
  assertEquals(vm.text, text);
  assertEquals([...Deno.readDirSync(vm.at("conf"))].length, 1);
});

const IN_USE = { class: "GenericError", desc: "Node is in use" };

Deno.test("disk remove: the device gives its node up late: done", async () => {
  await using vm = await withDisk();
  vm.peer.once("blockdev-del", { refuse: IN_USE });
  assertRemoved(vm, await remove(vm));
});

Deno.test("disk remove: the node cannot be deleted: status 7, then done", async () => {
  await using vm = await withDisk();
  let isInUse = true;
  for (let times = 0; times < 100; times++) {
    vm.peer.once("blockdev-del", () => isInUse ? { refuse: IN_USE } : {});
  }
  const { message, qmp } = assertFailed(
    await remove(vm),
    7,
    "rollback-incomplete",
  );
  isInUse = false;
  assertEquals(qmp, { command: "blockdev-del", ...IN_USE });
  assertMatch(message, /released disk 1/);
  assertEquals(vm.runtime[3].length, 2);
  assertRemoved(vm, await remove(vm, "--quiet"));
});

Deno.test("disk remove: cut off before blockdev-del: status 7, then done", async () => {
  await using vm = await withDisk();
  vm.peer.once("blockdev-del", { close: "before-reply" });
  assertFailed(await remove(vm), 7, "interrupted");
  assertRemoved(vm, await remove(vm, "--quiet"));
});

Deno.test("disk remove stages the new file before device_del", async () => {
  await using vm = await withDisk();
  let staged: string[] = [];
  vm.peer.once("device_del", {
    meanwhile: () => {
      staged = [...Deno.readDirSync(vm.at("conf"))].map(({ name }) => name)
        .filter((name) => !name.endsWith(".runtime"))
        .map((name) => Deno.readTextFileSync(vm.at(`conf/${name}`)));
    },
  });
  assertRemoved(vm, await remove(vm));
  assertEquals(staged, [vm.text]);
});

Deno.test("disk remove: a signal ends the waiting at once", async () => {
  await using vm = await withDisk();
  vm.peer.guest = "is silent";
  const stop = new AbortController();
  vm.peer.once("device_del", { meanwhile: () => stop.abort() });
  await assertUnchanged(vm, async () => {
    const words = ["disk", "remove", NAME, NEW];
    const begin = performance.now();
    const ran = await vm.cliUntil(stop.signal, ...words);
    const { hint } = assertFailed(ran, 6, "unplug-pending");
    // Nothing tells that the guest needs help: it had no time.
    assertMatch(hint ?? "", /^to finish the removal, run: /);
    assert(performance.now() - begin < 2_000);
  });
});

Deno.test("disk remove from a paused VM is pending at once", async () => {
  await using vm = await withDisk();
  vm.peer.guest = "is silent";
  vm.peer.model.runState = "paused";
  await assertUnchanged(vm, async () => {
    const error = assertFailed(await remove(vm), 6, "unplug-pending");
    assertMatch(error.message, /paused/);
    assertMatch(
      error.hint ?? "",
      /^resume the VM \(kvm-hotplug qmp \S+ cont\b.*\); to finish the removal, /,
    );
  });
  assertEquals(vm.peer.changes(), ["device_del"]);
});
