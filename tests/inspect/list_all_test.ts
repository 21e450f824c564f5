/** The instances of a node whose VMs do not run. */
import { assertEquals } from "@std/assert";
import { listAll } from "../../lib/inspect/list_all.ts";
import { disk, nic, runtimeText } from "../support/facts.ts";

/** What is told of instances that have these files. */
async function listed(files: Readonly<Record<string, string>>) {
  const runDir = Deno.makeTempDirSync({ prefix: "kvm-hotplug-list-" });
  try {
    for (const [name, text] of Object.entries(files)) {
      const path = `${runDir}/kvm-hypervisor/${name}`;
      Deno.mkdirSync(path.replace(/\/[^/]*$/, ""), { recursive: true });
      Deno.writeTextFileSync(path, text);
    }
    const options = { deadlineMs: 1_000, compared: "presence" } as const;
    const { instances, fault } = await listAll({ runDir }, options);
    assertEquals(fault, undefined);
    return instances.map(({ attention, ...rest }) => ({
      ...rest,
      attention: attention.map(({ code }) => code),
    }));
  } finally {
    Deno.removeSync(runDir, { recursive: true });
  }
}

const DOWN = {
  ...{ running: false, state: null, monitor: "none", compared: null },
  attention: [] as string[],
} as const;

Deno.test("listAll() counts the devices of each file, by name", async () => {
  const devices = { disks: [disk(0, 12), disk(1, 13)], nics: [nic(0, 14)] };
  const files = {
    "conf/vm2.runtime": runtimeText({}),
    "conf/vm1.runtime": runtimeText(devices),
    "conf/vm1.runtime.bak": "",
    "conf/.x.runtime": "",
  };
  assertEquals(await listed(files), [
    { instance: "vm1", ...DOWN, disks: 2, nics: 1 },
    { instance: "vm2", ...DOWN, disks: 0, nics: 0 },
  ]);
});

Deno.test("listAll() tells of a file that cannot be read, and of a pid file that leads nowhere", async () => {
  const files = {
    "conf/vm1.runtime": "{",
    "conf/vm2.runtime": runtimeText({}),
    "pid/vm2": "4000000\n",
  };
  assertEquals(await listed(files), [
    {
      ...{ instance: "vm1", ...DOWN, disks: null, nics: null },
      attention: ["bad-state-file"],
    },
    { instance: "vm2", ...DOWN, disks: 0, nics: 0 },
  ]);
});

Deno.test("listAll() of a node without instances has none", async () => {
  assertEquals(await listed({ "conf/x": "" }), []);
});
