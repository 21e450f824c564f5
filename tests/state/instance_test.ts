import { assertEquals } from "@std/assert";
import {
  checkInstanceName,
  commandLine,
  defaultRunDir,
  instancePaths,
} from "../../lib/state/instance.ts";
import { refusal } from "../support/facts.ts";

function runDir(env: Record<string, string>): string {
  return defaultRunDir((name) => env[name]);
}

Deno.test("defaultRunDir() is Ganeti's own, below a virtual cluster's root", () => {
  assertEquals(runDir({}), "/var/run/ganeti");
  assertEquals(runDir({ KVM_HOTPLUG_RUN_DIR: "/r" }), "/r");
  const [GANETI_ROOTDIR, below] = ["/srv/node1", "/srv/node1/var/run/ganeti"];
  assertEquals(runDir({ GANETI_ROOTDIR }), below);
  assertEquals(runDir({ GANETI_ROOTDIR, GANETI_HOSTNAME: "node1" }), below);
  const bad = [
    { GANETI_ROOTDIR: "srv/node1" },
    { GANETI_ROOTDIR, GANETI_HOSTNAME: "node2" },
  ];
  for (const env of bad) refusal("usage", () => runDir(env));
});

Deno.test("checkInstanceName() takes no path", () => {
  for (const name of ["vm1", "_vm.example.com", "v".repeat(255)]) {
    assertEquals(checkInstanceName(name), name);
  }
  for (const name of ["", ".", "-vm", "a/b", "v".repeat(256)]) {
    refusal("usage", () => checkInstanceName(name));
  }
});

Deno.test("instancePaths() tells Ganeti's own places from given ones", () => {
  const own = instancePaths("/r", "vm1");
  const { lockKey, nicDir, isDerived, isGiven } = own;
  assertEquals(
    [lockKey, nicDir, isDerived, isGiven],
    ["vm1", "/r/kvm-hypervisor/nic/vm1", true, false],
  );
  assertEquals(
    instancePaths("/r", "vm1", { qmp: own.qmp, state: own.runtime }),
    { ...own, isGiven: true },
  );
  const state = instancePaths("/r", "vm1", { state: "/s/vm1.runtime" });
  assertEquals([state.nicDir, state.isDerived], [undefined, true]);
  assertEquals(/^state-[0-9a-f]+$/.test(state.lockKey), true);
  assertEquals(instancePaths("/r", "vm1", { qmp: "/q" }).isDerived, false);
});

Deno.test("commandLine() reaches the same instance", () => {
  assertEquals(commandLine({}, "list", "vm 1"), "kvm-hotplug list 'vm 1'");
  const reachedBy = ["--qmp", "/q"];
  assertEquals(
    commandLine({ reachedBy }, "list", "vm1"),
    "kvm-hotplug list vm1 --qmp /q",
  );
});
