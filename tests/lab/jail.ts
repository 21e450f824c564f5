/**
 * What the tests of confined machines share: the kinds of jail, the look at
 * what must be as before, and a disk that guest and host both use.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { host, makeImage } from "./each_release.ts";
import { type QmpProxy, refusal } from "./proxy.ts";
import { type Snapshot, snapshot } from "./snapshot.ts";
import { tool } from "./tool.ts";
import type { Vm, VmOptions } from "./vm.ts";

/** A uid as Ganeti's pools have them; no user of this node. */
export const POOL_UID = 30_001;

/** A way in which Ganeti starts a QEMU that may not see everything. */
export interface Confinement {
  readonly title: string;
  readonly options: Partial<VmOptions>;
}

const SAID = { security_model: "pool", use_chroot: true };

/** Where the hvparams say otherwise, they do not matter. */
export const NOBODY: Confinement = {
  title: "run as nobody, which the hvparams deny",
  options: { uid: 65_534 },
};
export const CHROOT: Confinement = {
  title: "run in an empty chroot, which the hvparams deny",
  options: { chroot: true },
};
export const POOL: Confinement = {
  title: "run in an empty chroot with a uid from the pool",
  options: { uid: POOL_UID, chroot: true, runtime: { hvparams: SAID } },
};
/** Where the hvparams claim what is not so. */
export const FREE: Confinement = {
  title: "run as root, which the hvparams deny",
  options: { runtime: { hvparams: SAID } },
};

