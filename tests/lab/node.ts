/**
 * A node that is itself a virtual machine, for what the kernel under the tests
 * may lack: bridges that look at VLANs, vhost. In it run the built tool, a
 * QEMU, and in that a real guest.
 *
 * @module
 */

import { documentOf } from "../support/document.ts";
import { assertEquals } from "@std/assert";
import { GuestAgent } from "../../tools/guest/agent.ts";
import { until } from "../../tools/guest/deadline.ts";
import { findInPath } from "../../tools/guest/run.ts";
import {
  AGENT_LINE,
  INSTANCE,
  makeNodeImage,
  RUN_DIR,
  START,
} from "./node_image.ts";
import { type GuestResult, testTools, Vm } from "./vm.ts";

/** An emulated machine in an emulated machine takes its time. */
const TIMEOUT_MS = 120_000;
/** Its serial line may lose a command like any other: time for another try. */
const RESEND_MS = 30_000;

const SET_UP = `mount -t ext4 /dev/vda /mnt
mount -t proc proc /mnt/proc
mount -t sysfs sys /mnt/sys
mount -t tmpfs tmp /mnt/tmp
for module in $(cat /mnt/modules/order); do
  grep -q "^$module " /proc/modules || insmod /mnt/modules/$module.ko
done
mount --bind /dev /mnt/dev
ln -s /dev/vport* ${AGENT_LINE}`;

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** The node. Disposing ends it with all that runs there. */
export class Node implements AsyncDisposable {
  readonly #vm: Vm;
  readonly #guest: GuestAgent;
  readonly #folder: string;
  #count = 0;

  private constructor(vm: Vm, guest: GuestAgent, folder: string) {
    this.#vm = vm;
    this.#guest = guest;
    this.#folder = folder;
  }

  /** Boots it, and lets a saved guest go on there. */
  static async start(): Promise<Node> {
    const folder = await Deno.makeTempDir({ prefix: "kvm-hotplug-node-" });
    const tools = await testTools();
    const [release] = tools.qemus;
    if (release === undefined) throw new Error("no QEMU");
    const image = await makeNodeImage(tools, folder);
    const agent = `${folder}/agent`;
    const vm = await Vm.start({
      ...{ release, tools, runDir: folder, name: "node", memoryMiB: 1024 },
      extraArgs: [
        ...[
          "-smp",
          "2",
          "-cpu",
          "max",
          "-drive",
          `file=${image},format=raw,if=virtio`,
        ],
        // Unlike a serial line it loses nothing.
        ...["-device", "virtio-serial-pci", "-chardev"],
        `socket,id=agent,path=${agent},server=on,wait=off`,
        ...["-device", "virtserialport,chardev=agent"],
      ],
    });
    const guest = await GuestAgent.connect(agent, {
      resendMs: RESEND_MS,
    });
    const node = new Node(vm, guest, folder);
    const { status, output } = await node.shell(SET_UP);
    assertEquals(status, 0, output);
    await node.run(START);
    await node.#guest.resync();
    return node;
  }

  /**
   * Runs a shell command of the node's own busybox, once: the agent may be
   * told of it twice.
   */
  async shell(command: string): Promise<GuestResult> {
    const file = `/tmp/once-${++this.#count}`;
    return await this.#vm.guest(
      `if [ ! -e ${file} ]; then (set -e; ${command}\n) > ${file}.out 2>&1; echo $? > ${file}; fi
cat ${file}.out; exit $(cat ${file})`,
      { timeoutMs: TIMEOUT_MS },
    );
  }

  /** Runs one of this machine's programs there; it must succeed. */
  async run(program: string, ...args: string[]): Promise<string> {
    // By its path: busybox takes the names of its own for itself.
    const path = await findInPath(program) ?? program;
    const words = [path, ...args].map(quote).join(" ");
    const { status, output } = await this.shell(`chroot /mnt ${words}`);
    assertEquals(status, 0, `${program} ${args.join(" ")}: ${output}`);
    return output.trim();
  }

  /** Runs the tool on the instance there: the words, then `--json`. */
  // deno-lint-ignore no-explicit-any -- a test reads it as it likes
  async tool(...words: string[]): Promise<any> {
    const [noun = "", verb = "", ...more] = words;
    const all = [noun, verb, INSTANCE, ...more].map(quote).join(" ");
    // A change of a NIC waits for this guest, too: 30 s are too short.
    const waits = noun === "nic" && verb !== "add"
      ? "--unplug-timeout 100"
      : "";
    const options = `--json --timeout 60 ${waits} --run-dir ${RUN_DIR}`;
    const { output } = await this.shell(
      `chroot /mnt /bin/kvm-hotplug ${all} ${options} || true`,
    );
    const line = output.split("\n").find((one) => one.startsWith("{")) ?? "";
    return documentOf(line, words);
  }

  /**
   * Repeats a command in the guest on the node until its status is 0. It may
   * be run twice.
   */
  async waitGuest(command: string): Promise<string> {
    const ask = async () => {
      const result = await this.#guest.run(command, TIMEOUT_MS);
      return result.status === 0 ? result.output : undefined;
    };
    const what = `success of "${command}" in the node's guest`;
    return await until(ask, { timeoutMs: TIMEOUT_MS, what });
  }

  /** Runs a command in the guest on the node, once or twice. */
  async guest(command: string): Promise<GuestResult> {
    return await this.#guest.run(command, TIMEOUT_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#vm[Symbol.asyncDispose]();
    this.#guest[Symbol.dispose]();
    await this.#guest.ended;
    await Deno.remove(this.#folder, { recursive: true });
  }
}
