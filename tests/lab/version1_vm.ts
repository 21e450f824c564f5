/**
 * An instance with a scripted QEMU in a process of its own, brought to any
 * state and told of as text that is the same on every node.
 *
 * @module
 */

import { identityOf } from "../../lib/host/identity.ts";
import { readBootId, startOf } from "../../lib/host/process_identity.ts";
import { statPath } from "../../lib/sys/file.ts";
import { NAME } from "./runtime_text.ts";
import type { Guest } from "./scripted_behaviour.ts";
import type { QemuState } from "./version1_model.ts";
import type { Order } from "./version1_peer.ts";

/** All that file, QEMU and node have of an instance, as text. */
export interface VmState {
  /** Below the run directory, by path: runtime file, own record, NIC files. */
  readonly files: Readonly<Record<string, string>>;
  /** Images in the run directory and their sizes in bytes. */
  readonly images: Readonly<Record<string, number>>;
  /** What QEMU has. */
  readonly qemu: QemuState;
  /** The bridge of every tap that is there; null: none. */
  readonly taps: Readonly<Record<string, string | null>>;
}

/** The bridges of a node. */
const BRIDGES = ["br0", "br1"];

/** Where a file is text; anything else at the top is an image. */
const TEXTS = ["kvm-hypervisor/conf", "kvm-hypervisor/nic", "kvm-hotplug"];

const ADOPTED = /\b([ad]0000000-1111-4111)-[0-9a-f]{4}-[0-9a-f]{12}\b/g;

/** In place of every time. */
const AT = "2026-01-02T03:04:05.678Z";

const NO_BOOT = "00000000-0000-4000-8000-000000000000";

async function ip(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("ip", { args }).output();
  if (success) return;
  const why = new TextDecoder().decode(stderr);
  throw new Error(`ip ${args.join(" ")}: ${why}`);
}

function namesIn(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].map(({ name }) => name).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function masterOf(tap: string): string | null {
  try {
    const link = Deno.readLinkSync(`/sys/class/net/${tap}/master`);
    return link.split("/").at(-1) ?? null;
  } catch {
    return null;
  }
}

/** Owns the run directory, the process and the bridges. */
export class Version1Vm implements AsyncDisposable {
  readonly runDir: string;
  readonly #process: Deno.ChildProcess;
  readonly #answers: ReadableStreamDefaultReader<Uint8Array>;
  readonly #orders: WritableStreamDefaultWriter<Uint8Array>;
  #rest = "";

  private constructor(runDir: string, process: Deno.ChildProcess) {
    this.runDir = runDir;
    this.#process = process;
    this.#answers = process.stdout.getReader();
    this.#orders = process.stdin.getWriter();
  }

  static async open(): Promise<Version1Vm> {
    const runDir = Deno.makeTempDirSync({ prefix: "kvm-hotplug-v1-" });
    for (const name of ["ctrl", "conf", "pid", "uid", "nic", "chroot"]) {
      Deno.mkdirSync(`${runDir}/kvm-hypervisor/${name}`, { recursive: true });
    }
    const program = new URL("./version1_peer.ts", import.meta.url).pathname;
    const socket = `${runDir}/kvm-hypervisor/ctrl/${NAME}.qmp`;
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", program, socket, "-name", NAME],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const vm = new Version1Vm(runDir, process);
    await vm.#answer();
    const pid = `${runDir}/kvm-hypervisor/pid/${NAME}`;
    Deno.writeTextFileSync(pid, `${process.pid}\n`);
    for (const bridge of BRIDGES) {
      await ip("link", "add", bridge, "type", "bridge");
      await ip("link", "set", bridge, "up");
    }
    return vm;
  }

  get runtimePath(): string {
    return `${this.runDir}/kvm-hypervisor/conf/${NAME}.runtime`;
  }

  get journalPath(): string {
    return `${this.runDir}/kvm-hotplug/${NAME}.journal`;
  }

  /** Tells the process something, and returns its answer. */
  async tell(order: Order): Promise<unknown> {
    const line = `${JSON.stringify(order)}\n`;
    await this.#orders.write(new TextEncoder().encode(line));
    return await this.#answer();
  }

