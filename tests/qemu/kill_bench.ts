/**
 * A VM to be interrupted upon: a bystander disk and NIC that must stay as they
 * are, a proxy before its monitor, and one look at everything that must agree.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { host, makeImage } from "../lab/each_release.ts";
import type { Scenario } from "./kill_scenario.ts";
import { QmpProxy } from "../lab/proxy.ts";
import { keptFdNames, type Snapshot, snapshot } from "../lab/snapshot.ts";
import { toolHere } from "../lab/tool.ts";
import { type MachineOptions, Vm } from "../lab/vm.ts";

/** Everything that must agree, without what may differ from run to run. */
export interface State extends Omit<Snapshot, "fdsets"> {
  /** Per fdset: how many fds; ids and opaque texts are of one run. */
  readonly fdsets: readonly number[];
  /** By file name: the tap in it. */
  readonly nicFiles: Readonly<Record<string, string>>;
  /** Our own directory, the lock file aside. */
  readonly own: readonly string[];
  /** What QEMU has open: disks by path, taps by name. */
  readonly open: readonly string[];
  /** The limits of the disks in QEMU, with their groups. */
  readonly limits: readonly string[];
  /** Limits and rates in our own record. */
  readonly noted: readonly string[];
  /** The MTUs of the taps. */
  readonly mtus: readonly string[];
}

const BYSTANDER = {
  disk: "b0000000-1111-4111-8111-000000000001",
  nic: "b0000000-2222-4222-8222-000000000002",
  mac: "aa:00:00:00:00:b0",
  marker: "bystander",
} as const;

/** A tap that the kernel named has another name each time. */
function withoutNumbers(text: string): string {
  return text.replace(/\btap\d+\b/g, "tapN").replace(/\bfd=\d+/g, "fd=N");
}

function entries(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].map(({ name }) => name).sort();
  } catch {
    return [];
  }
}

function readOr(path: string, missing: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return missing;
  }
}

/** Device and inode: the path that /proc tells of a file that was opened in
 * another mount namespace (sshd has its own) may begin elsewhere. */
