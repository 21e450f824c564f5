/**
 * `deno task deb` and `deno task dist`: what a cluster distributes.
 *
 *     deno run -A tools/package.ts deb     dist/kvm-hotplug_VERSION_ARCH.deb and
 *                                          kvm-hotplug-ganeti_VERSION_all.deb
 *     deno run -A tools/package.ts dist    dist/kvm-hotplug{,.zst}, the same
 *                                          for aarch64, and SHA256SUMS
 *
 * @module
 */

import { buildExecutable } from "./build/executable.ts";
import { SUMMARY, VERSION } from "../lib/version.ts";
import { manPage } from "../lib/commands/man.ts";
import { SCRIPTS } from "../lib/commands/completion_scripts.ts";
import { install } from "./guest/apt.ts";
import { isInPath, run } from "./guest/run.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const DIST = `${ROOT}dist`;

/** Debian's words for architectures: dpkg-architecture(1). */
const ARCHITECTURES = { x86_64: "amd64", aarch64: "arm64" } as const;

/** Where Debian's shells look for completions. */
const COMPLETIONS = {
  bash: "usr/share/bash-completion/completions/kvm-hotplug",
  zsh: "usr/share/zsh/vendor-completions/_kvm-hotplug",
  fish: "usr/share/fish/vendor_completions.d/kvm-hotplug.fish",
} as const;

function control(arch: string, installedKib: number): string {
  return `Package: kvm-hotplug
Version: ${VERSION}
Architecture: ${arch}
Maintainer: kvm-hotplug <root@localhost>
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

async function write(path: string, content: string | Uint8Array) {
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  await Deno.writeFile(
    path,
    typeof content === "string" ? new TextEncoder().encode(content) : content,
    { mode: 0o644 },
  );
}

async function gzip(text: string): Promise<Uint8Array> {
  const stream = new Blob([text]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The package's files below a folder. */
async function stage(executable: string, root: string): Promise<void> {
  await write(`${root}/usr/sbin/kvm-hotplug`, "");
  await Deno.copyFile(executable, `${root}/usr/sbin/kvm-hotplug`);
  await Deno.chmod(`${root}/usr/sbin/kvm-hotplug`, 0o755);
  await write(
    `${root}/usr/share/man/man8/kvm-hotplug.8.gz`,
    await gzip(manPage()),
  );
  for (const [shell, path] of Object.entries(COMPLETIONS)) {
    await write(`${root}/${path}`, `${SCRIPTS.get(shell)}\n`);
  }
  const copyright = await Deno.readTextFile(`${ROOT}LICENSE`);
  await write(`${root}/usr/share/doc/kvm-hotplug/copyright`, copyright);
}

/**
 * Makes a Debian package of an executable.
 *
 * @param folder where it is put
 * @returns its path
 */
export async function makeDeb(
  executable: string,
  folder: string,
): Promise<string> {
  const arch = ARCHITECTURES[Deno.build.arch];
  const path = `${folder}/kvm-hotplug_${VERSION}_${arch}.deb`;
  return await buildDeb(path, async (root) => {
    await stage(executable, root);
    const { size } = await Deno.stat(executable);
    const text = control(arch, Math.ceil(size / 1024));
    await write(`${root}/DEBIAN/control`, text);
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
Maintainer: kvm-hotplug <root@localhost>
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

async function main([what]: string[]): Promise<number> {
  if (what !== "deb" && what !== "dist") {
    console.error("Say what to make: deb or dist");
    return 2;
  }
  try {
    const made = what === "deb"
      ? [
        await makeDeb((await buildExecutable({})).path, DIST),
        await makeGanetiDeb(DIST),
      ]
      : await makeDist(await buildAll());
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
