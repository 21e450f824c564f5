/**
 * Whether QEMU itself can open a file of this node. The kernel is asked, with
 * QEMU's credentials, below QEMU's root directory. No permission bit and no ACL
 * is judged here.
 *
 * @module
 */

import { unsupported } from "../errors.ts";
import { actingAs } from "../sys/credentials.ts";
import { DeadlineError, SysError } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import {
  openFile,
  openFileWithin,
  type OpenWithinOptions,
  procPath,
  statFd,
  TimeLimit,
} from "../sys/file.ts";
import {
  type AccessMode,
  checkAccess,
  openInRoot,
} from "../sys/file_lookup.ts";
import { O } from "../sys/layout.ts";
import { isNodev } from "../sys/mount.ts";
import type { Confinement } from "./confinement.ts";
import { identityOf } from "./identity.ts";

/** The file to look for. */
export interface Wanted {
  /** Absolute, the path that QEMU will open. */
  readonly path: string;
  /** The identity that must be found there: {@linkcode identityOf}. */
  readonly identity: string;
  /** How QEMU will open it. */
  readonly access: AccessMode;
}

/** Opens QEMU's root directory; the caller owns the fd. */
export function openRootOf(pid: number): Fd {
  return openFile(`/proc/${pid}/root`, O.PATH | O.DIRECTORY);
}

function tooOld(needed: string): string {
  return `this check needs Linux ${needed} or newer`;
}

/** The kernel lacks openat2, which Linux 5.6 has, or faccessat2. */
const TOO_OLD = tooOld("5.8");

/** The parts of the confinement that a question needs. */
type Asked = Pick<Confinement, "pid" | "credentials">;

/** Asks with QEMU's credentials, at QEMU's root directory. */
function asQemu<T>({ pid, credentials }: Asked, ask: (root: Fd) => T): T {
  using root = openRootOf(pid);
  return actingAs(credentials, () => ask(root));
}

/** As {@linkcode asQemu}; a failure is an answer. */
function answer(
  qemu: Asked,
  ask: (root: Fd) => string | undefined,
): string | undefined {
  try {
    return asQemu(qemu, ask);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    return error.code === "ENOSYS" ? TOO_OLD : error.message;
  }
}

function isThere(fd: Fd, { path, identity }: Wanted): string | undefined {
  const found = identityOf(statFd(fd, { sync: "no" }));
  return found === identity ? undefined : `${path} is another file there`;
}

/**
 * How far QEMU gets with a path: to the file itself, whatever its owner, and to
 * opening the file for reading or writing. Opens nothing, so that a dry run may
 * ask.
 *
 * The path was walked, and the file opened, by a thread with a deadline before:
 * a dead file system was noticed there.
 *
 * @returns the obstacle of each, undefined if there is none
 */
export function lookAsQemu(
  qemu: Confinement,
  wanted: Wanted,
): {
  readonly reachFault: string | undefined;
  readonly openFault: string | undefined;
} {
  let reached = false;
  const openFault = answer(qemu, (root) => {
    using fd = openInRoot(root, wanted.path, O.PATH);
    const other = isThere(fd, wanted);
    if (other !== undefined) return other;
    reached = true;
    const block = statFd(fd, { sync: "no" }).kind === "block";
    if (block && isNodev(fd)) return `${wanted.path} lies on a nodev mount`;
    checkAccess(fd, wanted.access);
  });
  const fault = openFault === TOO_OLD ? tooOld("5.6") : openFault;
  return { reachFault: reached ? undefined : fault, openFault };
}

/**
 * Whether QEMU can reach its own file: a socket, a configuration file.
 *
 * @returns the obstacle, undefined if there is none
 */
export function seesAsQemu(
  qemu: Confinement,
  { path, access }: Omit<Wanted, "identity">,
): string | undefined {
  return answer(qemu, (root) => {
    using fd = openInRoot(root, path, O.PATH);
    checkAccess(fd, access);
    return undefined;
  });
}

/** An open that takes longer would hang QEMU, too. In milliseconds. */
const OPEN_TIMEOUT_MS = 5_000;

/**
 * A failure means nothing here: only QEMU's own open counts; but a slow EIO
 * does.
 */
async function tryToOpen(
  path: string,
  flags: number,
  options: OpenWithinOptions,
): Promise<void> {
  try {
    await using _fd = await openFileWithin(path, flags, options);
  } catch (error) {
    if (error instanceof SysError && error.code !== "EIO") return;
    throw error;
  }
}

/**
 * Walks to a file and opens it as root in a thread, with a deadline. Call it
 * directly before {@linkcode openAsQemu}.
 *
 * @returns why the question cannot go on, undefined if it can
 */
export async function opensInTime(
  { pid }: Pick<Confinement, "pid">,
  { path, access }: Omit<Wanted, "identity">,
): Promise<string | undefined> {
  const mode = access === "rw" ? O.RDWR : O.RDONLY;
  using limit = new TimeLimit(OPEN_TIMEOUT_MS);
  try {
    // An absolute link leads out of QEMU's root directory here. Then the walk
    // below is the first one, but its file is still opened in time.
    const label = path;
    await tryToOpen(`/proc/${pid}/root${path}`, O.PATH, { label, limit });
    using root = openRootOf(pid);
    using file = openInRoot(root, path, O.PATH);
    await tryToOpen(procPath(file), mode | O.NONBLOCK, { label, limit });
    return undefined;
  } catch (error) {
    if (error instanceof DeadlineError) return error.message;
    if (!(error instanceof SysError)) throw error;
    return error.code === "EIO" ? error.message : undefined;
  }
}

/**
 * Opens a file exactly as QEMU will, and closes it again.
 *
 * It opens on the main thread and without a deadline, because credentials
 * belong to a thread and a threaded FFI call runs on any thread
 * (../sys/credentials.ts). {@linkcode opensInTime} has opened the same file a
 * moment before.
 *
 * @returns the obstacle, undefined if there is none
 */
export function openAsQemu(
  qemu: Confinement,
  wanted: Wanted,
): string | undefined {
  return answer(qemu, (root) => {
    const mode = wanted.access === "rw" ? O.RDWR : O.RDONLY;
    using fd = openInRoot(root, wanted.path, mode | O.NONBLOCK);
    return isThere(fd, wanted);
  });
}

/** A name that no file has: the kernel's answer tells about the directory. */
const NO_FILE = ".kvm-hotplug-no-such-file";

/**
 * Whether QEMU may pass through its own root directory to a file in it.
 *
 * @throws {HotplugError} `unsupported` before Linux 5.6
 */
export function canPassRoot(qemu: Confinement): boolean {
  try {
    asQemu(qemu, (root) => openInRoot(root, NO_FILE, O.PATH).close());
    return true;
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    if (error.code !== "ENOSYS") return error.code === "ENOENT";
    throw unsupported(
      "Cannot check which files QEMU can reach in its root directory: this check needs Linux 5.6 or newer",
    );
  }
}
