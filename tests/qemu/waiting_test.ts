import { assertEquals } from "@std/assert";
import { TestTerminal } from "../integration/terminal.ts";
import { eachRelease, makeImage } from "./each_release.ts";
import { EXECUTABLE, tool } from "./tool.ts";

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
  await terminal.see(/^guest has not released disk 0 "data": 1 s of 30/m);
  await terminal.see(/"data": 2 s of 30/);
  await terminal.press("C-c");
  const screen = await terminal.see(/status 6$/m);
  assertEquals(/ s of 30/.test(screen), false, screen);
  assertEquals(/The guest has not released disk 0/.test(screen), true, screen);
});