function fileAt(path: string): string | undefined {
  try {
    const { dev, ino } = Deno.statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

/** The images of a run directory that a process has open, and its taps. */
function openBy(pid: number, runDir: string): string[] {
  const images = new Map(
    entries(runDir).filter((name) => name.endsWith(".img"))
      .map((name) => `${runDir}/${name}`)
      .map((path) => [fileAt(path), path]),
  );
  return entries(`/proc/${pid}/fd`).flatMap((fd) => {
    const info = readOr(`/proc/${pid}/fdinfo/${fd}`, "");
    const tap = /^iff:\s*(\S+)$/m.exec(info)?.[1];
    if (tap !== undefined) return [withoutNumbers(tap)];
    const file = fileAt(`/proc/${pid}/fd/${fd}`);
    const path = file === undefined ? undefined : images.get(file);
    return path === undefined ? [] : [path];
  }).sort();
}

function existsTap(name: string): boolean {
  return readOr(`/sys/class/net/${name}/tun_flags`, "") !== "";
}

async function limitsIn({ qmp }: Vm): Promise<string[]> {
  const block = await qmp.execute<
    { qdev: string; inserted?: { group?: string; iops: number } }[]
  >("query-block");
  return block.map(({ qdev, inserted: { group, iops } = { iops: 0 } }) =>
    `${qdev} ${group} ${iops}`
  ).sort();
}

/**
 * The notes about devices. That a guest was perhaps asked for a NIC is left out:
 * it stays noted when the NIC is as before.
 */
function notesIn(path: string): Record<string, unknown>[] {
  const { devices = {} } = JSON.parse(readOr(path, "{}"));
  return Object.entries(devices as Record<string, Record<string, unknown>>)
    .map(([uuid, { kind: _, replug: _asked, ...note }]) => ({ uuid, ...note }));
}

/** Whether our own record has nothing but the notes that are left out. */
function isLeftOut(path: string): boolean {
  const notes = notesIn(path);
  return notes.length > 0 &&
    notes.every((note) => Object.keys(note).length === 1);
}

/** Owns the VM, the bridge, the proxy and the run directory. */
export class KillBench implements AsyncDisposable {
  readonly runDir: string;
  readonly image: string;
  readonly bridge: string;
  /** Of the one VM that runs now. */
  vm!: Vm;
  proxy!: QmpProxy;
  /** Prepares a VM that takes the place of another one. @default nothing */
  prepare: () => Promise<unknown> = () => Promise.resolve();
  readonly #machine: MachineOptions;

  private constructor(machine: MachineOptions) {
    this.runDir = Deno.makeTempDirSync({ prefix: "kvm-hotplug-kill-" });
    this.image = `${this.runDir}/new.img`;
    this.bridge = `kh-k${Deno.pid % 1_000_000}`;
    this.#machine = machine;
  }

  static async open(machine: MachineOptions): Promise<KillBench> {
    const bench = new KillBench(machine);
    try {
      // An address of its own, as a physical port gives it on a node: that of
      // its lowest tap would change with the taps, and the guest's ARP table
      // would be wrong.
      await host(
        ...["ip", "link", "add", bench.bridge, "address", "02:00:00:00:00:01"],
        ...["type", "bridge"],
      );
      await host("ip", "link", "set", bench.bridge, "up");
      const address = ["198.51.100.1/24", "dev", bench.bridge];
      await host("ip", "addr", "add", ...address);
      await makeImage(bench.image, "new disk");
      await makeImage(`${bench.runDir}/old.img`, BYSTANDER.marker);
      await bench.#boot();
      return bench;
    } catch (error) {
      await bench[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Another VM in the place of one that is dead or not as it should be. */
  async renew(): Promise<void> {
    await this.#end();
    for (const name of ["kvm-hotplug", "kvm-hypervisor"]) {
      await Deno.remove(`${this.runDir}/${name}`, { recursive: true })
        .catch(() => {});
    }
    await this.#boot();
    await this.prepare();
  }

  async #boot(): Promise<void> {
    const { runDir } = this;
    this.vm = await Vm.restored({ ...this.#machine, runDir });
    this.proxy = QmpProxy.start(this.vm.qmpPath);
    const { name } = this.vm;
    const { disk, nic, mac } = BYSTANDER;
    await this.expectTool(
      ...["disk", "add", name, `${runDir}/old.img`, "--uuid", disk],
    );
    await this.expectTool(
      ...["nic", "add", name, "--link", this.bridge, "--uuid", nic],
      ...["--mac", mac, "--tap", `${this.bridge}-b`],
    );
    await this.vm.waitGuest(
      `test -b /dev/vda && grep -q ${mac} /sys/class/net/eth0/address &&
      ip link set eth0 up && ip addr add 198.51.100.2/24 dev eth0`,
    );
    await this.checkBystanders();
  }

  /** Runs a command line in this process, which must succeed. */
  async expectTool(...args: readonly string[]): Promise<void> {
    const { status, stdout, stderr } = await toolHere(this.vm, ...args);
    assertEquals([status, stderr], [0, ""], `${args.join(" ")}: ${stdout}`);
  }

  /** Both are read and written through, in the guest. */
  async checkBystanders(): Promise<void> {
    const { status, output } = await this.vm.guest(
      `dd if=/dev/vda bs=512 count=1 iflag=direct 2>/dev/null | head -c 9 &&
      ping -c 1 -W 2 198.51.100.1 >/dev/null && echo " and ping"`,
    );
    assertEquals([status, output], [0, `${BYSTANDER.marker} and ping\n`]);
  }

  /** Everything that must agree, asked past the tool. */
  async state({ id }: Scenario): Promise<State> {
    const { vm, runDir } = this;
    const { fdsets, network, interfaces, nodes, ...rest } = await snapshot(vm);
    const record = `${runDir}/kvm-hotplug/${vm.name}.json`;
    const own = entries(`${runDir}/kvm-hotplug`)
      .filter((name) => !name.endsWith(".lock"))
      .filter((name) => !name.endsWith(".json") || !isLeftOut(record));
    const kept = await keptFdNames(vm, [`${id}-0`]);
    return {
      ...rest,
      fdsets: (fdsets as { fds: unknown[] }[]).map(({ fds }) => fds.length),
      network: withoutNumbers(network),
      // QEMU's own names for what has none.
      nodes: nodes.map((name) => name.replace(/^#block\d+$/, "#block")),
      interfaces: interfaces.map(withoutNumbers),
      nicFiles: Object.fromEntries(
        entries(vm.layout.nic).map((name) => [
          name,
          withoutNumbers(readOr(`${vm.layout.nic}/${name}`, "")),
        ]),
      ),
      own: [...own, ...kept.map((name) => `fd name ${name}`)],
      open: openBy(vm.pid, runDir),
      limits: await limitsIn(vm),
      noted: notesIn(record)
        .map(({ uuid, limits, limitGroup, rateIn, mtu }) =>
          JSON.stringify([uuid, limits, limitGroup, rateIn, mtu])
        ).filter((text) => !text.endsWith("null,null,null,null]")).sort(),
      mtus: interfaces.filter((name) => existsTap(name)).map((name) =>
        readOr(`/sys/class/net/${name}/mtu`, "").trim()
      ).sort(),
    };
  }

  async #end(): Promise<void> {
    // First QEMU: whoever waits for it through the proxy sees its end.
    await this.vm?.[Symbol.asyncDispose]();
    await this.proxy?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
    await host("ip", "link", "del", this.bridge).catch(() => {});
    await Deno.remove(this.runDir, { recursive: true });
  }
}
