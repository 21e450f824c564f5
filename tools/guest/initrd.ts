/**
 * Builds the guest's first (and only) root file system.
 *
 * @module
 */
import { makeOnce, shortHash } from "./cache.ts";
import {
  characterDevice,
  cpioArchive,
  type CpioEntry,
  file,
  folder,
  link,
} from "./cpio.ts";
import { AGENT, HOTPLUG, INIT } from "./init.ts";
import { type Module, resolveModules } from "./modules.ts";
import { run } from "./run.ts";

/** Without these no test can see its device. */
const REQUIRED = ["virtio_pci", "virtio_blk", "virtio_net"];

/** Loaded where the kernel has them. Debian's cloud kernel has no driver
 * for e1000, rtl8139, LSI and MegaRAID; the generic one has all. */
const WELCOME = [
  "virtio_scsi",
  "virtio_balloon",
  "sd_mod",
  "sr_mod",
  "sg",
  "sym53c8xx",
  "megaraid_sas",
  "e1000",
  "8139cp",
  "pcnet32",
  "ne2k_pci",
  "nvme",
  "8021q",
];

/** The parts of an initrd. */
export interface InitrdInputs {
  /** The kernel image; its folder names the release. */
  readonly kernel: string;
  /** The folder `lib/modules/RELEASE` of that kernel. */
  readonly modules: string;
  /** A statically linked busybox. */
  readonly busybox: string;
}

/**
 * The path of the initrd, made only if these inputs were not seen before.
 *
 * @param cache the folder it is kept in
 */
export async function ensureInitrd(
  inputs: InitrdInputs,
  cache: string,
): Promise<string> {
  const key = await shortHash(JSON.stringify([
    INIT,
    AGENT,
    HOTPLUG,
    REQUIRED,
    WELCOME,
    inputs.modules,
    await identity(inputs.kernel),
    await identity(inputs.busybox),
  ]));
  return await makeOnce(`${cache}/initrd-${key}.gz`, async (temporary) => {
    const archive = cpioArchive(await entries(inputs));
    await Deno.writeFile(temporary, await gzip(archive));
  });
}

async function identity(path: string): Promise<string> {
  const { size, mtime } = await Deno.stat(path);
  return `${path} ${size} ${mtime?.getTime()}`;
}

async function entries(inputs: InitrdInputs): Promise<CpioEntry[]> {
  const { modules, missing } = await resolveModules(
    [...REQUIRED, ...WELCOME],
    { folder: inputs.modules, busybox: inputs.busybox },
  );
  const lacking = REQUIRED.filter((name) => missing.includes(name));
  if (lacking.length > 0) {
    throw new Error(`Cannot build the guest: no ${lacking} in this kernel`);
  }
  const applets = (await run(inputs.busybox, ["--list"])).trim().split("\n");
  return [
    ...["bin", "dev", "modules", "mnt", "proc", "sys", "tmp"].map(folder),
    // The kernel opens it before /init runs; without it init has no stdout.
    characterDevice("dev/console", 5, 1),
    file("bin/busybox", await Deno.readFile(inputs.busybox)),
    ...applets.filter((name) => name !== "busybox")
      .map((name) => link(`bin/${name}`, "busybox")),
    file("init", INIT),
    file("bin/agent", AGENT),
    file("bin/hotplug", HOTPLUG),
    file("modules/order", modules.map((m) => m.name).join("\n"), 0o644),
    ...modules.map((module) => moduleFile(module)),
  ];
}

function moduleFile(module: Module): CpioEntry {
  return file(`modules/${module.name}.ko`, module.content, 0o644);
}

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
