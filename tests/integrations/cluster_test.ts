/**
 * Every command of docs/cluster.md, in the order of the page, on two nodes: from
 * nothing to a plugged disk, a metric that shows it, and a repaired kill.
 */
import { assertEquals, assertMatch } from "@std/assert";
import { VERSION } from "../../lib/version.ts";
import { ensureAnsible } from "../../tools/guest/ansible.ts";
import { exists } from "../../tools/guest/run.ts";
import { until } from "../../tools/guest/deadline.ts";
import { killAt } from "../lab/ansible.ts";
import { host } from "../lab/each_release.ts";
import { SshNode } from "../lab/ssh_node.ts";
import { EXECUTABLE } from "../lab/tool.ts";
import { testTools } from "../lab/vm.ts";

await ensureAnsible(console.error);
const tools = await testTools();
const [release] = tools.qemus;
if (release === undefined) throw new Error("no QEMU");

const ROOT = new URL("../..", import.meta.url).pathname;

/** The commands of the page by its headings: what is indented by four. */
function commandsOf(page: string): Map<string, string> {
  const sections = page.split(/^## /m).slice(1).map((section) => {
    const [title = "", ...lines] = section.split("\n");
    const commands = lines.filter((line) => /^( {4}|$)/.test(line))
      .map((line) => line.slice(4));
    return [title, commands.join("\n")] as const;
  });
  return new Map(sections);
}

/** A folder as an administrator has it, with ssh as on a real network. */
async function administration(nodes: readonly SshNode[]): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "kh-cluster-" });
  await Deno.mkdir(`${folder}/dist`);
  await Deno.symlink(`${ROOT}integrations`, `${folder}/integrations`);
  await Deno.copyFile(EXECUTABLE, `${folder}/dist/kvm-hotplug`);
  const [sum] = (await host("sha256sum", EXECUTABLE)).split(" ");
  await Deno.writeTextFile(
    `${folder}/dist/SHA256SUMS`,
    `${sum}  kvm-hotplug\n`,
  );
  await Deno.mkdir(`${folder}/.ssh`, { mode: 0o700 });
  const hosts = nodes.map(({ name, server }) =>
    `Host ${name}\n  IdentityFile ${server.key}\n`
  );
  const config = `${
    hosts.join("")
  }Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n`;
  await Deno.writeTextFile(`${folder}/.ssh/config`, config, { mode: 0o600 });
  const names = nodes.map(({ address, name }) => `${address} ${name}\n`);
  await Deno.writeTextFile(
    `${folder}/etc-hosts`,
    `127.0.0.1 localhost\n${names.join("")}`,
  );
  await Deno.writeTextFile(
    `${folder}/etc-passwd`,
    `root:x:0:0:root:${folder}:/bin/bash\n`,
  );
  return folder;
}

/** Names of hosts, and root's home, are other ones for the commands. */
const ENTER = `set -e
mount --bind etc-hosts /etc/hosts
mount --bind etc-passwd /etc/passwd
exec bash page.sh`;

/** Answers as `gnt-instance list` of Ganeti 3.1 does; on the master. */
async function gntInstance(node: SshNode): Promise<void> {
  const recorded = `${ROOT}tests/testdata/gnt_instance_list.txt`;
  const script = `#!/bin/sh
[ "$*" = "list --no-headers --separator=| -o name,pnode,status,hypervisor" ] || exit 1
exec cat ${recorded}
`;
  const path = `${node.folder}/usr/local/sbin/gnt-instance`;
  await Deno.writeTextFile(path, script, { mode: 0o755 });
}

/** An earlier release: it knows its version. */
async function earlier(node: SshNode): Promise<void> {
  const sbin = `${node.folder}/usr/local/sbin`;
  const script = '#!/bin/sh\necho "kvm-hotplug 0.0.9"\n';
  await Deno.writeTextFile(`${sbin}/kvm-hotplug-0.0.9`, script, {
    mode: 0o755,
  });
  await Deno.symlink("kvm-hotplug-0.0.9", `${sbin}/kvm-hotplug`);
}

