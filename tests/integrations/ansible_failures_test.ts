/**
 * The Ansible collection where something fails: a guest that does not answer, a
 * run that is killed, a VM that is stopped.
 */
import { assertEquals, assertMatch } from "@std/assert";
import { ensureAnsible } from "../../tools/guest/ansible.ts";
import { Controller, devicesOf, killAt } from "../lab/ansible.ts";
import { makeImage } from "../lab/each_release.ts";
import { SshNode } from "../lab/ssh_node.ts";
import { EXECUTABLE } from "../lab/tool.ts";
import { testTools } from "../lab/vm.ts";

await ensureAnsible(console.error);
const tools = await testTools();
const [release] = tools.qemus;
if (release === undefined) throw new Error("no QEMU");

const NAME = "vm1.example.com";

Deno.test("Ansible's tasks that fail, and what helps", async (t) => {
  await using node = await SshNode.start(1);
  await node.install(EXECUTABLE);
  await using controller = await Controller.start([node]);
  await using vm = await node.vm({ release, tools, name: NAME });
  const source = `${node.runDir}/data.img`;
  const add = { instance: NAME, source, name: "data" };
  await makeImage(source, "data");

  const absent = { instance: NAME, disk: "data", state: "absent" };
  const added = await controller.task(node, "disk", add);
  assertEquals([added.changed, added.status], [true, 0], added.msg);
  await t.step("a task waits for the guest by until and retries", async () => {
    await vm.guest("hotplug off");
    const impatient = { ...absent, unplug_timeout: 1 };
    const result = await controller.task(node, "disk", impatient);
    assertEquals([result.failed, result.status], [true, 6], result.msg);
    assertEquals(result.document.error.code, "unplug-pending");
    const playing = controller.played(
      `
- hosts: ${node.name}
  gather_facts: false
  tasks:
    - kvm_hotplug.node.disk: ${JSON.stringify(impatient)}
      register: removal
      until: removal.status != 6
      retries: 60
      delay: 1
`,
      { [node.name]: 1 },
    );
    await vm.guest("hotplug on");
    await playing;
    const again = await controller.task(node, "disk", absent);
    assertEquals([again.changed, again.failed], [false, false]);
    assertEquals(await devicesOf(vm), {});
  });

  await t.step("a run that is killed is done by the next one", async () => {
    {
      const killed = await killAt(vm, {
        command: "device_add",
        source,
        run: () => controller.task(node, "disk", add),
      });
      assertEquals([killed.failed, killed.status], [true, -9], killed.msg);
      assertMatch(killed.msg, /was killed by signal 9: run this task again/);
    }
    const check = { instance: NAME };
    const planned = await controller.task(node, "repair", check, "--check");
    assertEquals([planned.changed, planned.status], [true, 0], planned.msg);
    for (const changed of [true, false]) {
      const result = await controller.task(node, "disk", add);
      assertEquals([result.changed, result.status], [changed, 0], result.msg);
    }
    assertEquals(await devicesOf(vm), { data: "ok" });
    const repaired = await controller.task(node, "repair", check);
    assertEquals([repaired.changed, repaired.status], [false, 0]);
  });

  await t.step("a VM that was stopped is said to be", async () => {
    await vm.kill();
    const result = await controller.task(node, "disk", absent);
    assertEquals([result.failed, result.status], [true, 4], result.msg);
    assertEquals(result.document.error.code, "not-running");
    const { instances: [found] } = await controller.task(node, "info", {});
    assertEquals([found.instance, found.running], [NAME, false]);
  });
});