/** One file as it must be found again; `undefined` if there is none. */
export function fileState(path: string): string | undefined {
  try {
    const { uid, gid, mode, ino } = Deno.lstatSync(path);
    return `${path} ${ino} ${uid}:${gid} ${(mode ?? 0).toString(8)}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function modifiedOf(path: string): number | undefined {
  return Deno.statSync(path).mtime?.getTime();
}

function filesIn(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => `${folder}/${name}`)
      .sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Mounts below a folder, as this process sees them. */
export function mountsBelow(folder: string): string[] {
  return Deno.readTextFileSync("/proc/self/mountinfo").split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((point) => point.startsWith(`${folder}/`));
}

/** What a disk's way in may have changed outside QEMU. */
export interface HostTraces {
  readonly sources: readonly (string | undefined)[];
  readonly folders: readonly (number | undefined)[];
  readonly chroot: readonly (string | undefined)[];
  readonly mounts: readonly string[];
}

/** The same of the host alone: QEMU may be gone. */
export function hostTraces(vm: Vm, ...sources: string[]): HostTraces {
  const { chroot } = vm.layout;
  return {
    sources: sources.map(fileState),
    folders: sources.filter((path) => !path.startsWith("/dev/"))
      .map((path) => modifiedOf(path.slice(0, path.lastIndexOf("/")))),
    chroot: [chroot, ...filesIn(chroot)].map(fileState),
    mounts: mountsBelow(vm.runDir),
  };
}

/** Everything that must be as before once a disk is gone again. */
export async function traces(
  vm: Vm,
  ...sources: string[]
): Promise<Snapshot & HostTraces> {
  return { ...await snapshot(vm), ...hostTraces(vm, ...sources) };
}

/** Owner and permissions of a file: `0:0 600`. */
export function ownerOf(path: string): string {
  const { uid, gid, mode } = Deno.lstatSync(path);
  return `${uid}:${gid} ${((mode ?? 0) & 0o7777).toString(8)}`;
}

/** A folder of images that any QEMU could enter, itself root's. */
export async function openFolder(vm: Vm): Promise<string> {
  await Deno.chmod(vm.runDir, 0o755);
  const folder = `${vm.runDir}/srv`;
  await Deno.mkdir(folder);
  await Deno.chmod(folder, 0o755);
  return folder;
}

/** An image of root's that nobody else may open. */
export async function rootImage(path: string): Promise<string> {
  await makeImage(path, MARKER);
  await Deno.chmod(path, 0o600);
  return path;
}

/** A block device of root's that nobody else may open, until disposed. */
export async function loopDevice(image: string, ...words: string[]) {
  const path = await host("losetup", ...words, "--find", "--show", image);
  const { mode } = await Deno.stat(path);
  await Deno.chmod(path, 0o600);
  return {
    path,
    async [Symbol.asyncDispose]() {
      await Deno.chmod(path, (mode ?? 0) & 0o7777);
      await host("losetup", "--detach", path);
    },
  };
}

/** The disk's uuid in these tests; its device id begins the same. */
export const UUID = "d0000001-1111-4111-8111-000000000001";

const MARKER = "written-by-host";
const READ = "dd if=/dev/vda bs=15 count=1 2>/dev/null";
let written = 0;

/** The guest reads what the host wrote, the host what the guest writes. */
export async function assertUsed(vm: Vm, image: string): Promise<void> {
  await vm.waitGuest("test -b /dev/vda");
  assertEquals((await vm.guest(READ)).output, MARKER);
  const text = `guest-${String(++written).padStart(10, "0")}`;
  const write = `printf ${text} | dd of=/dev/vda bs=512 seek=8 conv=fsync`;
  assertEquals((await vm.guest(write)).status, 0);
  const bytes = await Deno.readFile(image);
  const found = bytes.subarray(4096, 4096 + text.length);
  assertEquals(new TextDecoder().decode(found), text);
}

/** What a monitor without passed descriptors does not know. */
export const PASSING = [
  ...["add-fd", "remove-fd", "query-fdsets"],
  ...["getfd", "closefd"],
];

/** A way in for a disk, and what the host shows while it is plugged. */
export interface Way {
  readonly image: string;
  /** @default the image */
  readonly source?: string;
  /** Of the device. */
  readonly via: string;
  /** @default none */
  readonly args?: readonly string[];
  /** Looks at the host while the disk is plugged. */
  readonly plugged?: (id: string) => void | Promise<void>;
}

/** Adds, uses and removes a disk; all is as before then. */
export async function useAndRemove(vm: Vm, way: Way): Promise<void> {
  const { image, source = image, via, args = [] } = way;
  const before = await traces(vm, source);
  const words = ["disk", "add", vm.name, source, "--uuid", UUID, ...args];
  const add = await tool(vm, ...words);
  assertEquals([add.stderr, add.status], ["", 0], add.stdout);
  assertEquals(add.json.device.via, via);
  await assertUsed(vm, image);
  const list = await tool(vm, "list", vm.name);
  const [device] = list.json.devices;
  assertEquals([device.status, device.via], ["ok", via]);
  await way.plugged?.(device.id);
  const again = await tool(vm, ...words);
  assertEquals([again.status, again.json.changed], [0, false], again.stdout);
  const remove = await tool(vm, "disk", "remove", vm.name, UUID);
  assertEquals([remove.stderr, remove.status], ["", 0], remove.stdout);
  assertEquals(remove.json.device.via, via);
  assertEquals(await traces(vm, source), before);
}

/** A disk is refused before anything is changed; returns message and hint. */
export async function assertRefused(
  vm: Vm,
  source: string,
  ...args: string[]
): Promise<{ code: string; message: string; hint: string }> {
  const before = await traces(vm, source);
  const add = await tool(vm, "disk", "add", vm.name, source, ...args);
  assertEquals([add.status, add.json.changed], [3, false], add.stdout);
  assertEquals(await traces(vm, source), before);
  return add.json.error;
}

/** A disk's addition fails half-way: {@link assertAdditionUndone}. */
export async function assertUndone(
  vm: Vm,
  { proxy, source, args }: {
    proxy: QmpProxy;
    source: string;
    args: readonly string[];
  },
): Promise<void> {
  const words = ["disk", "add", vm.name, source, ...args];
  await assertAdditionUndone(vm, proxy, { words, sources: [source] });
}

/** An addition fails half-way: QEMU refuses the device. All is as before. */
export async function assertAdditionUndone(
  vm: Vm,
  proxy: QmpProxy,
  { words, sources = [] }: { words: string[]; sources?: string[] },
): Promise<void> {
  const before = await traces(vm, ...sources);
  const { hook } = proxy;
  proxy.hook = (one) =>
    one.message.execute === "device_add" ? refusal(one, "no") : hook(one);
  const add = await tool(vm, ...words);
  proxy.hook = hook;
  assertEquals(add.status, 5, add.stdout);
  assertEquals(add.json.error.qmp.command, "device_add");
  assertEquals(await traces(vm, ...sources), before);
}

/** A NIC is refused, for want of getfd, before anything is changed. */
export async function assertNicRefused(vm: Vm): Promise<string> {
  const before = await traces(vm);
  const add = await tool(vm, "nic", "add", vm.name);
  assertEquals([add.status, add.json.error.code], [3, "unsupported"]);
  assertMatch(add.json.error.message, /getfd/);
  assertEquals(await traces(vm), before);
  return add.json.error.message;
}

/** One line of `check`. */
interface Requirement {
  readonly ok: boolean;
  readonly for: readonly string[];
  readonly detail: string;
}

/**
 * `check` says first what an addition of each kind says; undefined: it works.
 *
 * @returns how QEMU runs, by its account
 */
export async function assertChecked(
  vm: Vm,
  refused: { disk: string | undefined; nic: string | undefined },
): Promise<Record<string, unknown>> {
  const before = await traces(vm);
  const { status, json } = await tool(vm, "check", vm.name);
  const requirements: Requirement[] = json.requirements;
  const said = (kind: string) =>
    requirements.find((one) => !one.ok && one.for.includes(kind))?.detail;
  assertEquals({ disk: said("disk"), nic: said("nic") }, refused);
  const supported = refused.disk === undefined && refused.nic === undefined;
  assertEquals([status, json.supported], [supported ? 0 : 3, supported]);
  assertEquals(await traces(vm), before);
  return json.qemu;
}
