/**
 * The QEMU releases tests run against: the one this machine's distribution
 * has, and the newer one of Debian's backports, unpacked beside it.
 *
 * @module
 */
import { backportsSuite, unpackBackports } from "./backports.ts";
import { makeOnce } from "./cache.ts";
import { exists, findInPath, run } from "./run.ts";
import type { Log, QemuRelease } from "./types.ts";

const PROGRAM = "qemu-system-x86_64";
const PACKAGES = [
  "qemu-system-x86",
  "qemu-system-common",
  "qemu-system-data",
  "seabios",
];

/** A network card's boot ROM; without it `device_add virtio-net-pci` fails. */
export const NETWORK_ROM = "efi-virtio.rom";

/**
 * The path of one of QEMU's data files (firmware, boot ROMs): QEMU itself tells
 * its folders, because distributions keep the files in different places.
 *
 * @returns undefined if this machine has no such file, or no QEMU
 */
export async function findQemuData(name: string): Promise<string | undefined> {
  const binary = await findInPath(PROGRAM);
  if (binary === undefined) return undefined;
  const folders = (await run(binary, ["-L", "help"])).trim().split("\n");
  for (const folder of folders) {
    if (!await exists(`${folder}/${name}`)) continue;
    return `${await Deno.realPath(folder)}/${name}`;
  }
  return undefined;
}

/** The QEMU of this machine, undefined if there is none. */
export async function installedQemu(): Promise<QemuRelease | undefined> {
  const binary = await findInPath(PROGRAM);
  return binary === undefined ? undefined : await describe(binary, []);
}

async function describe(
  binary: string,
  dataArgs: readonly string[],
): Promise<QemuRelease> {
  const text = await run(binary, ["--version"]);
  const [, version, name] = /version ((\d+\.\d+)[\d.]*)/.exec(text) ?? [];
  if (version === undefined || name === undefined) {
    throw new Error(`Cannot tell the version of ${binary}: "${text.trim()}"`);
  }
  return { name, version, binary, dataArgs };
}

/**
 * The QEMU of the backports suite, downloaded once. The machine's own must be
 * installed: it brings the libraries and the boot ROMs.
 *
 * @throws {Error} if this machine's archive has no such suite
 */
export async function backportsQemu(
  cache: string,
  log: Log,
): Promise<QemuRelease> {
  const folder = await makeOnce(
    // A machine that is upgraded has another suite then.
    `${cache}/qemu-${await backportsSuite()}`,
    async (temporary) => {
      await unpackBackports(PACKAGES, temporary, log);
      await unpackedQemu(temporary);
    },
  );
  return await unpackedQemu(folder);
}

async function unpackedQemu(folder: string): Promise<QemuRelease> {
  const rom = await findQemuData(NETWORK_ROM);
  if (rom === undefined) throw new Error(`Cannot find ${NETWORK_ROM}`);
  const data = [
    `${folder}/usr/share/qemu`,
    `${folder}/usr/share/seabios`,
    // Not in the backports suite; and a QEMU that runs under another uid can
    // read it here, but not in root's cache folder.
    rom.slice(0, rom.lastIndexOf("/")),
  ];
  const dataArgs = data.flatMap((part) => ["-L", part]);
  return await describe(`${folder}/usr/bin/${PROGRAM}`, dataArgs);
}
