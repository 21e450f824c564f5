/**
 * Ansible's controller: its configuration, an inventory of nodes, and the
 * collection, installed from its tar file.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { run } from "../../tools/guest/run.ts";
import type { Doc } from "../support/document.ts";
import { QmpProxy } from "./proxy.ts";
import type { SshNode } from "./ssh_node.ts";
import { tool } from "./tool.ts";
import type { Vm } from "./vm.ts";

const COLLECTION = new URL("../../integrations/ansible", import.meta.url)
  .pathname;

const CONFIG = `[defaults]
host_key_checking = false
interpreter_python = /usr/bin/python3
retry_files_enabled = false
nocows = true
deprecation_warnings = false
[ssh_connection]
pipelining = true
ssh_args = -F none -o UserKnownHostsFile=/dev/null -o ControlMaster=auto -o ControlPersist=5s
`;

/** How a play ended on one host. */
export interface Recap {
  readonly ok: number;
  readonly changed: number;
  readonly unreachable: number;
  readonly failed: number;
}

/** What a play came to. */
export interface Played {
  readonly status: number;
  readonly output: string;
  readonly recap: ReadonlyMap<string, Recap>;
}

/** The last lines of ansible-playbook. */
function recapOf(output: string): Map<string, Recap> {
  const lines = output.slice(output.lastIndexOf("PLAY RECAP")).split("\n");
  return new Map(lines.flatMap((line) => {
    const [, name, numbers = ""] = /^(\S+)\s+: (ok=.*)$/.exec(line) ?? [];
    if (name === undefined) return [];
    const pairs = [...numbers.matchAll(/(\w+)=(\d+)/g)]
      .map(([, key, value]) => [key, Number(value)]);
    return [[name, Object.fromEntries(pairs) as Recap]];
  }));
}

/** The devices that a VM's node knows, and whether all agree. */
export async function devicesOf(vm: Vm): Promise<Record<string, string>> {
  const { json } = await tool(vm, "list", vm.name);
  const devices: { name: string; mac?: string; status: string }[] =
    json.devices;
  return Object.fromEntries(
    devices.map(({ name, mac, status }) => [name ?? mac, status]),
  );
}

/** The processes of the executable that were given a path. */
function toolsOn(path: string): number[] {
  return [...Deno.readDirSync("/proc")].map(({ name }) => Number(name))
    .filter((pid) => {
      try {
        const words = Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0");
        return words[0]?.endsWith("/kvm-hotplug") && words.includes(path);
      } catch {
        return false;
      }
    });
}

/**
 * Kills the executable with SIGKILL when it sends a QMP command to a VM; QEMU
 * does not get the command.
 *
 * @param at.source a word of the command line that is run
 * @returns what `run` came to
 */
export async function killAt<T>(vm: Vm, at: {
  readonly command: string;
  readonly source: string;
  readonly run: () => Promise<T>;
}): Promise<T> {
  await using proxy = QmpProxy.start(vm.qmpPath);
  proxy.hook = ({ message }) => {
    if (message.execute !== at.command) return "pass";
    for (const pid of toolsOn(at.source)) Deno.kill(pid, "SIGKILL");
    return "drop";
  };
  return await at.run();
}

/** Owns its folder, which is root's home for Ansible. */
export class Controller implements AsyncDisposable {
  readonly folder = Deno.makeTempDirSync({ prefix: "kh-ansible-" });
  /** The collection's built tar file. */
  tar = "";

  /** The environment of each program. */
  get environment(): Record<string, string> {
    return {
      HOME: this.folder,
      LC_ALL: "C.UTF-8",
      ANSIBLE_CONFIG: `${this.folder}/ansible.cfg`,
      ANSIBLE_HOME: `${this.folder}/.ansible`,
      ANSIBLE_NOCOLOR: "1",
      // The one of ansible-test: "ansible_collections" is below it.
      PYTHONPATH: `${this.folder}/.ansible/collections`,
    };
  }

  /** The installed collection. */
  get collection(): string {
    return `${this.folder}/.ansible/collections/ansible_collections/kvm_hotplug/node`;
  }

  /**
   * Builds the collection and installs it from its tar file.
   *
   * @param nodes the inventory: their variable `folder` is the run directory
   */
  static async start(nodes: readonly SshNode[]): Promise<Controller> {
    const controller = new Controller();
    await Deno.writeTextFile(`${controller.folder}/ansible.cfg`, CONFIG);
    const hosts = nodes.map((node) =>
      `${node.name} ansible_host=${node.address} ansible_ssh_private_key_file=${node.server.key} folder=${node.runDir}\n`
    ).join("");
    const inventory = `[nodes]\n${hosts}[nodes:vars]\nansible_user=root\n`;
    await Deno.writeTextFile(`${controller.folder}/hosts`, inventory);
    const { folder } = controller;
    const build = ["collection", "build", COLLECTION, "--output-path", folder];
    await controller.run("ansible-galaxy", ...build);
    const [tar] = [...Deno.readDirSync(folder)].map(({ name }) => name)
      .filter((name) => name.endsWith(".tar.gz"));
    controller.tar = `${folder}/${tar}`;
    const offline = ["collection", "install", "--offline", controller.tar];
    await controller.run("ansible-galaxy", ...offline);
    return controller;
  }

  /** Runs a program of Ansible that must succeed. */
  async run(program: string, ...args: string[]): Promise<string> {
    return await run(program, args, {
      env: this.environment,
      cwd: this.folder,
    });
  }

  /** Runs a program of Ansible to its end. */
  async output(program: string, args: readonly string[]) {
    const { code, stdout, stderr } = await new Deno.Command(program, {
      args: [...args],
      env: this.environment,
      cwd: this.folder,
      stdin: "null",
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { status: code, stdout: text(stdout), stderr: text(stderr) };
  }

  /** Runs a playbook. @param options of ansible-playbook */
  async play(text: string, ...options: string[]): Promise<Played> {
    const book = `${this.folder}/play.yml`;
    await Deno.writeTextFile(book, text);
    const args = ["-i", "hosts", ...options, book];
    const { status, stdout, stderr } = await this.output(
      "ansible-playbook",
      args,
    );
    const output = stdout + stderr;
    return { status, output, recap: recapOf(stdout) };
  }

  /** As {@linkcode play}, and each host must have changed so many things. */
  async played(
    text: string,
    changed: Readonly<Record<string, number>>,
    ...options: string[]
  ): Promise<Played> {
    const played = await this.play(text, ...options);
    assertEquals(played.status, 0, played.output);
    const found = [...played.recap].map(([name, one]) => [name, one.changed]);
    assertEquals(Object.fromEntries(found), changed, played.output);
    return played;
  }

  /** Runs one task on a node and returns its result, with `failed`. */
  async task(
    node: SshNode,
    module: string,
    args: Doc,
    ...options: string[]
  ): Promise<Doc> {
    const words = [
      ...["-i", "hosts", node.name, "-o", ...options],
      ...["-m", `kvm_hotplug.node.${module}`],
      // Ansible does not take an empty object.
      ...(Object.keys(args).length > 0 ? ["-a", JSON.stringify(args)] : []),
    ];
    const { stdout, stderr } = await this.output("ansible", words);
    const [, word, json] = /\| (\w+)!? => (\{.*\})$/m.exec(stdout) ?? [];
    if (json === undefined) throw new Error(`no result: ${stdout}${stderr}`);
    return { ...JSON.parse(json), failed: word === "FAILED" };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}
