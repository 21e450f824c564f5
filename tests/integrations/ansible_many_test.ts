/** The Ansible collection on 20 instances of a node at once. */
import { ensureAnsible } from "../../tools/guest/ansible.ts";
import { assertEquals } from "@std/assert";
import { Controller, devicesOf } from "../lab/ansible.ts";
import { makeImage } from "../lab/each_release.ts";
import { SshNode } from "../lab/ssh_node.ts";
import { EXECUTABLE } from "../lab/tool.ts";
import { testTools, type Vm } from "../lab/vm.ts";

await ensureAnsible(console.error);
const tools = await testTools();
const [release] = tools.qemus;
if (release === undefined) throw new Error("no QEMU");

/** Two disks by jobs of the node, one by a fork for each instance. */
function parallelPlay(node: SshNode, names: readonly string[]): string {
  const image = (disk: string) =>
    `{instance: "{{ item.0 }}", source: "${node.runDir}/{{ item.0 }}-${disk}.img", name: "${disk}"}`;
  return `
- hosts: ${node.name}
  gather_facts: false
  tasks:
    - kvm_hotplug.node.disk: ${image("{{ item.1 }}")}
      loop: '{{ ${JSON.stringify(names)} | product(["a", "b"]) }}'
      async: 300
      poll: 0
      changed_when: false
      register: jobs
    - ansible.builtin.async_status:
        jid: "{{ item.ansible_job_id }}"
      loop: "{{ jobs.results }}"
      loop_control:
        label: ""
      register: job
      until: job.finished
      retries: 200
      delay: 1
- hosts: ${names.join(":")}
  gather_facts: false
  tasks:
    - kvm_hotplug.node.disk:
        instance: "{{ inventory_hostname }}"
        source: "${node.runDir}/{{ inventory_hostname }}-c.img"
        name: c
      delegate_to: ${node.name}
`;
}

Deno.test("20 instances in parallel lose nothing", async () => {
  await using one = await SshNode.start(1);
  await one.install(EXECUTABLE);
  await using controller = await Controller.start([one]);
  await using many = new AsyncDisposableStack();
  const names = Array.from({ length: 20 }, (_, n) => `i${n}.example.com`);
  const machines: Vm[] = [];
  for (const name of names) {
    const vm = await one.vm({ release, tools, name, guest: "none" });
    machines.push(many.use(vm));
    for (const disk of ["a", "b", "c"]) {
      await makeImage(`${one.runDir}/${name}-${disk}.img`, disk);
    }
  }
  const inventory = `${names.join(",")},`;
  const play = parallelPlay(one, names);
  const asked = ["-i", inventory, "--forks", "20"];
  const all = (each: number, node: number) => ({
    ...Object.fromEntries(names.map((name) => [name, each])),
    [one.name]: node,
  });
  // One task waits for all jobs.
  await controller.played(play, all(1, 1), ...asked);
  for (const vm of machines) {
    const wanted = { a: "ok", b: "ok", c: "ok" };
    assertEquals(await devicesOf(vm), wanted, vm.name);
  }
  await controller.played(play, all(0, 0), ...asked);
});
