/**
 * A node that is reached over ssh by an address of its own: a network and a
 * mount namespace with a real sshd, its own /usr/local/sbin and its own run
 * directory.
 *
 * @module
 */

import { SshServer } from "../../tools/guest/ssh_server.ts";
import type { QemuRelease, Tools } from "../../tools/setup.ts";
import { host } from "./each_release.ts";
import { Vm, type VmOptions } from "./vm.ts";

/** The bridge between this process and the nodes, and its address. */
const BRIDGE = "kh-nodes";
const NETWORK = "198.18.0";

/** Folders of the machine that a node has for itself. */
const OWN_FOLDERS = ["/usr/local/sbin", "/srv"];

const ENTER = `set -e
mount -t sysfs sysfs /sys
ip link set lo up
folder=$1; shift
for path; do
  mkdir -p "$folder$path"
  [ -d "$path" ] && mount --bind "$folder$path" "$path"
done
echo ready
exec cat`;

/** Makes the bridge; a second call finds it. */
async function ensureBridge(): Promise<void> {
  const found = await new Deno.Command("ip", {
    args: ["link", "show", BRIDGE],
    stdout: "null",
    stderr: "null",
  }).output();
  if (found.success) return;
  await host("ip", "link", "add", BRIDGE, "type", "bridge");
  await host("ip", "address", "add", `${NETWORK}.1/24`, "dev", BRIDGE);
  await host("ip", "link", "set", BRIDGE, "up");
}

/** Owns the namespaces, the server and the folder. */
export class SshNode implements AsyncDisposable {
  readonly name: string;
  readonly address: string;
  /** Ganeti's run directory there; the same path for everybody. */
  readonly runDir: string;
  readonly folder: string;
  server!: SshServer;
  readonly #number: number;
  readonly #holder: Deno.ChildProcess;

  private constructor(number: number) {
    this.#number = number;
    this.name = `node${number}.example.com`;
    this.address = `${NETWORK}.${10 + number}`;
    this.folder = Deno.makeTempDirSync({ prefix: "kh-node-" });
    this.runDir = `${this.folder}/run`;
    Deno.mkdirSync(this.runDir);
    this.#holder = new Deno.Command("unshare", {
      args: [
        ...["--net", "--mount", "--propagation", "private"],
        ...["sh", "-c", ENTER, "sh", this.folder, ...OWN_FOLDERS],
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
  }

  /** Starts the node of a number from 1 to 99. */
  static async start(number: number): Promise<SshNode> {
    const node = new SshNode(number);
    try {
      const reader = node.#holder.stdout.getReader();
      await reader.read();
      await reader.cancel();
      await ensureBridge();
      await node.#connect();
      node.server = await SshServer.start({
        address: node.address,
        enter: node.command(),
        environment: { KVM_HOTPLUG_RUN_DIR: node.runDir },
      });
      return node;
    } catch (error) {
      await node[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The beginning of a command line that runs a program there. */
  command(): string[] {
    return ["nsenter", "--net", "--mount", "--target", `${this.#holder.pid}`];
  }

  async #connect(): Promise<void> {
    const port = `kh-n${this.#number}`;
    const { pid } = this.#holder;
    await host(
      ...["ip", "link", "add", port, "master", BRIDGE, "type", "veth"],
      ...["peer", "name", "up0", "netns", `${pid}`],
    );
    await host("ip", "link", "set", port, "up");
    await this.run("ip", "address", "add", `${this.address}/24`, "dev", "up0");
    await this.run("ip", "link", "set", "up0", "up");
  }

  /** Runs a program of the node and returns its output. */
  async run(program: string, ...args: string[]): Promise<string> {
    const [nsenter = "", ...words] = this.command();
    return await host(nsenter, ...words, program, ...args);
  }

  /** Links an executable into the node's PATH, as an installation would. */
  async install(executable: string): Promise<void> {
    const there = `${this.folder}/usr/local/sbin/kvm-hotplug`;
    await Deno.symlink(executable, there);
  }

  /** A machine on this node: its QEMU is in the node's network. */
  async vm(
    { release, tools, ...options }:
      & { readonly release: QemuRelease; readonly tools: Tools }
      & Omit<VmOptions, "runDir" | "release" | "tools">,
  ): Promise<Vm> {
    const binary = `${this.folder}/qemu-system-x86_64`;
    const script = `#!/bin/sh\nexec ${
      this.command().join(" ")
    } ${release.binary} "$@"\n`;
    await Deno.writeTextFile(binary, script, { mode: 0o755 });
    const there = { ...release, binary };
    return await Vm.start({
      ...options,
      release: there,
      tools,
      runDir: this.runDir,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server?.[Symbol.asyncDispose]();
    await this.#holder.stdin.close();
    await this.#holder.status;
    await Deno.remove(this.folder, { recursive: true });
  }
}
