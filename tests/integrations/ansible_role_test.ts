/** The role of the Ansible collection that installs the executable. */
import { assertEquals, assertMatch } from "@std/assert";
import { ensureAnsible } from "../../tools/guest/ansible.ts";
import { Controller } from "../lab/ansible.ts";
import { host } from "../lab/each_release.ts";
import { SshNode } from "../lab/ssh_node.ts";

await ensureAnsible(console.error);

const SBIN = "/usr/local/sbin";

/** The play of the role, with variables. */
function installing(variables: Readonly<Record<string, string>>): string {
  const vars = Object.entries(variables)
    .map(([name, value]) =>
      `            install_kvm_hotplug_${name}: ${value}`
    );
  return `
- hosts: nodes
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: kvm_hotplug.node.install
      vars:
${vars.join("\n").replaceAll(/^ {12}/gm, "        ")}
`;
}

/** An executable that only says its version, as release 0.1 did: its document
 * has no schema. */
async function oldVersion(folder: string, version: string): Promise<string> {
  const path = `${folder}/kvm-hotplug-${version}`;
  const script = `#!/bin/sh
case "$*" in
--version) echo "kvm-hotplug ${version}" ;;
*) echo '{"ok":true,"version":"${version}"}' ;;
esac
`;
  await Deno.writeTextFile(path, script, { mode: 0o755 });
  return path;
}

async function sum(path: string): Promise<string> {
  return (await host("sha256sum", path)).split(" ")[0] ?? "";
}

/** What is in the node's folder, and where the link leads. */
async function installed(node: SshNode): Promise<string[]> {
  const names = await node.run("ls", SBIN);
  const link = await node.run("readlink", `${SBIN}/kvm-hotplug`);
  return [...names.split(/\s+/).filter((name) => name !== "kvm-hotplug"), link];
}

Deno.test("the role installs, keeps the last version, and goes back", async (t) => {
  await using one = await SshNode.start(1);
  await using two = await SshNode.start(2);
  await using controller = await Controller.start([one, two]);
  const { folder } = controller;
  const both = (changed: number) => ({
    [one.name]: changed,
    [two.name]: changed,
  });
  const link = "kvm-hotplug-0.0.9";

  await t.step("a node without the executable fails and says so", async () => {
    const result = await controller.task(one, "info", {});
    assertMatch(result.msg, /There is no kvm-hotplug on this node: the role/);
  });

  // What earlier plays have left.
  for (const node of [one, two]) {
    for (const version of ["0.0.7", "0.0.8"]) {
      await oldVersion(`${node.folder}${SBIN}`, version);
    }
    await node.run("ln", "-s", "kvm-hotplug-0.0.8", `${SBIN}/kvm-hotplug`);
  }

  await t.step("an executable of another schema is refused", async () => {
    const add = { instance: "vm1.example.com", source: "/dev/null" };
    const result = await controller.task(one, "disk", add);
    assertMatch(
      result.msg,
      /kvm-hotplug 0\.0\.8\) writes documents of schema None, and this collection reads schema 1/,
    );
  });

  // SHA256SUMS beside the file, as task dist leaves it. The executable itself
  // is copied in cluster_test.ts: here it would only take time.
  const source = await oldVersion(folder, "0.0.9");
  const line = `${await sum(source)}  kvm-hotplug-0.0.9\n`;
  await Deno.writeTextFile(`${folder}/SHA256SUMS`, line);
  const current = { version: "0.0.9", source };

  await t.step("another checksum and a check change nothing", async () => {
    const before = await installed(one);
    const only = ["--limit", one.name];
    const wrong = installing({ ...current, sha256: "f".repeat(64) });
    const refused = await controller.play(wrong, ...only);
    assertMatch(refused.output, /does not have the SHA-256 ffff/);
    const changes = { [one.name]: 3 };
    await controller.played(installing(current), changes, "--check", ...only);
    assertEquals(await installed(one), before);
  });

  await t.step("a version is installed once", async () => {
    await controller.played(installing(current), both(3));
    await controller.played(installing(current), both(0));
    for (const node of [one, two]) {
      assertEquals(await installed(node), ["kvm-hotplug-0.0.8", link, link]);
    }
  });

  await t.step("without a source only the link is switched", async () => {
    const back = installing({ version: "0.0.8" });
    const only = ["--limit", one.name];
    await controller.played(back, { [one.name]: 1 }, ...only);
    assertEquals(await installed(one), [
      ...["kvm-hotplug-0.0.8", link, "kvm-hotplug-0.0.8"],
    ]);
    const missing = installing({ version: "0.0.1" });
    const refused = await controller.play(missing, ...only);
    assertMatch(refused.output, /0\.0\.1 is not on this node/);
  });
});
