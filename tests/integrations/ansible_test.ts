/**
 * The Ansible collection on two nodes of their own networks, over a real sshd,
 * with real VMs.
 */
import { assertEquals, assertMatch } from "@std/assert";
import { ensureAnsible } from "../../tools/guest/ansible.ts";
import { Controller, devicesOf } from "../lab/ansible.ts";
import { host, makeImage } from "../lab/each_release.ts";
import { SshNode } from "../lab/ssh_node.ts";
import { EXECUTABLE, tool } from "../lab/tool.ts";
import { testTools, type Vm } from "../lab/vm.ts";

await ensureAnsible(console.error);
const tools = await testTools();
const [release] = tools.qemus;
if (release === undefined) throw new Error("no QEMU");

const NAME = "vm1.example.com";
const MAC = "aa:00:00:00:00:01";

/** Everything that a change would leave. */
async function traces(node: SshNode, vm: Vm): Promise<string> {
  const listed = await tool(vm, "list", vm.name);
  const links = await node.run("ip", "-o", "link");
  const files = await host(
    "find",
    node.runDir,
    "-name",
    "*vm1*",
    "-newer",
    vm.layout.pid,
  );
  return JSON.stringify(listed.json) + links + files +
    await Deno.readTextFile(vm.runtimePath);
}

/** The plays of a day: a disk with a limit, and a NIC. */
function devicesPlay(iops: number): string {
  return `
- hosts: nodes
  gather_facts: false
  module_defaults:
    group/kvm_hotplug.node.all:
      instance: ${NAME}
  tasks:
    - kvm_hotplug.node.disk:
        source: "{{ folder }}/data.img"
        name: data
        iops: ${iops}
        bps: 50M
    - kvm_hotplug.node.nic:
        mac: ${MAC}
        mode: none
        not_migratable: true
        tap: kh-tap
        link_state: up
    - kvm_hotplug.node.vcpu:
        count: 1
    - kvm_hotplug.node.memory:
        size: 160M
`;
}

Deno.test("two nodes by Ansible", async (t) => {
  await using one = await SshNode.start(1);
  await using two = await SshNode.start(2);
  const nodes = [one, two];
  await using controller = await Controller.start(nodes);

  for (const node of nodes) await node.install(EXECUTABLE);
  const extraArgs = ["--m", "slots=2,maxmem=1G"];
  const options = { release, tools, name: NAME, extraArgs };
  await using vmOne = await one.vm(options);
  await using vmTwo = await two.vm(options);
  const both = (changed: number) => ({
    [one.name]: changed,
    [two.name]: changed,
  });
  const vms = [vmOne, vmTwo];
  for (const node of nodes) await makeImage(`${node.runDir}/data.img`, "data");

  await t.step("a check changes nothing and shows the steps", async () => {
    const before = await traces(one, vmOne);
    const { output } = await controller.played(
      devicesPlay(500),
      both(2),
      ...["--check", "--diff"],
    );
    assertMatch(output, /^\+ QEMU: device_add$/m);
    assertMatch(output, /^ {4}undo: device_del /m);
    assertEquals(await traces(one, vmOne), before);
  });

  await t.step("a play run twice changes nothing the second time", async () => {
    await controller.played(devicesPlay(500), both(2));
    const before = await traces(one, vmOne);
    await controller.played(devicesPlay(500), both(0));
    assertEquals(await traces(one, vmOne), before);
    for (const vm of vms) {
      assertEquals(await devicesOf(vm), { data: "ok", [MAC]: "ok" });
    }
  });

  const data = { instance: NAME, source: `${one.runDir}/data.img` };
  await t.step("what differs is changed, or refused", async () => {
    const only = ["--limit", one.name];
    await controller.played(devicesPlay(800), { [one.name]: 1 }, ...only);
    const other = await controller.task(one, "disk", {
      ...data,
      ...{ name: "other", iops: 100 },
    });
    assertEquals([other.failed, other.changed, other.status], [true, false, 3]);
    assertEquals(other.document.error.code, "duplicate");
    assertMatch(other.msg, /--name is data \(asked: other\)/);
    const listed = await controller.task(one, "info", { instance: NAME });
    const [{ devices }] = listed.instances;
    assertEquals(devices[0].limits, { iops: 800, bps: 50 << 20 });
    const down = { instance: NAME, nic: MAC, link_state: "down" };
    for (const changed of [true, false]) {
      const result = await controller.task(one, "nic", down);
      assertEquals([result.changed, result.status], [changed, 0], result.msg);
    }
    const grown = { ...data, size: "16M", grow: true };
    for (const changed of [true, false]) {
      const result = await controller.task(one, "disk", grown);
      assertEquals([result.changed, result.status], [changed, 0], result.msg);
      assertEquals(result.device.size_bytes, 16 << 20);
    }
  });

  await t.step("missing memory is added as a device of a kind", async () => {
    const more = { instance: NAME, size: "288M", kind: "dimm" };
    for (const changed of [true, false]) {
      const result = await controller.task(one, "memory", more);
      assertEquals([result.changed, result.status], [changed, 0], result.msg);
    }
    const { json } = await tool(vmOne, "list", NAME);
    assertEquals(json.memory_bytes, 288 << 20);
  });

  await t.step("an index is no name of what shall be absent", async () => {
    const gone = { instance: NAME, disk: "0", state: "absent" };
    const result = await controller.task(one, "disk", gone);
    assertMatch(result.msg, /^0: an index is another device/);
    assertEquals(result.failed, true);
  });
});
