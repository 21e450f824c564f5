/**
 * The QEMU process of an instance, as the kernel shows it.
 *
 * @module
 */

import { passShortage } from "../errors.ts";
import { join } from "@std/path/posix";
import { SysError } from "../sys/errno.ts";
import { statPath } from "../sys/file.ts";
import { readRegularFile } from "../sys/regular_file.ts";
import { identityOf } from "./identity.ts";

/** A running QEMU. */
export interface QemuProcess {
  /** Its `-name` was checked; later the number may be another's. */
  readonly pid: number;
  /** Its command line. */
  readonly argv: readonly string[];
}

function readIfThere(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    passShortage(error);
    // A process may vanish while it is looked at.
    return undefined;
  }
}

/** No pid is longer, with its line break, by far. */
const MAX_PID_BYTES = 64;

/** Reads a pid file; a FIFO or device in its place must not hold us. */
function readPidFile(path: string): string | undefined {
  try {
    const { bytes } = readRegularFile(path, MAX_PID_BYTES);
    return bytes && new TextDecoder().decode(bytes);
  } catch (error) {
    if (error instanceof SysError || error instanceof RangeError) {
      return undefined;
    }
    throw error;
  }
}

/** The instance a command line was started for: its `-name`, SPEC 1.4. */
export function nameOf(argv: readonly string[]): string | undefined {
  const at = argv.indexOf("-name");
  const value = at < 0 ? undefined : argv[at + 1];
  const first = value?.split(",")[0];
  return first?.startsWith("guest=") ? first.slice("guest=".length) : first;
}

function commandLine(pid: number): string[] | undefined {
  const text = readIfThere(`/proc/${pid}/cmdline`);
  return text ? text.split("\0").slice(0, -1) : undefined;
}

/**
 * The QEMU that a pid file leads to.
 *
 * @returns undefined if the process is gone or runs another instance
 */
export function findQemu(
  pidFile: string,
  instance: string,
): QemuProcess | undefined {
  const pid = Number(readPidFile(pidFile)?.split("\n")[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  return qemuWithPid(pid, instance);
}

/** Options that give a QEMU its QMP socket. */
const MONITOR = /^--?(?:qmp|qmp-pretty|mon)$/;

/**
 * The QEMU of this name with this pid, e.g. that of a socket's peer, which may
 * be a proxy instead.
 *
 * @param name empty for a QEMU without `-name`
 * @returns undefined if it is another program
 */
export function qemuWithPid(
  pid: number,
  name: string,
): QemuProcess | undefined {
  const argv = commandLine(pid);
  if (argv === undefined) return undefined;
  const own = nameOf(argv);
  // Without a name only its options tell a QEMU from a proxy of its socket.
  const same = name === ""
    ? own === undefined && argv.some((word) => MONITOR.test(word))
    : own === name;
  return same ? { pid, argv } : undefined;
}

function entries(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].map((entry) => entry.name);
  } catch (error) {
    passShortage(error);
    return [];
  }
}

/**
 * What an fd of a process is; undefined if it is gone meanwhile. Its file
 * system is not asked: it may hang, and neither inode nor device changes.
 */
function identityOfFd(directory: string, name: string): string | undefined {
  try {
    return identityOf(statPath(join(directory, name), { sync: "no" }));
  } catch (error) {
    if (error instanceof SysError) return undefined;
    throw error;
  }
}

/** Whether a process has this file or block device open. */
export function holds(pid: number, identity: string): boolean {
  const directory = `/proc/${pid}/fd`;
  return entries(directory).some((name) =>
    identityOfFd(directory, name) === identity
  );
}

/** Numbers of the fds by which a process has it open. */
export function holders(pid: number, identity: string): number[] {
  const directory = `/proc/${pid}/fd`;
  return entries(directory)
    .filter((name) => identityOfFd(directory, name) === identity).map(Number);
}

/** All that a process has open; undefined if we may not look. */
export function openIdentities(pid: number): Set<string> | undefined {
  const directory = `/proc/${pid}/fd`;
  const names = entries(directory);
  if (names.length === 0) return undefined;
  return new Set(
    names.flatMap((name) => identityOfFd(directory, name) ?? []),
  );
}

/**
 * The tap behind an fd of a process: the line `iff:` of its fdinfo
 * (drivers/net/tun.c, tun_chr_show_fdinfo).
 */
export function tapBehind(pid: number, fd: number): string | undefined {
  const info = readIfThere(`/proc/${pid}/fdinfo/${fd}`);
  return info && /^iff:\s*(\S+)$/m.exec(info)?.[1];
}

/** The taps that a process has open. */
export function tapsOf(pid: number): Set<string> {
  const fds = entries(`/proc/${pid}/fdinfo`).map(Number);
  return new Set(fds.flatMap((fd) => tapBehind(pid, fd) ?? []));
}

/** How often a process has the kernel's virtio-net accelerator open. */
export function countVhost(pid: number): number {
  const directory = `/proc/${pid}/fd`;
  const open = entries(directory).filter((name) => {
    try {
      return Deno.readLinkSync(`${directory}/${name}`) === "/dev/vhost-net";
    } catch (error) {
      passShortage(error);
      // It is gone meanwhile.
      return false;
    }
  });
  return open.length;
}

/** The last part of a process's program path, for messages. */
export function programOf(pid: number): string {
  const program = commandLine(pid)?.[0] ?? "another program";
  return program.slice(program.lastIndexOf("/") + 1);
}
