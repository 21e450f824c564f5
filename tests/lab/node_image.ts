/**
 * The disk of a node that is itself a virtual machine: the tool, a QEMU, what
 * both need of this machine's programs, and a saved guest.
 *
 * @module
 */

import { layoutOf, makeFolders } from "../../tools/guest/layout.ts";
import { fixedArgs, startArgs } from "../../tools/guest/machine_args.ts";
import { resolveModules } from "../../tools/guest/modules.ts";
import { findQemuData, NETWORK_ROM } from "../../tools/guest/qemu_release.ts";
import { exists, findInPath } from "../../tools/guest/run.ts";
import { runtimeText } from "../../tools/guest/runtime.ts";
import type { Tools } from "../../tools/setup.ts";
import { host } from "./each_release.ts";
import { EXECUTABLE } from "./tool.ts";
import { savedGuest } from "./vm.ts";

/** The instance on the node. */
export const INSTANCE = "vm1.example.com";
/** Its run directory there. */
export const RUN_DIR = "/run/g";
/** The script that starts it there. */
export const START = "/guest/start";
/** Where the node sees the line to its guest's agent. */
export const AGENT_LINE = "/dev/agent";

/** What this machine's kernel may lack: that is what the node is for. */
export const MODULES = [
  "bridge",
  "veth",
  "tun",
  "8021q",
  "vhost_net",
  "virtio_console",
];

const PROGRAMS = ["ip", "bridge", "qemu-system-x86_64"];
/** Without these QEMU starts no guest and takes no card. */
const FIRMWARE = [
  "bios-256k.bin",
  "kvmvapic.bin",
  "linuxboot_dma.bin",
  NETWORK_ROM,
];
const SIZE = "600M";

async function copy(from: string, to: string): Promise<void> {
  await Deno.mkdir(to.slice(0, to.lastIndexOf("/")), { recursive: true });
  await Deno.copyFile(from, to);
}

/** Copies a program or library to its own path below a root, with all it needs. */
export async function copyProgram(path: string, root: string): Promise<void> {
  const needed = await host("ldd", path);
  const libraries = [...needed.matchAll(/(\/\S+) \(0x/g)].map((one) => one[1]);
  for (const file of [path, ...libraries]) {
    if (file === undefined || await exists(root + file)) continue;
    await copy(await Deno.realPath(file), root + file);
  }
}

/** Debian builds QEMU's emulator of processors as a module. */
async function* emulators(): AsyncGenerator<string> {
  for await (const { name } of Deno.readDir("/usr/lib")) {
    const path = `/usr/lib/${name}/qemu/accel-tcg-x86_64.so`;
    if (await exists(path)) yield path;
  }
}

async function copyFirmware(root: string): Promise<void> {
  for (const name of FIRMWARE) {
    const path = await findQemuData(name);
    if (path === undefined) throw new Error(`QEMU here has no ${name}`);
    await copy(path, root + path);
  }
}

/** What lies beside the guest's kernel; distributions differ in the folder. */
async function besideKernel({ kernel }: Tools, path: string): Promise<string> {
  const base = kernel.slice(0, kernel.lastIndexOf("/boot/"));
  const [first, second] = [`${base}/usr/${path}`, `${base}/${path}`];
  return await exists(first) ? first : second;
}

async function copyModules(tools: Tools, root: string): Promise<void> {
  const busybox = await besideKernel(tools, "bin/busybox");
  const release = tools.kernel.replace(/^.*\/vmlinuz-/, "");
  const folder = await besideKernel(tools, `lib/modules/${release}`);
  const { modules } = await resolveModules(MODULES, { folder, busybox });
  await Deno.mkdir(`${root}/modules`);
  for (const { name, content } of modules) {
    await Deno.writeFile(`${root}/modules/${name}.ko`, content);
  }
  const order = modules.map(({ name }) => name).join("\n");
  await Deno.writeTextFile(`${root}/modules/order`, order + "\n");
  // For QEMU's `exec:`.
  for (const name of ["sh", "cat"]) await copy(busybox, `${root}/bin/${name}`);
}

/** A guest that is saved here goes on there. */
async function addGuest(tools: Tools, root: string): Promise<void> {
  const [release] = tools.qemus;
  if (release === undefined) throw new Error("no QEMU");
  const place = "/guest";
  await Deno.mkdir(root + place);
  const files = {
    state: await savedGuest({ release, tools }),
    kernel: tools.kernel,
    initrd: tools.initrd,
  };
  for (const [name, path] of Object.entries(files)) {
    await copy(path, `${root}${place}/${name}`);
  }
  const options = {
    release: { ...release, dataArgs: [] },
    tools: { kernel: `${place}/kernel`, initrd: `${place}/initrd`, qemus: [] },
    restoreFrom: `${place}/state`,
  };
  const layout = layoutOf(RUN_DIR, INSTANCE);
  await makeFolders(layoutOf(root + RUN_DIR, INSTANCE));
  const fixed = fixedArgs(INSTANCE, layout, options);
  await Deno.writeTextFile(root + layout.runtime, runtimeText(fixed, {}));
  const words = startArgs(INSTANCE, layout, options).map((word) =>
    word.startsWith(`unix:${layout.agent},`) ? `pipe:${AGENT_LINE}` : word
  );
  const quoted = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  const script = `#!/bin/sh\nexec ${quoted.join(" ")}\n`;
  await Deno.writeTextFile(root + START, script, { mode: 0o755 });
}

/**
 * Makes the disk.
 *
 * @param folder absolute; holds the disk `node.img` then
 */
export async function makeNodeImage(
  tools: Tools,
  folder: string,
): Promise<string> {
  const root = `${folder}/root`;
  for (const name of ["bin", "dev", "proc", "run", "sys", "tmp"]) {
    await Deno.mkdir(`${root}/${name}`, { recursive: true });
  }
  for (const name of PROGRAMS) {
    const path = await findInPath(name);
    if (path === undefined) throw new Error(`no program ${name}`);
    await copyProgram(path, root);
  }
  for await (const path of emulators()) await copyProgram(path, root);
  await copyProgram(EXECUTABLE, root);
  await Deno.rename(root + EXECUTABLE, `${root}/bin/kvm-hotplug`);
  await copyFirmware(root);
  await copyModules(tools, root);
  await addGuest(tools, root);
  const image = `${folder}/node.img`;
  const features = ["-t", "ext4", "-O", "^has_journal"];
  await host("mke2fs", "-q", ...features, "-d", root, image, SIZE);
  await Deno.remove(root, { recursive: true });
  return image;
}
