/**
 * The paths of one instance: SPEC section 1.2.
 *
 * @module
 */

import { basename, isAbsolute, join } from "@std/path/posix";
import { usage } from "../errors.ts";
import { fnv1a } from "./hash.ts";
import { shellWord } from "./shell_word.ts";

/** Every path of one instance on this node. */
export type InstancePaths = Readonly<ReturnType<typeof instancePaths>>;

/** Paths given on the command line instead of the derived ones. */
export interface PathOverrides {
  /** `--qmp`: absolute path of a socket. */
  readonly qmp?: string | undefined;
  /** `--state`: absolute path of a runtime file. */
  readonly state?: string | undefined;
  /** The options that give these paths, as typed. @default none */
  readonly reachedBy?: readonly string[] | undefined;
}

/**
 * A command of kvm-hotplug that can be copied and reaches the same instance.
 */
export function commandLine(
  { reachedBy = [] }: Pick<PathOverrides, "reachedBy">,
  ...words: readonly string[]
): string {
  return ["kvm-hotplug", ...words, ...reachedBy].map(shellWord).join(" ");
}

/** The command that lets a paused VM run on. */
export function resumeLine(
  reached: Pick<PathOverrides, "reachedBy">,
  name: string,
): string {
  return commandLine(reached, "qmp", name, "cont");
}

/** Ganeti's own path; Ganeti never writes the resolved `/run`: SPEC 1.1. */
const GANETI_RUN_DIR = "/var/run/ganeti";

const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,254}$/;

/** Whether a word can be the name of an instance. */
export function isInstanceName(name: string): boolean {
  return NAME.test(name);
}

/**
 * Checks an instance's name, which becomes part of paths.
 *
 * @throws {HotplugError} `usage`
 */
export function checkInstanceName(name: string): string {
  if (NAME.test(name)) return name;
  throw usage(
    `Not an instance name: ${JSON.stringify(name)}`,
    "at most 255 letters, digits, '.', '-' and '_', not beginning with '.' or '-'",
  );
}

/**
 * Ganeti's run directory: `$KVM_HOTPLUG_RUN_DIR`, else Ganeti's own, below
 * `$GANETI_ROOTDIR` in a virtual cluster (SPEC 1.1).
 *
 * @throws {HotplugError} `usage` if a virtual cluster's variables do not fit
 */
export function defaultRunDir(
  env: (name: string) => string | undefined,
): string {
  const own = env("KVM_HOTPLUG_RUN_DIR");
  if (own) return own;
  const root = env("GANETI_ROOTDIR");
  const host = env("GANETI_HOSTNAME");
  if (!root) return GANETI_RUN_DIR;
  const fits = host === undefined || basename(root) === host;
  if (!isAbsolute(root) || !fits) {
    throw usage(
      `GANETI_ROOTDIR must be absolute and end in GANETI_HOSTNAME ("${
        host ?? ""
      }"): it is "${root}"`,
    );
  }
  return join(root, GANETI_RUN_DIR);
}

/** The directory of the runtime files; listing it lists the instances. */
export function runtimeDir(runDir: string): string {
  return join(runDir, "kvm-hypervisor", "conf");
}

/** Name of our own directory below the run directory. */
export const OWN_DIRECTORY = "kvm-hotplug";

/** Path of one of our own files of an instance. */
export function ownPath(
  { runDir, lockKey }: Pick<InstancePaths, "runDir" | "lockKey">,
  file: "lock" | "journal" | "json",
): string {
  return join(runDir, OWN_DIRECTORY, `${lockKey}.${file}`);
}

function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    // The function that reads the file reports its fault.
    return path;
  }
}

/**
 * A name for the lock of a runtime file, the same for each of its paths: the
 * hash of the real path. Two files with the same hash would only wait for each
 * other.
 */
function keyOfFile(path: string): string {
  return `state-${fnv1a(realPath(path)).toString(16)}`;
}

/** Derives an instance's paths. `name` must have been checked. */
export function instancePaths(
  runDir: string,
  name: string,
  { qmp: socket, state, reachedBy }: PathOverrides = {},
) {
  const kvm = join(runDir, "kvm-hypervisor");
  const qmp = join(kvm, "ctrl", `${name}.qmp`);
  const runtime = join(kvm, "conf", `${name}.runtime`);
  const ours = (state ?? runtime) === runtime;
  return {
    /** Part of every derived path: {@linkcode checkInstanceName}. */
    name,
    /** Also contains our own directory, with lock and journal. */
    runDir,
    /** Socket; we must not use Ganeti's second socket, `.kvmd`. */
    qmp: socket ?? qmp,
    /** The record from which Ganeti starts the VM: SPEC 2. */
    runtime: state ?? runtime,
    /** Written by QEMU itself: `-pidfile`. */
    pid: join(kvm, "pid", name),
    /**
     * A file for each NIC, made only at start: SPEC 1.2. None with a runtime
     * file from the user: the derived folder belongs to another VM, if to any.
     */
    nicDir: ours ? join(kvm, "nic", name) : undefined,
    /**
     * Whether the socket is the derived one, so that the pid file belongs to
     * it.
     */
    isDerived: (socket ?? qmp) === qmp,
    /** Whether socket and runtime file were both given: they name the VM. */
    isGiven: socket !== undefined && state !== undefined,
    /**
     * The base of the lock's name: the instance name, or the file from the
     * user.
     */
    lockKey: ours ? name : keyOfFile(state ?? runtime),
    ...(reachedBy && { reachedBy }),
  };
}
