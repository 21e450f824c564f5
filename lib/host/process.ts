/**
 * The QEMU process of an instance, from /proc.
 *
 * @module
 */

import { isDenied } from "../errors.ts";
import { SysError, unlessRefused } from "../sys/errno.ts";
import { type FileStatus, statPath } from "../sys/file.ts";
import { readRegularFile } from "../sys/regular_file.ts";
import { identityOf } from "./identity.ts";
import { namesIn, readIfThere } from "./look.ts";

/** A running QEMU. */
export interface QemuProcess {
  /** Its `-name` was checked; later another process may have the number. */
  readonly pid: number;
  /** Its command line. */
  readonly argv: readonly string[];
}

/** Much more than a pid with its line break. */
const MAX_PID_BYTES = 64;

/**
 * Reads a pid file; a FIFO or device in its place must not block us.
 *
 * @throws {SysError} if it may be there, but cannot be read
 */
function readPidFile(path: string): string | undefined {
  try {
    const { bytes } = readRegularFile(path, MAX_PID_BYTES);
    return bytes && new TextDecoder().decode(bytes);
  } catch (error) {
    const none = error instanceof SysError || error instanceof RangeError;
    if (!none || isDenied(error)) throw error;
    return undefined;
  }
}

/** The instance for which a command line was started: its `-name`, SPEC 1.4. */
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
 * The QEMU of a pid file.
 *
 * @param known a QEMU that was found a moment before, perhaps the same
 * @returns undefined if the process is gone or runs another instance
 * @throws {SysError} if the file cannot be read for lack of rights
 */
export function findQemu(
  pidFile: string,
  instance: string,
  known?: QemuProcess,
): QemuProcess | undefined {
  const pid = Number(readPidFile(pidFile)?.split("\n")[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  const isKnown = known?.pid === pid && nameOf(known.argv) === instance;
  return isKnown ? known : qemuWithPid(pid, instance);
}

/** Options that give a QEMU its QMP socket. */
const MONITOR = /^--?(?:qmp|qmp-pretty|mon)$/;

/**
 * The QEMU with this name and pid, e.g. the peer of a socket; the peer may also
 * be a proxy.
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
  // Without a name only the options tell a QEMU from a proxy of its socket.
  const same = name === ""
    ? own === undefined && argv.some((word) => MONITOR.test(word))
    : own === name;
  return same ? { pid, argv } : undefined;
}

/** The file behind an fd of a process. */
export interface OpenFile {
  readonly pid: number;
  /** The process's fd number. */
  readonly fd: number;
  /** From the kernel's cache: size and times may be old. */
  readonly status: FileStatus;
}

/**
 * The file of an fd of a process; undefined if the fd is gone. The file system
 * is not asked, because it may hang; inode and device do not change.
 */
function fileBehind(pid: number, fd: number): OpenFile | undefined {
  const path = `/proc/${pid}/fd/${fd}`;
  const status = unlessRefused(() => statPath(path, { sync: "no" }));
  return status && { pid, fd, status };
}

/** The open files of a process; none if it has ended, or we may not look. */
export function* openFiles(pid: number): Generator<OpenFile> {
  for (const fd of namesIn(`/proc/${pid}/fd`)) {
    const file = fileBehind(pid, Number(fd));
    if (file !== undefined) yield file;
  }
}

/**
 * The identity of the file of an fd of a process; undefined if the fd is gone.
 */
export function identityOfFd(pid: number, fd: number): string | undefined {
  const file = fileBehind(pid, fd);
  return file && identityOf(file.status);
}

/** The fd numbers by which a process has a file or block device open. */
export function* holders(pid: number, identity: string): Generator<number> {
  for (const { fd, status } of openFiles(pid)) {
    if (identityOf(status) === identity) yield fd;
  }
}

/** Whether a process has this file or block device open. */
export function holds(pid: number, identity: string): boolean {
  return holders(pid, identity).next().done !== true;
}

/**
 * With fewer free descriptors, a process may have refused for lack of
 * descriptors.
 */
const FEW_FDS = 32;

/**
 * The hint about a process that has almost no free descriptor:
 * proc_pid_limits(5).
 *
 * @returns undefined if it has enough, or the number is unknown
 */
export function fdShortage(pid: number): string | undefined {
  const limits = readIfThere(`/proc/${pid}/limits`);
  const limit = Number(/^Max open files\s+(\d+)/m.exec(limits ?? "")?.[1]);
  const open = namesIn(`/proc/${pid}/fd`).length;
  // Without a limit it is NaN.
  if (!(limit - open < FEW_FDS)) return undefined;
  return `QEMU (pid ${pid}) has ${open} of ${limit} file descriptors open; to raise the limit, run: prlimit --pid ${pid} --nofile=${
    2 * limit
  }`;
}

/** Device numbers of /dev/net/tun and /dev/vhost-net: linux/miscdevice.h. */
const TUN = "10:200";
const VHOST_NET = "10:238";

function isDevice({ status }: OpenFile, rdev: string): boolean {
  return status.kind === "character" && status.rdev === rdev;
}

/**
 * The tap behind an fd of a process: the line `iff:` of its fdinfo
 * (drivers/net/tun.c, tun_chr_show_fdinfo).
 */
export function tapBehind(pid: number, fd: number): string | undefined {
  const info = readIfThere(`/proc/${pid}/fdinfo/${fd}`);
  return info && /^iff:\s*(\S+)$/m.exec(info)?.[1];
}

/** The taps among the open files of a process. */
export function tapsOf(files: Iterable<OpenFile>): Set<string> {
  const taps = [...files].filter((file) => isDevice(file, TUN))
    .flatMap(({ pid, fd }) => tapBehind(pid, fd) ?? []);
  return new Set(taps);
}

/** How often a process has the kernel's virtio-net accelerator open. */
export function countVhost(pid: number): number {
  return openFiles(pid).filter((file) => isDevice(file, VHOST_NET))
    .toArray().length;
}

/**
 * The name of a process for a person: a QEMU by its VM, others by their
 * program.
 */
export function titleOf(pid: number): string {
  const argv = commandLine(pid) ?? ["another program"];
  const vm = argv.some((word) => MONITOR.test(word)) ? nameOf(argv) : undefined;
  const [program = ""] = argv;
  const title = vm ? `VM ${vm}` : program.slice(program.lastIndexOf("/") + 1);
  return `${title} (pid ${pid})`;
}
