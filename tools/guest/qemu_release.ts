/**
 * The QEMU releases tests run against: the one this machine's distribution
 * has, and 10.0 of Debian's backports, unpacked beside it.
 *
 * @module
 */
import { refreshing, unpack } from "./apt.ts";
import { unpackBackports } from "./backports.ts";
import { makeOnce } from "./cache.ts";
import { findInPath, run } from "./run.ts";
import type { Log, QemuRelease } from "./types.ts";

const PROGRAM = "qemu-system-x86_64";
const PACKAGES = [
  "qemu-system-x86",
  "qemu-system-common",
  "qemu-system-data",
  "seabios",
];

/** Where QEMU looks for a network card's boot ROM on Debian and Ubuntu;
 * without the file `device_add virtio-net-pci` fails. */
export const ROM_FOLDER = "/usr/lib/ipxe/qemu";

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
 * The newer QEMU of the backports suite, downloaded once.
 *
 * @throws {Error} if this machine's archive has no such suite
 */
export async function backportsQemu(
  cache: string,
  log: Log,
): Promise<QemuRelease> {
  const folder = await makeOnce(
    `${cache}/qemu-backports`,
    async (temporary) => {
      await refreshing(log, async () => {
        // The boot ROMs of network cards are in the main suite only.
        await unpack(["ipxe-qemu"], temporary);
      });
      await unpackBackports(PACKAGES, temporary, log);
      await unpackedQemu(temporary);
    },
  );
  return await unpackedQemu(folder);
}

async function unpackedQemu(folder: string): Promise<QemuRelease> {
  const data = [
    `${folder}/usr/share/qemu`,
    `${folder}/usr/share/seabios`,
    // Not in the backports suite; and a QEMU that runs under another uid can
    // read it here, but not in root's cache folder.
    ROM_FOLDER,
  ];
  const dataArgs = data.flatMap((part) => ["-L", part]);
  return await describe(`${folder}/usr/bin/${PROGRAM}`, dataArgs);
}
