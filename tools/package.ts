/**
 * `deno task deb`, `deno task rpm` and `deno task dist`: what a cluster
 * distributes.
 *
 *     deno run -A tools/package.ts deb     dist/kvm-hotplug_VERSION_ARCH.deb and
 *                                          kvm-hotplug-ganeti_VERSION_all.deb
 *     deno run -A tools/package.ts rpm     dist/kvm-hotplug-VERSION-1.ARCH.rpm
 *     deno run -A tools/package.ts dist    dist/kvm-hotplug{,.zst}, the same
 *                                          for aarch64, and SHA256SUMS
 *
 * @module
 */

import { buildExecutable } from "./build/executable.ts";
import { SUMMARY, VERSION } from "../lib/version.ts";
import { install } from "./guest/apt.ts";
import { isInPath, run } from "./guest/run.ts";
import {
  DEBIAN_PLACES,
  gzip,
  LEFT,
  ROOT,
  stage,
  UNITS,
  write,
} from "./package/contents.ts";
import { makeRpm } from "./package/rpm.ts";

const DIST = `${ROOT}dist`;

/** Debian's words for architectures: dpkg-architecture(1). */
const ARCHITECTURES = { x86_64: "amd64", aarch64: "arm64" } as const;

/** There is no address: RFC 2606. */
const MAINTAINER = "kvm-hotplug <kvm-hotplug@kvm-hotplug.invalid>";

/** One package of one release. */
interface Release {
  readonly arch: string;
  readonly version: string;
}

function control({ arch, version }: Release, installedKib: number): string {
  return `Package: kvm-hotplug
Version: ${version}
Architecture: ${arch}
Maintainer: ${MAINTAINER}
Installed-Size: ${installedKib}
Depends: libc6 (>= 2.28), libgcc-s1 | libgcc1
Recommends: iproute2
Section: admin
Priority: optional
Description: ${SUMMARY}
 Works on a node of a Ganeti cluster, or beside any QEMU
 with a QMP socket: plans first, undoes what fails, recovers after a kill, and
 records every change in the runtime file.
`;
}

const SYSTEMD = '[ -z "$DPKG_ROOT" ] && [ -d /run/systemd/system ]';
const RELOAD = `if ${SYSTEMD}; then
    systemctl --system daemon-reload >/dev/null || true
fi
`;

/** The timer stays off until a person enables it, and goes with the package. */
const SCRIPTS = {
  postinst: RELOAD,
  prerm: `if [ "$1" = remove ] && ${SYSTEMD}; then
    deb-systemd-invoke stop ${UNITS.join(" ")} >/dev/null || true
fi
`,
  postrm: `if [ "$1" = remove ] || [ "$1" = purge ]; then
    rm -f ${LEFT.map((path) => `"$DPKG_ROOT/${path}"`).join(" \\\n        ")}
fi
${RELOAD}`,
};

/** What lintian reports of Deno, which the executable is made of. */
const OVERRIDES = `# Deno is one executable, and this library is a part of it.
kvm-hotplug: embedded-library lcms2 [usr/sbin/kvm-hotplug]
`;

/** Makes the scripts that dpkg runs. */
async function writeScripts(root: string): Promise<void> {
  for (const [name, text] of Object.entries(SCRIPTS)) {
    const path = `${root}/DEBIAN/${name}`;
    await write(path, `#!/bin/sh\nset -e\n${text}`);
    await Deno.chmod(path, 0o755);
  }
}

/** @param date of the newest file: packages of the same files are the same */
function changelogOf(
  { name, version }: { readonly name: string; readonly version: string },
  date: Date | null,
): Uint8Array {
  const day = (date ?? new Date(0)).toUTCString().replace("GMT", "+0000");
  return gzip(`${name} (${version}) unstable; urgency=medium

  * Release ${version}.

 -- ${MAINTAINER}  ${day}
`);
}

/**
 * Makes a Debian package of an executable.
 *
 * @param folder where it is put
 * @param version @default that of the executable
 * @returns its path
 */
export async function makeDeb(
  executable: string,
  folder: string,
  version: string = VERSION,
): Promise<string> {
  const arch = ARCHITECTURES[Deno.build.arch];
  const release = { arch, version };
  const path = `${folder}/kvm-hotplug_${version}_${arch}.deb`;
  return await buildDeb(path, async (root) => {
    await stage(executable, { root, places: DEBIAN_PLACES });
    const { size, mtime } = await Deno.stat(executable);
    const log = changelogOf({ name: "kvm-hotplug", version }, mtime);
    await write(`${root}/usr/share/doc/kvm-hotplug/changelog.gz`, log);
    await write(`${root}/usr/share/lintian/overrides/kvm-hotplug`, OVERRIDES);
    const text = control(release, Math.ceil(size / 1024));
    await write(`${root}/DEBIAN/control`, text);
    await writeScripts(root);
  });
}