  async #answer(): Promise<unknown> {
    for (;;) {
      const end = this.#rest.indexOf("\n");
      if (end >= 0) {
        const line = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 1);
        return JSON.parse(line);
      }
      const { value, done } = await this.#answers.read();
      if (done) throw new Error("the scripted QEMU has ended");
      this.#rest += new TextDecoder().decode(value);
    }
  }

  /** What differs from node to node, and what stands for it in the texts. */
  #words(): (readonly [string, string])[] {
    const { pid } = this.#process;
    const images = namesIn(this.runDir).filter((name) => /\./.test(name));
    const whole: [string, string][] = images.map((name) => {
      const status = statPath(`${this.runDir}/${name}`);
      return [`${identityOf(status)}"`, `@identity of ${name}@"`];
    });
    const start = startOf(pid);
    return [
      ...whole,
      [this.runDir, "/run/ganeti"],
      [readBootId(), NO_BOOT],
      // As the journal writes it, and as the record does.
      [`"pid":${pid},"start":${start}`, '"pid":1,"start":0'],
      [`"pid": ${pid},\n  "start": ${start}`, '"pid": 1,\n  "start": 0'],
    ];
  }

  #anonymous(text: string): string {
    return this.#words().reduce((all, [a, b]) => all.replaceAll(a, b), text)
      .replaceAll(/\.runtime\w{8}\.new/g, ".runtimeaaaaaaaa.new")
      // What is adopted gets the rest of its uuid by chance.
      .replaceAll(ADOPTED, "$1-8111-000000000000")
      .replaceAll(/\b\d{4}-\d\d-\d\dT[\d:.]{8,12}Z/g, AT);
  }

  #own(text: string): string {
    return this.#words().reduce((all, [a, b]) => all.replaceAll(b, a), text);
  }

  /** What there is now. */
  async state(): Promise<VmState> {
    const qemu = await this.tell({ order: "state" });
    const files = TEXTS.flatMap((folder) => this.#texts(folder));
    const images = namesIn(this.runDir).filter((name) => /\./.test(name));
    const state: VmState = {
      files: Object.fromEntries(files),
      images: Object.fromEntries(
        images.map((name) =>
          [name, Deno.statSync(`${this.runDir}/${name}`).size] as const
        ),
      ),
      qemu: qemu as QemuState,
      taps: Object.fromEntries(
        namesIn("/sys/class/net").filter((name) => !BRIDGES.includes(name))
          .flatMap((name) =>
            namesIn(`/sys/class/net/${name}`).includes("tun_flags")
              ? [[name, masterOf(name)] as const]
              : []
          ),
      ),
    };
    return JSON.parse(this.#anonymous(JSON.stringify(state)));
  }

  #texts(folder: string): (readonly [string, string])[] {
    const path = `${this.runDir}/${folder}`;
    return namesIn(path).flatMap((name) => {
      const one = this.#anonymous(`${folder}/${name}`);
      const { isDirectory } = Deno.statSync(`${path}/${name}`);
      if (isDirectory) return this.#texts(one);
      if (name.endsWith(".lock")) return [];
      const text = Deno.readTextFileSync(`${path}/${name}`);
      return [[one, this.#anonymous(text)] as const];
    });
  }

  /** Brings all to a state; nothing else is there then. */
  async load(state: VmState, guest: Guest = "releases"): Promise<void> {
    for (const folder of TEXTS) {
      for (const name of namesIn(`${this.runDir}/${folder}`)) {
        Deno.removeSync(`${this.runDir}/${folder}/${name}`, {
          recursive: true,
        });
      }
    }
    for (const name of namesIn(this.runDir).filter((one) => /\./.test(one))) {
      Deno.removeSync(`${this.runDir}/${name}`);
    }
    for (const [name, size] of Object.entries(state.images)) {
      Deno.writeTextFileSync(`${this.runDir}/${name}`, "");
      Deno.truncateSync(`${this.runDir}/${name}`, size);
    }
    const qemu = JSON.parse(this.#own(JSON.stringify(state.qemu)));
    await this.tell({ order: "load", state: qemu, guest });
    for (const [tap, bridge] of Object.entries(state.taps)) {
      await ip("link", "set", tap, "up");
      if (bridge !== null) await ip("link", "set", tap, "master", bridge);
    }
    Deno.mkdirSync(`${this.runDir}/kvm-hotplug`, {
      recursive: true,
      mode: 0o700,
    });
    for (const [path, text] of Object.entries(state.files)) {
      const whole = `${this.runDir}/${path}`;
      const folder = whole.slice(0, whole.lastIndexOf("/"));
      Deno.mkdirSync(folder, { recursive: true });
      Deno.writeTextFileSync(whole, this.#own(text), { mode: 0o600 });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#orders.close();
    await this.#answers.cancel();
    await this.#process.status;
    for (const bridge of BRIDGES) await ip("link", "del", bridge);
    await Deno.remove(this.runDir, { recursive: true });
  }
}
