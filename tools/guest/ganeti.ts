/**
 * Ganeti 3.1, unpacked and never installed: it shows how Ganeti itself handles
 * our files and devices. Debian has it in backports up to 12, and in the suite
 * itself from 13 on.
 *
 * @module
 */
import { install } from "./apt.ts";
import { unpackFromAnySuite } from "./backports.ts";
import { cacheFolder, makeOnce } from "./cache.ts";
import { exists, run } from "./run.ts";
import type { Log } from "./types.ts";
import { unlessLeftOut } from "./without.ts";

/** Where Ganeti is. */
export interface Ganeti {
  /** The Python that has its dependencies. */
  readonly python: string;
  /** For PYTHONPATH. */
  readonly modules: string;
  /** Its network script for taps, which finds its parts. */
  readonly ifup: string;
}

/** The distribution's own: its packages are not for any other. */
const PYTHON = "/usr/bin/python3";

/** The imports of the node daemon, and their packages. */
const DEPENDENCIES = {
  // Part of Python itself up to 3.11.
  asyncore: "python3-pyasyncore",
  bitarray: "python3-bitarray",
  OpenSSL: "python3-openssl",
  psutil: "python3-psutil",
  pycurl: "python3-pycurl",
  pyparsing: "python3-pyparsing",
} as const;

async function imports(module: string): Promise<boolean> {
  try {
    await run(PYTHON, ["-c", `import ${module}`]);
    return true;
  } catch {
    return false;
  }
}

async function installMissing(log: Log): Promise<void> {
  const packages: string[] = [];
  if (!await exists(PYTHON)) packages.push("python3");
  for (const [module, name] of Object.entries(DEPENDENCIES)) {
    if (!await imports(module)) packages.push(name);
  }
  if (packages.length > 0) await install(packages, log);
}

/** Where the package has what belongs to no Python. */
const LIB = "usr/lib/ganeti/3.1/usr/lib/ganeti";

/** Its script names the folder of its parts: unpacked, that is another one. */
async function relocate(unpacked: string, folder: string): Promise<void> {
  const path = `${unpacked}/${LIB}/kvm-ifup`;
  const text = await Deno.readTextFile(path);
  const moved = text.replaceAll("/usr/lib/ganeti/", `${folder}/${LIB}/`);
  await Deno.writeTextFile(path, moved);
}

/** Ganeti, downloaded once; where it cannot be had, it is left out. */
export function findGaneti(log: Log): Promise<Ganeti | undefined> {
  const options = { log, inCI: "required" } as const;
  return unlessLeftOut("GANETI", () => ensureGaneti(log), options);
}

async function ensureGaneti(log: Log): Promise<Ganeti> {
  const cache = await cacheFolder();
  const folder = `${cache}/ganeti`;
  await makeOnce(folder, async (temporary) => {
    await unpackFromAnySuite(["ganeti-3.1"], temporary, log);
    await relocate(temporary, folder);
  });
  await installMissing(log);
  return {
    python: PYTHON,
    modules: `${folder}/usr/share/ganeti/3.1`,
    ifup: `${folder}/${LIB}/kvm-ifup`,
  };
}
