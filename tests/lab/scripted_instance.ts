/**
 * What the tests of this folder share: an instance laid out as Ganeti's with a
 * scripted QEMU behind its socket, and the command line in this process.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { cli, type Ran } from "./cli.ts";
import { fds, files, taps } from "./look.ts";
import {
  DISK,
  diskEntry,
  type Doc,
  NAME,
  NIC,
  type RuntimeParts,
  runtimeText,
} from "./runtime_text.ts";
import { ScriptedPeer } from "./scripted_peer.ts";

export * from "./cli.ts";
export * from "./look.ts";
export * from "./runtime_text.ts";

/** An instance's directory, its QEMU, and the command line upon both. */
export class Instance implements AsyncDisposable {
  readonly runDir: string;
  readonly peer: ScriptedPeer;

  constructor(parts: RuntimeParts = {}) {
    this.runDir = Deno.makeTempDirSync({ prefix: "kvm-hotplug-cli-" });
    for (const name of ["ctrl", "conf", "pid", "uid", "nic", "chroot"]) {
      Deno.mkdirSync(this.at(name), { recursive: true });
    }
    const { disks, nics } = parts;
    const more = disks === undefined
      ? {
        disks: [
          diskEntry(DISK.uuid, DISK.id, { link: this.image("started.img") }),
        ],
      }
      : {};
    Deno.writeTextFileSync(
      this.runtimePath,
      runtimeText({ ...parts, ...more }),
    );
    this.peer = new ScriptedPeer(this.qmpPath);
    this.peer.model.startWith({
      disk: disks === undefined ? DISK.id : undefined,
      nic: nics === undefined ? { id: NIC.id, mac: NIC.mac } : undefined,
    });
  }

  /** A path below `kvm-hypervisor`. */
  at(name: string): string {
    return `${this.runDir}/kvm-hypervisor/${name}`;
  }

  get qmpPath(): string {
    return this.at(`ctrl/${NAME}.qmp`);
  }

  get runtimePath(): string {
    return this.at(`conf/${NAME}.runtime`);
  }

  /** The directory of the tool's own files. */
  get ownDir(): string {
    return `${this.runDir}/kvm-hotplug`;
  }

  get text(): string {
    return Deno.readTextFileSync(this.runtimePath);
  }

  /** `[command, nics, hvparams, disks]` as it is now. */
  // deno-lint-ignore no-explicit-any -- a test reads it as it likes
  get runtime(): any {
    return JSON.parse(this.text);
  }

  /** Makes a file that can be a disk and returns its path. */
  image(name = "disk.img", sizeBytes = 1 << 20): string {
    const path = `${this.runDir}/${name}`;
    Deno.writeTextFileSync(path, "");
    Deno.truncateSync(path, sizeBytes);
    return path;
  }

  /** Runs a command line on this instance's run directory, with `--json`. */
  async cli(...args: string[]): Promise<Ran> {
    return await this.cliUntil(new AbortController().signal, ...args);
  }

  /** The same with a signal that ends waiting. */
  async cliUntil(signal: AbortSignal, ...args: string[]): Promise<Ran> {
    const all = ["--run-dir", this.runDir, "--json", ...args];
    const ran = await cli(all, signal);
    await this.peer.idle();
    return ran;
  }

  /** All that must be as before after a failure: {@linkcode assertSame}. */
  state() {
    return {
      files: files(this.runDir),
      taps: taps(),
      fds: fds(),
      qemu: this.peer.model.contents(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.peer[Symbol.asyncDispose]();
    await Deno.remove(this.runDir, { recursive: true });
  }
}

/** Asserts the document of a failure, and returns its message and hint. */
export function assertFailed(
  ran: Ran,
  status: number,
  code: string,
): { message: string; hint: string | null; qmp: Doc | null } {
  const { ok, instance, error, changed, device, settled, ...more } = ran.json;
  const { code: said, message, hint, qmp, device: told, candidates, ...rest } =
    error as Doc;
  assertEquals({ status: ran.status, code: said }, { status, code }, ran.out);
  assertEquals([ok, more, rest, typeof message], [false, {}, {}, "string"]);
  assertEquals([typeof instance, changed], ["string", status === 7]);
  // A pending removal tells of the device, whole; all failures name theirs.
  assertEquals(device !== null, status === 6, ran.out);
  assertEquals(candidates !== null, code === "ambiguous-device", ran.out);
  assertEquals(Array.isArray(settled), true, ran.out);
  const keys = Object.keys((told ?? {}) as Doc).sort().join();
  assertEquals(keys, told === null ? "" : "id,index,kind,uuid");
  assertEquals(ran.err, "");
  return {
    message: message as string,
    hint: hint as string | null,
    qmp: qmp as Doc | null,
  };
}

/** Asserts that a failed call left everything as it was. */
export async function assertUnchanged(
  vm: Instance,
  act: () => Promise<void>,
): Promise<void> {
  const before = vm.state();
  await act();
  assertEquals(vm.state(), before);
}
