/**
 * Packages of a Debian-like machine: installed, or only unpacked somewhere.
 *
 * @module
 */
import { isInPath, run } from "./run.ts";
import type { Log } from "./types.ts";

const ENVIRONMENT = { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" };

/** Waits for another apt or dpkg; downloads as the user we are, because
 * apt's own user cannot write into a private folder. */
const COMMON = [
  ...["-q", "-y", "-o", "DPkg::Lock::Timeout=300"],
  ...["-o", "APT::Sandbox::User=root"],
];

/** Options that make apt use other sources, lists and caches. */
export type AptConfig = readonly string[];

/** Runs apt-get. @throws {Error} with apt's last lines, and the command
 * without its settings: they are long, and the cause comes after them. */
export async function aptGet(
  args: readonly string[],
  options: { cwd?: string } = {},
): Promise<string> {
  const settings = { ...options, env: ENVIRONMENT };
  const all = [...COMMON, ...args];
  try {
    return await run("apt-get", all, settings);
  } catch (cause) {
    const shown = args.filter((one, k) => one !== "-o" && args[k - 1] !== "-o");
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new Error(text.replace(all.join(" "), shown.join(" ")), { cause });
  }
}

/** Installs packages without what they merely recommend. */
export async function install(
  packages: readonly string[],
  log: Log,
): Promise<void> {
  const command = `apt-get install --no-install-recommends ${
    packages.join(" ")
  }`;
  if (!await isInPath("apt-get")) {
    throw new Error(`Cannot install ${packages.join(", ")}: no apt-get here`);
  }
  if (Deno.uid() !== 0) {
    throw new Error(`Missing here: as root, run: ${command}`);
  }
  log(command);
  await refreshing(log, async () => {
    await aptGet(["install", "--no-install-recommends", ...packages]);
  });
}

/**
 * Tries; if that fails, gets new package lists and tries once more: the lists
 * of a new machine are empty, old lists name packages that are gone. Only root
 * can do this.
 */
export async function refreshing<T>(
  log: Log,
  action: () => Promise<T>,
): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (Deno.uid() !== 0) throw error;
    log("apt-get update");
    await aptGet(["update"]);
    return await action();
  }
}

/**
 * Downloads packages and unpacks them into a folder; installs nothing.
 *
 * @param config none: the machine's own sources
 */
export async function unpack(
  packages: readonly string[],
  folder: string,
  config: AptConfig = [],
): Promise<void> {
  const debs = `${folder}/debs`;
  await Deno.mkdir(debs, { recursive: true });
  await aptGet([...config, "download", ...packages], { cwd: debs });
  for await (const { name } of Deno.readDir(debs)) {
    if (!name.endsWith(".deb")) continue;
    await run("dpkg-deb", ["-x", `${debs}/${name}`, folder]);
  }
  await Deno.remove(debs, { recursive: true });
}

/**
 * The first package a meta package depends on that matches.
 *
 * @param config none: the machine's own sources
 */
export async function dependency(
  packageName: string,
  pattern: RegExp,
  config: AptConfig = [],
): Promise<string | undefined> {
  const args = [...config, "depends", "--important", packageName];
  const text = await cache(args);
  const names = [...text.matchAll(/Depends: ([^\s<>]+)/g)].map((m) => m[1]);
  return names.find((name) => name !== undefined && pattern.test(name));
}

/**
 * The libraries that apt would install with a package: it needs them, and
 * this machine has none, or only older ones. Installs nothing.
 *
 * @throws {Error} if the lists do not know the package
 */
export async function missingLibraries(packageName: string): Promise<string[]> {
  const options = ["--simulate", "--no-install-recommends"];
  const text = await aptGet([...options, "install", packageName]);
  return [...text.matchAll(/^Inst (lib\S+)/gm)].flatMap(([, name = ""]) =>
    name
  );
}

/** The version that would be installed, undefined if there is none. */
export async function candidate(
  packageName: string,
): Promise<string | undefined> {
  const text = await cache(["policy", packageName]);
  return /Candidate: ([^(\s]+)/.exec(text)?.[1];
}

/** True if the lists know a version of this package. */
export async function isKnown(packageName: string): Promise<boolean> {
  return await candidate(packageName) !== undefined;
}

/** apt-cache, which fails for a name it has never heard of: "". */
async function cache(args: readonly string[]): Promise<string> {
  try {
    return await run("apt-cache", args, { env: ENVIRONMENT });
  } catch {
    return "";
  }
}