Deno.test("the commands of docs/cluster.md, one after the other", async () => {
  await using one = await SshNode.start(1);
  await using two = await SshNode.start(2);
  await using _first = await one.vm({
    ...{ release, tools, name: "vm1.example.com", guest: "none" },
  });
  await using vm = await two.vm({
    ...{ release, tools, name: "vm2.example.com", guest: "none" },
  });
  await gntInstance(one);
  // The other node begins with nothing.
  await earlier(one);
  const folder = await administration([one, two]);
  try {
    const page = await Deno.readTextFile(`${ROOT}docs/cluster.md`);
    const sections = commandsOf(page);
    const titles = [...sections.keys()];
    assertEquals(titles.at(-1), "After a kill");
    const parts = [...sections].map(([title, commands]) => {
      const wait = title === "After a kill"
        ? "touch kill\nwhile [ ! -e killed ]; do sleep 0.1; done\n"
        : "";
      return `${wait}echo '## ${title}'\n${commands}\n`;
    });
    await Deno.writeTextFile(
      `${folder}/page.sh`,
      `set -eu\n${parts.join("")}`,
    );
    const child = new Deno.Command("unshare", {
      args: [
        ...["--mount", "--propagation", "private"],
        ...["sh", "-c", ENTER],
      ],
      cwd: folder,
      env: {
        HOME: folder,
        LC_ALL: "C.UTF-8",
        ANSIBLE_NOCOLOR: "1",
        ANSIBLE_PIPELINING: "1",
        ANSIBLE_PYTHON_INTERPRETER: "/usr/bin/python3",
        ANSIBLE_SSH_ARGS: "-o ControlMaster=auto -o ControlPersist=5s",
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const output = child.output();
    let over = false;
    output.then(() => over = true);
    await until(
      async () => over || await exists(`${folder}/kill`) || undefined,
      { timeoutMs: 780_000, what: "the page up to the kill" },
    );
    if (!over) {
      const source = `${folder}/data2`;
      await Deno.writeTextFile(source, "data");
      await Deno.truncate(source, 1 << 20);
      await killAt(vm, {
        command: "device_add",
        source,
        run: () =>
          two.run(
            ...["env", `KVM_HOTPLUG_RUN_DIR=${two.runDir}`],
            ...["/usr/local/sbin/kvm-hotplug", "disk", "add", vm.name, source],
          ).catch(() => ""),
      });
      await Deno.writeTextFile(`${folder}/killed`, "");
    }
    const { code, stdout, stderr } = await output;
    const text = new TextDecoder().decode(stdout);
    assertEquals(code, 0, text + new TextDecoder().decode(stderr));

    const said = new Map(
      text.split(/^## /m).slice(1).map((part) => {
        const [title = "", ...lines] = part.split("\n");
        return [title, lines.join("\n")];
      }),
    );
    assertEquals([...said.keys()], titles);
    const recaps = (title: string) =>
      [...said.get(title)?.matchAll(/^(\S+) +: ok=\d+ +changed=(\d+)/gm) ?? []]
        .map(([, name = "", changed]) => `${name.split(".")[0]} ${changed}`);
    // A node that has an older version, then the other, which has none.
    assertEquals(recaps("Distribute"), [
      ...["node1 2", "node1 0", "node2 2"],
    ]);
    const versions = said.get("Check versions")?.match(/^kvm-hotplug .*$/gm);
    assertEquals(versions, Array(2).fill(`kvm-hotplug ${VERSION}`));
    assertEquals(recaps("Roll back"), ["node1 1", "node1 1"]);
    const plugged = "Add a disk to a VM wherever it runs";
    assertEquals(recaps(plugged), ["vm2 1", "vm2 1", "vm2 0", "vm2 1"]);
    assertMatch(said.get(plugged) ?? "", /{ganeti_node = node2.example.com}/);
    assertMatch(said.get(plugged) ?? "", /^\+ QEMU: device_add$/m);
    assertMatch(said.get(plugged) ?? "", /^\+ the guest releases disk 0 /m);
    assertMatch(
      said.get("Watch") ?? "",
      /^kvm_hotplug_devices{vm="vm2.example.com",kind="disk",status="present"} 1$/m,
    );
    const after = said.get("After a kill") ?? "";
    assertMatch(after, /interrupted/);
    assertEquals(recaps("After a kill"), ["vm2 1"]);
    assertMatch(after, /data1/);
    assertEquals(/data2/.test(after.slice(after.indexOf("PLAY"))), false);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
