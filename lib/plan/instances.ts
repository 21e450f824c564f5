/**
 * Which instances there are on this node, and which are not.
 *
 * @module
 */

import { join } from "@std/path/posix";
import { HotplugError, messageOf, passShortage, refuse } from "../errors.ts";
import { namesIn } from "../host/look.ts";
import { findQemu } from "../host/process.ts";
import {
  type InstancePaths,
  isInstanceName,
  runtimeDir,
} from "../state/instance.ts";
import { isRuntimeThere } from "../state/runtime_file.ts";

/**
 * Names of the instances that have a runtime file.
 *
 * @throws {HotplugError} `refused` if the directory cannot be read
 */
export function listInstances(runDir: string): string[] {
  const directory = runtimeDir(runDir);
  try {
    return [...Deno.readDirSync(directory)]
      .flatMap(({ name }) => /^(.+)\.runtime$/.exec(name)?.[1] ?? [])
      .filter(isInstanceName)
      .sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    passShortage(error);
    throw refuse(`Cannot read ${directory}: ${messageOf(error)}`);
  }
}

function namesOfInstances(runDir: string): string[] {
  try {
    return listInstances(runDir);
  } catch {
    // The missing file is what was to be told.
    return [];
  }
}

/** The error of an instance without a runtime file. */
export function noInstance(paths: InstancePaths): HotplugError {
  const { name, runtime, runDir, qmp } = paths;
  if (isRuntimeThere(qmp)) {
    return new HotplugError(
      "no-such-instance",
      `Instance ${name} has no runtime file ${runtime}, only a QMP socket`,
      { hint: `kvm-hotplug adopt ${name} records what QEMU has` },
    );
  }
  return new HotplugError(
    "no-such-instance",
    `No instance ${name} on this node: there is no runtime file ${runtime}`,
    {
      choice: { word: name, known: namesOfInstances(runDir) },
      hint: "list shows the instances of this node",
    },
  );
}

/**
 * For a question to QEMU alone: looks whether there is anything of that name.
 *
 * @throws {HotplugError} `no-such-instance`
 */
export function expectAnything(paths: InstancePaths): void {
  const { isDerived, qmp, runtime } = paths;
  if (!isDerived || isRuntimeThere(qmp) || isRuntimeThere(runtime)) return;
  throw noInstance(paths);
}

/** Names of other instances whose pid file leads to their QEMU. */
export function runningBeside(
  runDir: string,
  known: readonly string[],
): string[] {
  const folder = join(runDir, "kvm-hypervisor", "pid");
  // Without it, who has a runtime file is listed all the same.
  return namesIn(folder)
    .filter((name) => isInstanceName(name) && !known.includes(name))
    .filter((name) => findQemu(join(folder, name), name) !== undefined);
}
