/**
 * Throw-away virtual machines: real QEMU, real Linux guest, laid out on disk
 * as Ganeti lays out an instance.
 *
 * @module
 */
import { GuestAgent, type GuestResult } from "./agent.ts";
import { PATIENCE_MS, until } from "./deadline.ts";
import { type Layout, layoutOf, makeFolders } from "./layout.ts";
import {
  fixedArgs,
  type MachineOptions,
  startArgs,
  type StartOptions,
} from "./machine_args.ts";
import { WatchedProcess } from "./process.ts";
import { TestQmp } from "./qmp.ts";
import { run } from "./run.ts";
import { saveState } from "./save.ts";
import { savedState } from "./saved_state.ts";
import { comeUp, prepareInstance } from "./start.ts";

/** Between two commands: each takes the only processor of the guest, too. */
const POLL_MS = 50;

/** A machine, and where and how it comes up. */
export interface VmOptions extends StartOptions {
  /** Absolute; made if missing. The caller removes it. */
  readonly runDir: string;
  /** The instance's name. @default "vm1.example.com" */
  readonly name?: string;
}

/** A running QEMU. Disposing kills it; the files stay. */
export class Vm implements AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  readonly layout: Layout;
  /** The test's own monitor, beside the one the tool uses. */
  readonly qmp: TestQmp;
  /** The start-up in milliseconds, until the guest answered. */
  readonly startMs: number;
  readonly #process: WatchedProcess;
  readonly #agent: GuestAgent;

  private constructor(
    parts: Pick<Vm, "name" | "layout" | "qmp" | "startMs">,
    owned: { process: WatchedProcess; agent: GuestAgent },
  ) {
    this.name = parts.name;
    this.layout = parts.layout;
    this.qmp = parts.qmp;
    this.startMs = parts.startMs;
    this.pid = owned.process.pid;
    this.#process = owned.process;
    this.#agent = owned.agent;
  }

  /**
   * Starts QEMU and waits until the guest answers; a paused one, and one
   * without a guest, is not waited for.
   *
   * @throws {Error} with QEMU's own words if it does not start
   */
  static async start(options: VmOptions): Promise<Vm> {
    const name = options.name ?? "vm1.example.com";
    const layout = layoutOf(options.runDir, name);
    await prepareInstance(name, layout, options);
    return await Vm.#launch({
      name,
      layout,
      argv: startArgs(name, layout, options),
      up: (qmp, agent) => comeUp(qmp, agent, options),
    });
  }

  /**
   * Starts QEMU by a command line, to be migrated into: it is not waited for.
   * The line must have the sockets of {@link Layout}, and `-daemonize`.
   *
   * @throws {Error} with QEMU's own words if it does not start
   */
  static async target(
    { name, runDir, argv }: {
      name: string;
      runDir: string;
      argv: readonly string[];
    },
  ): Promise<Vm> {
    const layout = layoutOf(runDir, name);
    await makeFolders(layout);
    return await Vm.#launch({ name, layout, argv, up: async () => {} });
  }

  static async #launch({ name, layout, argv, up }: {
    name: string;
    layout: Layout;
    argv: readonly string[];
    up: (qmp: TestQmp, agent: GuestAgent) => Promise<void>;
  }): Promise<Vm> {
    const begin = performance.now();
    const [binary = "", ...args] = argv;
    // -daemonize: returns when the sockets listen and the pid file is there.
    await run(binary, args);
    const process = new WatchedProcess(
      Number(await Deno.readTextFile(layout.pid)),
    );
    try {
      const qmp = await TestQmp.connect(layout.test);
      const agent = await GuestAgent.connect(layout.agent);
      await up(qmp, agent);
      const startMs = performance.now() - begin;
      return new Vm({ name, layout, qmp, startMs }, { process, agent });
    } catch (error) {
      await process.kill();
      throw error;
    }
  }

  /** Waits until the guest, having come by migration, answers here. */
  async arrived(): Promise<void> {
    await until(async () => {
      const { status } = await this.qmp.execute<{ status: string }>(
        "query-status",
      );
      return status === "running" ? true : undefined;
    }, { what: "end of the migration" });
    await this.#agent.resync();
    await this.guest("true");
  }

  /** Like {@link start}, from the {@link savedGuest} of these options. */
  static async restored(options: VmOptions): Promise<Vm> {
    const restoreFrom = await savedGuest(options);
    return await Vm.start({ ...options, restoreFrom });
  }

  /** The run directory: what `--run-dir` takes. */
  get runDir(): string {
    return this.layout.runDir;
  }

  /** The QMP socket of Ganeti and of the tool. */
  get qmpPath(): string {
    return this.layout.qmp;
  }

  /** The runtime file. */
  get runtimePath(): string {
    return this.layout.runtime;
  }

  /**
   * Runs a shell command in the guest.
   *
   * @param options.timeoutMs after it the command is killed: status 137.
   * @default {@linkcode PATIENCE_MS}
   */
  async guest(
    command: string,
    options: { timeoutMs?: number } = {},
  ): Promise<GuestResult> {
    return await this.#agent.run(command, options.timeoutMs ?? PATIENCE_MS);
  }

  /**
   * Repeats a command in the guest until its exit status is 0.
   *
   * @throws {TimeoutError} after `timeoutMs`, @default {@linkcode PATIENCE_MS}
   */
  async waitGuest(
    command: string,
    options: { timeoutMs?: number } = {},
  ): Promise<GuestResult> {
    const { timeoutMs = PATIENCE_MS } = options;
    const what = `success of "${command}" in the guest`;
    return await until(async () => {
      const result = await this.guest(command, { timeoutMs });
      return result.status === 0 ? result : undefined;
    }, { timeoutMs, everyMs: POLL_MS, what });
  }

  /**
   * Writes the machine's whole state to a file, by migration. The machine
   * stays, paused (`postmigrate`).
   *
   * @param file absolute, without a single quote
   */
  async save(file: string): Promise<void> {
    await saveState(this.qmp, file);
  }

  /** Kills QEMU and returns when it is gone; idempotent. */
  async kill(): Promise<void> {
    await this.#process.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    this.qmp[Symbol.dispose]();
    this.#agent[Symbol.dispose]();
    await Promise.all([this.qmp.ended, this.#agent.ended]);
  }
}

/** Leaves zeros in the memory Linux has used and freed while booting: a page
 * of zeros takes no room in a saved state and no time to restore. */
const WIPE = "dd if=/dev/zero of=/tmp/zero bs=1M count=48; rm /tmp/zero";

/**
 * The saved state of a booted guest: booted once per QEMU, kernel, initrd and
 * command line, then found in the cache folder by every test process.
 *
 * @returns the file for {@link VmOptions.restoreFrom}
 */
export async function savedGuest(options: MachineOptions): Promise<string> {
  const name = "saved.example.com";
  const { version } = options.release;
  const args = fixedArgs(name, layoutOf("/", name), options);
  return await savedState([version, WIPE, args], async (file) => {
    const runDir = await Deno.makeTempDir({ prefix: "kvm-hotplug-save-" });
    try {
      // `options` may belong to a start: here only the machine counts.
      const plain = { restoreFrom: undefined, uid: undefined, runtime: {} };
      const here = { name, runDir, paused: false, chroot: false };
      await using vm = await Vm.start({ ...options, ...plain, ...here });
      await vm.guest(WIPE);
      await vm.save(file);
    } finally {
      await Deno.remove(runDir, { recursive: true });
    }
  });
}
