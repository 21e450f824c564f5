/**
 * The QEMU releases tests run against: the one this machine's distribution
 * has, and 10.0 of Debian's backports, unpacked beside it.
 *
 * @module
 */
import { type AptConfig, aptGet, refreshing, unpack } from "./apt.ts";
import { makeOnce } from "./cache.ts";
import { exists, findInPath, run } from "./run.ts";
import type { Log, QemuRelease } from "./types.ts";

const PROGRAM = "qemu-system-x86_64";
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

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
      const codename = await osCodename();
      await refreshing(log, async () => {
        const uri = await archiveUri(codename);
        log(`download QEMU of ${codename}-backports, to be run from ${cache}`);
        // The boot ROMs of network cards are in the main suite only.
        await unpack(["ipxe-qemu"], temporary);
        const config = await privateConfig(temporary, { uri, codename });
        await aptGet([...config, "update"]);
        await unpack(
          [
            "qemu-system-x86",
            "qemu-system-common",
            "qemu-system-data",
            "seabios",
          ],
          temporary,
          config,
        );
      });
      await Deno.remove(`${temporary}/apt`, { recursive: true });
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

async function osCodename(): Promise<string> {
  const text = await Deno.readTextFile("/etc/os-release");
  const codename = /^VERSION_CODENAME=(\w+)$/m.exec(text)?.[1];
  if (codename === undefined) {
    throw new Error("Cannot find VERSION_CODENAME in /etc/os-release");
  }
  return codename;
}

/** Where this machine gets its main suite from: a mirror has both. */
async function archiveUri(codename: string): Promise<string> {
  const format = "$(ORIGIN)|$(CODENAME)|$(COMPONENT)|$(REPO_URI)";
  const text = await aptGet([
    "indextargets",
    ...["--format", format, "Created-By: Packages"],
  ]);
  for (const line of text.split("\n")) {
    const [origin, suite, component, uri] = line.split("|");
    if (origin !== "Debian" || suite !== codename) continue;
    if (component === "main" && uri) return uri;
  }
  throw new Error(`Cannot find Debian's ${codename}/main in apt's sources`);
}

/** A configuration that knows the backports suite and nothing else, kept in
 * a folder of its own: the machine's sources and lists are not touched. */
async function privateConfig(
  folder: string,
  archive: { uri: string; codename: string },
): Promise<AptConfig> {
  const apt = `${folder}/apt`;
  const suite = `${archive.codename}-backports`;
  await Deno.mkdir(`${apt}/lists/partial`, { recursive: true });
  await Deno.mkdir(`${apt}/cache/archives/partial`, { recursive: true });
  const signed = await exists(KEYRING) ? `[signed-by=${KEYRING}] ` : "";
  await Deno.writeTextFile(
    `${apt}/sources.list`,
    `deb ${signed}${archive.uri} ${suite} main\n`,
  );
  return [
    `Dir::Etc::sourcelist=${apt}/sources.list`,
    "Dir::Etc::sourceparts=/dev/null",
    "Dir::Etc::preferences=/dev/null",
    "Dir::Etc::preferencesparts=/dev/null",
    `Dir::State::lists=${apt}/lists`,
    `Dir::Cache=${apt}/cache`,
    `APT::Default-Release=${suite}`,
    "APT::Update::Error-Mode=any",
    "Acquire::Languages=none",
  ].flatMap((setting) => ["-o", setting]);
}
