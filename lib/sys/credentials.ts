/**
 * Asks the kernel what another process may do: this process takes the
 * credentials of the other one for one synchronous call.
 *
 * The C library's setfsuid and setfsgid change only the calling thread, but its
 * setgroups changes all threads. Therefore setgroups is a plain system call
 * here, which the kernel applies to the calling thread alone (credentials(7)).
 * A threaded FFI call would run on any thread of a pool, with the credentials
 * of that thread; a helper program (`setpriv`) is not on every node. So the
 * call is made on the main thread, between two lines of JavaScript; no other
 * code runs between them.
 *
 * @module
 */

import { checked } from "./errno.ts";
import { libc } from "./libc.ts";

/** The credentials by which the kernel judges an access to files. */
export interface Credentials {
  /** File system uid: `Uid:` of /proc/PID/status, fourth number. */
  readonly uid: number;
  /** File system gid: `Gid:`, fourth number. */
  readonly gid: number;
  /** Supplementary groups: `Groups:`. */
  readonly groups: readonly number[];
  /** Effective capabilities as a bit mask: `CapEff:`. */
  readonly capabilities: bigint;
}

/** asm/unistd_64.h of x86_64; asm-generic/unistd.h of aarch64. */
const NR_SETGROUPS = Deno.build.arch === "x86_64" ? 116n : 159n;

/** linux/capability.h: version 3, two words for each of the three sets. */
const CAPABILITY_VERSION = 0x20080522;
const CAPABILITY_DATA_BYTES = 24;
/** limits.h: NGROUPS_MAX. */
const MAX_GROUPS = 65536;
/** No such id: a request for it changes nothing, and returns the current id. */
const NOBODY = 0xffffffff;

function capabilityHeader(): Uint32Array<ArrayBuffer> {
  return new Uint32Array([CAPABILITY_VERSION, 0]);
}

/** Effective, permitted and inheritable, low words first. */
function readCapabilities(): Uint32Array<ArrayBuffer> {
  const data = new Uint32Array(new ArrayBuffer(CAPABILITY_DATA_BYTES));
  // SAFETY: header and data have the sizes of version 3 and outlive the
  // synchronous call; the result is checked by checked().
  checked("capget", null, () => libc.capget(capabilityHeader(), data));
  return data;
}

function writeCapabilities(data: Uint32Array<ArrayBuffer>): void {
  // SAFETY: header and data have the sizes of version 3 and outlive the
  // synchronous call; the result is checked by checked().
  checked("capset", null, () => libc.capset(capabilityHeader(), data));
}

/** The same sets, with the effective set limited to the bits of `mask`. */
function limited(
  data: Uint32Array<ArrayBuffer>,
  mask: bigint,
): Uint32Array<ArrayBuffer> {
  const cut = data.slice();
  // Order of struct __user_cap_data_struct: effective, permitted, inheritable.
  cut[0] = (data[1] ?? 0) & Number(mask & 0xffffffffn);
  cut[3] = (data[4] ?? 0) & Number((mask >> 32n) & 0xffffffffn);
  return cut;
}

function readGroups(): Uint32Array<ArrayBuffer> {
  const groups = new Uint32Array(new ArrayBuffer(MAX_GROUPS * 4));
  // SAFETY: `groups` has room for as many as are asked for and outlives the
  // synchronous call; the result is checked by checked().
  const call = () => libc.getgroups(MAX_GROUPS, groups);
  const count = checked("getgroups", null, call);
  return groups.slice(0, count);
}

function writeGroups(groups: Uint32Array<ArrayBuffer>): void {
  const count = BigInt(groups.length);
  // SAFETY: `groups` has `count` entries and outlives the synchronous call;
  // the result is checked by checked().
  const call = () => libc.syscallSetgroups(NR_SETGROUPS, count, groups);
  checked("setgroups", null, call);
}

/**
 * Sets the thread's file system uid or gid.
 *
 * @returns the id before
 * @throws {Error} if the kernel did not accept it; the call has no errno
 */
function setFsId(which: "setfsuid" | "setfsgid", id: number): number {
  // SAFETY: no memory; the call cannot fail but by being ignored, which the
  // second call, asking only, finds out.
  const before = libc[which](id) >>> 0;
  const now = libc[which](NOBODY) >>> 0;
  if (now !== id) throw new Error(`${which}(${id}) was ignored: it is ${now}`);
  return before;
}

/**
 * Runs `ask` with the credentials of another process, and always takes our own
 * back. Security modules (SELinux, AppArmor) still see us.
 *
 * @param ask Synchronous: another task must not run in between.
 * @throws {SysError} `EPERM` unless we are root.
 */
export function actingAs<T>(as: Credentials, ask: () => T): T {
  const capabilities = readCapabilities();
  const groups = readGroups();
  const undo: (() => void)[] = [];
  try {
    undo.push(() => writeGroups(groups));
    writeGroups(Uint32Array.from(as.groups));
    const gid = setFsId("setfsgid", as.gid);
    undo.push(() => setFsId("setfsgid", gid));
    const uid = setFsId("setfsuid", as.uid);
    undo.push(() => setFsId("setfsuid", uid));
    undo.push(() => writeCapabilities(capabilities));
    writeCapabilities(limited(capabilities, as.capabilities));
    return ask();
  } finally {
    // The capabilities come back first: the other calls need them.
    for (const step of undo.reverse()) step();
  }
}
