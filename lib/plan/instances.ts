/**
 * The instances of this node.
 *
 * @module
 */

import { join } from "@std/path/posix";
import {
  HotplugError,
  isDenied,
  messageOf,
  passShortage,
  permissionDenied,
  refuse,
} from "../errors.ts";
import { isThere } from "../host/look.ts";
import { findQemu } from "../host/process.ts";
import {
  commandLine,
  type InstancePaths,
  instancePaths,
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
    if (isDenied(error)) throw permissionDenied(messageOf(error), error);
    throw refuse(`Cannot read ${directory}: ${messageOf(error)}`);
  }
}

function namesOfInstances(runDir: string): string[] {
  try {
    return listInstances(runDir);
  } catch {
    // The caller reports the missing file.
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
      {
        hint: `to make a runtime file from the running VM, run: ${
          commandLine(paths, "adopt", name)
        }`,
      },
    );
  }
  return new HotplugError(
    "no-such-instance",
    `No instance ${name} on this node: there is no runtime file ${runtime}`,
    {
      choice: { word: name, known: namesOfInstances(runDir) },
      hint: `to see the instances of this node, run: ${
        commandLine(paths, "list")
      }`,
    },
  );
}

/** Whether something is at a path, or cannot be seen. */
function mayBeThere(path: string): boolean {
  try {
    return isThere(path);
  } catch {
    return true;
  }
}

/** Names of the instances that have a QMP socket. */
function listSockets(runDir: string): string[] {
  return namesOf(join(runDir, "kvm-hypervisor", "ctrl"))
    .flatMap((file) => /^(.+)\.qmp$/.exec(file)?.[1] ?? [])
    .filter(isInstanceName);
}

/**
 * The instance that a word means, as in Ganeti: the instance with this name,
 * else the only one with a name that begins with the word, up to a dot. An
 * instance has a runtime file, a QMP socket, or a pid file that leads to its
 * QEMU.
 *
 * @returns the word itself, if there is none
 * @throws {HotplugError} `no-such-instance` if there are several;
 * `permission-denied`
 */
export function wholeNameOf(runDir: string, word: string): string {
  const { runtime, qmp, pid } = instancePaths(runDir, word);
  const isExact = mayBeThere(runtime) || mayBeThere(qmp) || mayRun(pid, word);
  if (isExact) return word;
  const begun = (name: string) => name.startsWith(`${word}.`);
  const known = [...listInstances(runDir), ...listSockets(runDir)]
    .filter(begun);
  const running = runningBeside(runDir, known, begun);
  const names = [...new Set([...known, ...running])].sort();
  if (names.length <= 1) return names[0] ?? word;
  throw new HotplugError(
    "no-such-instance",
    `${word} matches ${names.length} instances`,
    { names, hint: "give the whole name" },
  );
}

/**
 * For a question to QEMU alone: checks that there is anything of that name.
 *
 * @throws {HotplugError} `no-such-instance`
 */
export function expectAnything(paths: InstancePaths): void {
  const { isDerived, qmp, runtime } = paths;
  if (!isDerived || isRuntimeThere(qmp) || isRuntimeThere(runtime)) return;
  throw noInstance(paths);
}

/** Names in a folder; none if there is no folder. */
function namesOf(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name);
  } catch (error) {
    passShortage(error);
    if (isDenied(error)) throw permissionDenied(messageOf(error), error);
    // Without it, instances with a runtime file are still listed.
    return [];
  }
}

/** Whether a pid file leads to its QEMU, or cannot be seen. */
function mayRun(pidFile: string, name: string): boolean {
  try {
    return findQemu(pidFile, name) !== undefined;
  } catch (error) {
    if (isDenied(error)) return true;
    throw error;
  }
}

/**
 * Names of other instances with a pid file that leads to their QEMU, or may do
 * so.
 *
 * @throws {HotplugError} `permission-denied`
 */
export function runningBeside(
  runDir: string,
  known: readonly string[],
  isMeant: (name: string) => boolean = () => true,
): string[] {
  const folder = join(runDir, "kvm-hypervisor", "pid");
  return namesOf(folder)
    .filter((name) => isInstanceName(name) && !known.includes(name))
    .filter(isMeant)
    .filter((name) => mayRun(join(folder, name), name));
}
