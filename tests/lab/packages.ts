/**
 * Packages in a root of their own, and what their use leaves there.
 *
 * @module
 */

import { dirname } from "@std/path/posix";
import { run } from "../../tools/guest/run.ts";
import { LEFT } from "../../tools/package/contents.ts";

/** dpkg on a scratch root of its own. */
export async function dpkg(root: string, ...args: string[]): Promise<string> {
  return await run("dpkg", [
    ...[`--root=${root}`, "--force-not-root", "--force-depends"],
    ...["--force-script-chrootless", "--log=/dev/null"],
    ...args,
  ]);
}

/** A root that dpkg can install into. */
export async function scratchRoot(folder: string): Promise<string> {
  const root = `${folder}/root`;
  for (const name of ["info", "updates", "triggers"]) {
    await Deno.mkdir(`${root}/var/lib/dpkg/${name}`, { recursive: true });
  }
  for (const name of ["status", "available"]) {
    await Deno.writeTextFile(`${root}/var/lib/dpkg/${name}`, "");
  }
  return root;
}

/** All files below a folder, by path; none if there is no folder. */
export async function filesBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const path = `${folder}/${name}`;
      if (isDirectory) found.push(...await filesBelow(path));
      else found.push(path);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return found.sort();
}

/** Makes what the timer leaves when it was enabled and has run. */
export async function leave(root: string): Promise<string[]> {
  const paths = LEFT.map((path) => `${root}/${path}`);
  for (const path of paths) {
    await Deno.mkdir(dirname(path), { recursive: true });
    const isLink = path.includes("/etc/systemd/");
    const unit = "/usr/lib/systemd/system/kvm-hotplug-metrics.timer";
    if (isLink) await Deno.symlink(unit, path);
    else await Deno.writeTextFile(path, "");
  }
  return paths;
}

/** The programs that scripts of packages need, with their libraries. */
export async function addPrograms(
  root: string,
  programs: readonly string[],
): Promise<void> {
  const files = new Set(programs);
  for (const program of programs) {
    const text = await run("ldd", [program]);
    for (const [path] of text.matchAll(/\/\S+/g)) files.add(path);
  }
  for (const path of files) {
    await Deno.mkdir(`${root}${dirname(path)}`, { recursive: true });
    await Deno.copyFile(path, `${root}${path}`);
  }
}

const CHANGES = ["--install", "--upgrade", "--erase"];

/** rpm on a scratch root of its own. */
export async function rpm(root: string, ...args: string[]): Promise<string> {
  const own = ["--root", root, "--dbpath", "/var/lib/rpm"];
  // Debian's rpm changes nothing by itself.
  const force = args.some((one) => CHANGES.includes(one))
    ? ["--force-debian", "--nosignature"]
    : [];
  return await run("rpm", [...own, ...force, ...args]);
}
