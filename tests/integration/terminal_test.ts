import { assertEquals } from "@std/assert";
import { EXECUTABLE } from "../lab/tool.ts";
import { TestTerminal } from "../lab/terminal.ts";

Deno.test("on a terminal the executable says only what it has to say", async () => {
  await using terminal = await TestTerminal.start(
    ["sh", "-c", `${EXECUTABLE} list nosuch; echo "status $?"; cat`],
    { KVM_HOTPLUG_RUN_DIR: "/proc/none" },
  );
  const screen = await terminal.see(/^status 3$/m);
  // The runtime starts with more to tell, and with stderr elsewhere.
  const [first = "", ...rest] = screen.split("\n");
  assertEquals(
    first,
    "kvm-hotplug: No instance nosuch on this node: there is no runtime file",
  );
  assertEquals(rest[0]?.startsWith("  /proc/none/"), true, screen);
  assertEquals(rest.at(-1), "status 3");
  // The line is broken at a blank, and there is a hint.
  assertEquals(rest.length, 3, screen);
});