/** Makes a package at a path from the files below a folder. */
async function buildDeb(
  path: string,
  fill: (root: string) => Promise<void>,
): Promise<string> {
  const root = await Deno.makeTempDir({ prefix: "kvm-hotplug-deb-" });
  try {
    await Deno.chmod(root, 0o755);
    await fill(root);
    // The least compression: half a minute for a tenth less is a bad bargain.
    const how = ["--root-owner-group", "-Zxz", "-z0", "--build"];
    await run("dpkg-deb", [...how, root, path]);
    return path;
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

/** Where Ganeti's node daemon is told to look. */
const MODULES = "usr/lib/kvm-hotplug/ganeti";
const DROP_IN = "usr/lib/systemd/system/ganeti-noded.service.d";

const GANETI_FILES = {
  "kvm_hotplug_noded.py": MODULES,
  "usercustomize.py": MODULES,
  "kvm-hotplug.conf": DROP_IN,
  "README.md": "usr/share/doc/kvm-hotplug-ganeti",
} as const;

const GANETI_CONTROL = `Package: kvm-hotplug-ganeti
Version: ${VERSION}
Architecture: all
Maintainer: ${MAINTAINER}
Depends: python3 (>= 3.9)
Recommends: kvm-hotplug
Enhances: ganeti
Section: admin
Priority: optional
Description: Ganeti's node daemon hotplugs by kvm-hotplug
 A Python module that makes ganeti-noded call kvm-hotplug where it would hotplug
 by itself. README.md says how it is switched on, off, and removed.
`;

/** The files that Python has compiled of them do not belong to the package. */
const GANETI_PRERM = `#!/bin/sh
set -e
rm -rf "$DPKG_ROOT/${MODULES}/__pycache__"
`;

/**
 * Makes the Debian package of integrations/ganeti.
 *
 * @param folder where it is put
 * @returns its path
 */
export async function makeGanetiDeb(folder: string): Promise<string> {
  const path = `${folder}/kvm-hotplug-ganeti_${VERSION}_all.deb`;
  return await buildDeb(path, async (root) => {
    for (const [name, place] of Object.entries(GANETI_FILES)) {
      const from = `${ROOT}integrations/ganeti/${name}`;
      await write(`${root}/${place}/${name}`, await Deno.readTextFile(from));
    }
    const copyright = await Deno.readTextFile(`${ROOT}LICENSE`);
    const doc = `${root}/usr/share/doc/kvm-hotplug-ganeti`;
    await write(`${doc}/copyright`, copyright);
    const named = { name: "kvm-hotplug-ganeti", version: VERSION };
    const { mtime } = await Deno.stat(`${ROOT}integrations/ganeti/README.md`);
    await write(`${doc}/changelog.gz`, changelogOf(named, mtime));
    await write(`${root}/DEBIAN/control`, GANETI_CONTROL);
    await write(`${root}/DEBIAN/prerm`, GANETI_PRERM);
    await Deno.chmod(`${root}/DEBIAN/prerm`, 0o755);
  });
}

async function sha256(path: string): Promise<string> {
  const digest = await crypto.subtle.digest(
    "SHA-256",
    await Deno.readFile(path),
  );
  return new Uint8Array(digest).toHex();
}

const log = (line: string) => console.error(line);

/** The executable, and that for aarch64 if it is another. */
async function buildAll(): Promise<string[]> {
  const own = await buildExecutable({});
  if (own.target === "aarch64") return [own.path];
  const { path } = await buildExecutable({ target: "aarch64", log });
  return [own.path, path];
}

/** Leaves the executables compressed, and sums to check all by. */
async function makeDist(executables: readonly string[]): Promise<string[]> {
  if (!await isInPath("zstd")) await install(["zstd"], log);
  const files: string[] = [];
  for (const executable of executables) {
    const packed = `${executable}.zst`;
    await run("zstd", ["-q", "-f", "-T0", "-12", executable, "-o", packed]);
    files.push(executable, packed);
  }
  const lines: string[] = [];
  for (const file of files) {
    const name = file.slice(file.lastIndexOf("/") + 1);
    lines.push(`${await sha256(file)}  ${name}\n`);
  }
  const sums = `${DIST}/SHA256SUMS`;
  await Deno.writeTextFile(sums, lines.join(""));
  return [...files, sums];
}

async function makeDebs(): Promise<string[]> {
  const { path } = await buildExecutable({});
  return [await makeDeb(path, DIST), await makeGanetiDeb(DIST)];
}

async function makeRpms(): Promise<string[]> {
  if (!await isInPath("rpmbuild")) await install(["rpm"], log);
  return [await makeRpm((await buildExecutable({})).path, DIST)];
}

const MAKERS = new Map([
  ["deb", makeDebs],
  ["rpm", makeRpms],
  ["dist", async () => await makeDist(await buildAll())],
]);

async function main([what]: string[]): Promise<number> {
  const make = what === undefined ? undefined : MAKERS.get(what);
  if (make === undefined) {
    console.error(`Say what to make: ${[...MAKERS.keys()].join(", ")}`);
    return 2;
  }
  try {
    const made = await make();
    for (const file of made) {
      const { size } = await Deno.stat(file);
      console.log(`${file}  ${(size / 1e6).toFixed(1)} MB`);
    }
    return 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
