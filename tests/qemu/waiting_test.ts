import { assertEquals } from "@std/assert";
import { TestTerminal } from "../lab/terminal.ts";
import { eachRelease, makeImage } from "../lab/each_release.ts";
import { EXECUTABLE, tool } from "../lab/tool.ts";

eachRelease("a terminal shows how long the guest is waited for", async (vm) => {
  const image = `${vm.runDir}/d1.img`;
  await makeImage(image, "waiting");
  const added = await tool(vm, "disk", "add", vm.name, image, "--name", "data");
  assertEquals(added.status, 0, added.stdout);
  await vm.guest("hotplug off");
  const remove = `${EXECUTABLE} disk remove ${vm.name} data`;
  await using terminal = await TestTerminal.start(
    ["sh", "-c", `trap : INT; ${remove}; echo "status $?"; cat`],
    { KVM_HOTPLUG_RUN_DIR: vm.runDir },
  );
  await terminal.see(/^the guest has not released disk 0 "data": 1 s of 30/m);
  await terminal.see(/"data": 2 s of 30/);
  await terminal.press("C-c");
  const screen = await terminal.see(/status 6$/m);
  assertEquals(/ s of 30/.test(screen), false, screen);
  assertEquals(/The guest has not released disk 0/.test(screen), true, screen);
});

eachRelease("a terminal shows the waiting for lock and monitor", async (vm) => {
  const env = { KVM_HOTPLUG_RUN_DIR: vm.runDir };
  const image = `${vm.runDir}/d1.img`;
  await makeImage(image, "waiting");
  const add = `${EXECUTABLE} disk add ${vm.name} ${image}`;
  // The first call makes the lock file; it lasts beyond it.
  const first = await tool(vm, "disk", "add", vm.name, image, "--name", "one");
  assertEquals(first.status, 0, first.stdout);
  const lock = `${vm.runDir}/kvm-hotplug/${vm.name}.lock`;
  await using terminal = await TestTerminal.start([
    "sh",
    "-c",
    `trap : INT; flock ${lock} sh -c '
      trap : INT
      ${add} --timeout 30; echo "status $?"; cat'; cat`,
  ], env);
  await terminal.see(
    /^pid \d+ \(disk add\) works on the instance: 1 s of 10 \(Ctrl-C gives up\)/m,
  );
  await terminal.press("C-c");
  const busy = await terminal.see(/^status 3$/m);
  assertEquals(/1 s of 10/.test(busy), false, busy);

  Deno.kill(vm.pid, "SIGSTOP");
  try {
    await using other = await TestTerminal.start([
      "sh",
      "-c",
      `trap : INT; ${EXECUTABLE} list ${vm.name} --timeout 30
      echo "status $?"; cat`,
    ], env);
    await other.see(/^QEMU does not answer: 1 s of 30 \(Ctrl-C gives up\)/m);
    await other.press("C-c");
    await other.see(/^status 4$/m);
  } finally {
    Deno.kill(vm.pid, "SIGCONT");
  }
}, { guest: "none" });
