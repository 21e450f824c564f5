/**
 * Finds, downloads or installs what tests, demo and bench need to start
 * throw-away virtual machines: QEMU, a guest kernel, a guest initrd.
 *
 * ```sh
 * deno run -A tools/setup.ts
 * ```
 *
 * @module
 */
import { install } from "./guest/apt.ts";
import { cacheFolder, withLock } from "./guest/cache.ts";
import { ensureInitrd } from "./guest/initrd.ts";
import { ensureKernel } from "./guest/kernel.ts";
import {
  backportsQemu,
  findQemuData,
  installedQemu,
  NETWORK_ROM,
} from "./guest/qemu_release.ts";
import { isInPath } from "./guest/run.ts";
import type { Log, QemuRelease, Tools } from "./guest/types.ts";
import { unlessLeftOut } from "./guest/without.ts";

export type { QemuRelease, Tools };

/** The request of {@link ensureTools}. */
export interface SetupOptions {
  /** Tests also want the newer QEMU of backports, shells and man. */
  readonly purpose: "tests" | "demo";
  /** Called for each download and installation. */
  readonly log: Log;
}

/**
 * Everything a test machine needs. The first call on a fresh machine
 * downloads about 60 MB and must be root's; later ones only look.
 *
 * @throws {Error} one line that says what is missing. A second QEMU is left
 * out where it cannot be had; with `CI=true` only if the installed one is new
 * itself.
 */
export async function ensureTools(options: SetupOptions): Promise<Tools> {
  const { log } = options;
  const cache = await cacheFolder();
  await withLock(`${cache}/install.lock`, () =>
    installMissing(
      options.purpose === "tests" ? [...PACKAGES, ...TEST_PACKAGES] : PACKAGES,
      log,
    ));
  const installed = await installedQemu();
  if (installed === undefined) throw new Error("Cannot find QEMU in PATH");
  const inputs = await ensureKernel(cache, log);
  const initrd = await ensureInitrd(inputs, cache);
  const qemus = [installed];
  if (options.purpose === "tests") {
    const newer = await newerQemu(cache, installed, log);
    if (newer) qemus.push(newer);
  }
  return { kernel: inputs.kernel, initrd, qemus };
}

/** A program or a data file of QEMU, and the package that brings it. */
const PACKAGES: readonly (readonly [string, string])[] = [
  ["qemu-system-x86_64", "qemu-system-x86"],
  [NETWORK_ROM, "ipxe-qemu"],
  ["ip", "iproute2"],
];

/**
 * Packages that only the tests need: shells for completion, a terminal, images,
 * a reader of manuals, a tracer.
 */
const TEST_PACKAGES: typeof PACKAGES = [
  ["zsh", "zsh"],
  ["fish", "fish"],
  ["man", "man-db"],
  ["tmux", "tmux"],
  ["qemu-img", "qemu-utils"],
  ["strace", "strace"],
];

async function isThere(file: string): Promise<boolean> {
  return await isInPath(file) || await findQemuData(file) !== undefined;
}

async function installMissing(
  wanted: typeof PACKAGES,
  log: Log,
): Promise<void> {
  const packages: string[] = [];
  for (const [file, packageName] of wanted) {
    if (!await isThere(file)) packages.push(packageName);
  }
  if (packages.length > 0) await install(packages, log);
}

/** Whether a run with this release alone is enough for CI. */
export function isNew({ name }: QemuRelease): boolean {
  return Number(name) >= 10;
}

async function newerQemu(
  cache: string,
  installed: QemuRelease,
  log: Log,
): Promise<QemuRelease | undefined> {
  return await unlessLeftOut("NEWER_QEMU", async () => {
    const other = await backportsQemu(cache, log);
    if (Number(other.name) > Number(installed.name)) return other;
    throw new Error(
      `backports has ${other.version}, installed is ${installed.version}`,
    );
  }, { log, inCI: isNew(installed) ? "optional" : "required" });
}

if (import.meta.main) {
  const log = (line: string) => console.error(`setup: ${line}`);
  try {
    const tools = await ensureTools({ purpose: "tests", log });
    console.log(JSON.stringify(tools, null, 2));
  } catch (error) {
    log(error instanceof Error ? error.message : String(error));
    Deno.exit(1);
  }
}
