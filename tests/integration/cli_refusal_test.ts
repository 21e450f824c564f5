/** Refusals: nothing is changed, and where possible QEMU is not even asked. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Instance, NAME } from "../lab/scripted_instance.ts";
import { refused } from "./refused.ts";

Deno.test("an unknown instance is status 3, for every command", async () => {
  await using vm = new Instance();
  const commands = [
    ["disk", "add", "vm2", vm.image()],
    ["disk", "remove", "vm2", "0"],
    ["nic", "add", "vm2"],
    ["nic", "remove", "vm2", "0"],
    ["list", "vm2"],
    ["list", "v".repeat(255)],
  ];
  for (const words of commands) {
    const message = await refused(vm, words, [3, "no-such-instance"]);
    assertMatch(message, /vm2|vvv/);
  }
  assertEquals(vm.peer.connections, 0);
});

Deno.test("a name that is no instance's is status 2, nothing is looked at", async () => {
  await using vm = new Instance();
  const names = [
    "a/b",
    "..",
    ".",
    "a\n",
    "a b",
    "",
    "x".repeat(256),
    ".hidden",
    "ä",
    "a\0b",
    "../conf/vm1.example.com",
  ];
  for (const name of names) {
    for (const words of [["list"], ["nic", "add"]]) {
      await refused(vm, [...words, "--", name], [2, "usage"]);
    }
  }
  assertEquals(vm.peer.connections, 0);
  assert(
    ![...Deno.readDirSync(vm.runDir)].some((one) => one.name === "kvm-hotplug"),
  );
});

Deno.test("a source that is no disk is refused", async () => {
  await using vm = new Instance();
  const at = (name: string) => `${vm.runDir}/${name}`;
  Deno.writeTextFileSync(at("empty"), "");
  await new Deno.Command("mkfifo", { args: [at("fifo")] }).output();
  Deno.symlinkSync(at("nothing"), at("dangling"));
  Deno.symlinkSync(at("loop"), at("loop"));
  const sources = [
    "/dev/null",
    "/dev/zero",
    vm.runDir,
    at("empty"),
    at("fifo"),
    at("nothing"),
    at("dangling"),
    at("loop"),
    vm.qmpPath,
    `${at("empty")}/below`,
    `/${"x".repeat(300)}`,
  ];
  for (const source of sources) {
    const words = ["disk", "add", NAME, source];
    const message = await refused(vm, words, [3, "refused"]);
    assert(message.includes(source), message);
  }
});

Deno.test("run states in which devices must not change are refused", async () => {
  const states = {
    inmigrate: "migrating",
    postmigrate: "migrating",
    "finish-migrate": "migrating",
    prelaunch: "refused",
    shutdown: "refused",
    "internal-error": "refused",
  };
  for (const [state, code] of Object.entries(states)) {
    await using vm = new Instance();
    vm.peer.model.runState = state;
    for (const words of everyChange(vm)) {
      const message = await refused(vm, words, [3, code]);
      assertMatch(message, new RegExp(state));
    }
  }
});

/** A change of each kind. */
function everyChange(vm: Instance): string[][] {
  return [
    ["disk", "add", NAME, vm.image()],
    ["disk", "remove", NAME, "0"],
    ["nic", "add", NAME],
    ["nic", "remove", NAME, "0"],
  ];
}

Deno.test("a migration under way is refused, one that is over is not", async () => {
  const under = [
    "setup",
    "active",
    "pre-switchover",
    "device",
    "postcopy-active",
    "postcopy-paused",
    "postcopy-recover-setup",
    "postcopy-recover",
    "wait-unplug",
    "cancelling",
  ];
  for (const status of under) {
    await using vm = new Instance();
    vm.peer.model.migration = status;
    for (const words of everyChange(vm)) {
      await refused(vm, words, [3, "migrating"]);
    }
  }
  for (const status of ["none", "completed", "failed", "cancelled"]) {
    await using vm = new Instance();
    vm.peer.model.migration = status;
    const ran = await vm.cli("disk", "add", NAME, vm.image());
    assertEquals(ran.status, 0, ran.out);
  }
});

Deno.test("a QEMU without a command that is needed is unsupported", async () => {
  const needs: Record<string, readonly string[]> = {
    "disk add": [
      "add-fd",
      "remove-fd",
      "query-fdsets",
      "blockdev-add",
      "blockdev-del",
      "device_add",
      "device_del",
    ],
    "nic add": ["getfd", "closefd", "netdev_add", "netdev_del", "device_add"],
    "disk remove": ["device_del", "blockdev-del"],
    "nic remove": ["device_del", "netdev_del"],
  };
  for (const [kind, commands] of Object.entries(needs)) {
    for (const command of commands) {
      await using vm = new Instance();
      vm.peer.model.commands.delete(command);
      const words = everyChange(vm).find((one) =>
        `${one[0]} ${one[1]}` === kind
      );
      const message = await refused(vm, words ?? [], [3, "unsupported"]);
      assertMatch(message, new RegExp(command));
    }
  }
});

Deno.test("a PCIe machine without a port has no place", async () => {
  for (const machine of ["pc-q35-7.2", "q35", "virt-7.2"]) {
    await using vm = new Instance();
    vm.peer.model.machine = machine;
    const words = ["disk", "add", NAME, vm.image()];
    const message = await refused(vm, words, [3, "no-free-slot"]);
    assertMatch(message, /no port for a disk/);
  }
});

Deno.test("machine types without PCI hotplug are unsupported", async () => {
  for (const machine of ["isapc", "microvm"]) {
    await using vm = new Instance();
    vm.peer.model.machine = machine;
    const words = ["disk", "add", NAME, vm.image()];
    const message = await refused(vm, words, [3, "unsupported"]);
    assertMatch(message, new RegExp(machine));
  }
});

Deno.test("the socket of another VM is refused", async () => {
  await using vm = new Instance();
  vm.peer.model.name = "vm9.example.com";
  for (const words of everyChange(vm)) {
    const message = await refused(vm, words, [3, "refused"]);
    assertMatch(message, /vm9\.example\.com/);
  }
});
