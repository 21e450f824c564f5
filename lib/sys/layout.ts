/**
 * Constants and struct layouts of Linux for x86_64 and aarch64.
 *
 * Both are little endian with 64-bit pointers, and share all layouts used here;
 * only three open flags differ.
 *
 * @module
 */

/** Open flags that differ (arch/arm64/include/uapi/asm/fcntl.h). */
const ARCH_OPEN_FLAGS = {
  x86_64: { DIRECT: 0o40000, DIRECTORY: 0o200000, NOFOLLOW: 0o400000 },
  aarch64: { DIRECT: 0o200000, DIRECTORY: 0o40000, NOFOLLOW: 0o100000 },
} as const;

/** The flags of open(2) that are used here, without their `O_`. */
export function openFlags(arch: typeof Deno.build.arch) {
  return {
    RDONLY: 0,
    WRONLY: 1,
    RDWR: 2,
    /** Mask of the three above. */
    ACCMODE: 3,
    CREAT: 0o100,
    EXCL: 0o200,
    NOCTTY: 0o400,
    TRUNC: 0o1000,
    APPEND: 0o2000,
    NONBLOCK: 0o4000,
    CLOEXEC: 0o2000000,
    PATH: 0o10000000,
    ...ARCH_OPEN_FLAGS[arch],
  } as const;
}

/** The flags of open(2) on this machine. */
export const O = openFlags(Deno.build.arch);

/** linux/fcntl.h: the `*at` family. */
export const AT = {
  FDCWD: -100,
  SYMLINK_NOFOLLOW: 0x100,
  REMOVEDIR: 0x200,
  EACCESS: 0x200,
  EMPTY_PATH: 0x1000,
  STATX_DONT_SYNC: 0x4000,
} as const;

/** asm-generic/fcntl.h: commands and lock types of fcntl(2). */
export const F = {
  SETFL: 4,
  OFD_GETLK: 36,
  DUPFD_CLOEXEC: 1030,
  WRLCK: 1,
  UNLCK: 2,
} as const;

/** sys/file.h: operations of flock(2). */
export const LOCK = { SH: 1, EX: 2, NB: 4, UN: 8 } as const;

/** asm-generic/poll.h. */
export const POLL = {
  IN: 0x1,
  OUT: 0x4,
  ERR: 0x8,
  HUP: 0x10,
  NVAL: 0x20,
} as const;

/** linux/socket.h, asm-generic/socket.h, linux/net.h. */
export const SOCKET = {
  AF_UNIX: 1,
  AF_NETLINK: 16,
  STREAM: 1,
  DGRAM: 2,
  RAW: 3,
  NONBLOCK: 0o4000,
  CLOEXEC: 0o2000000,
  SOL_SOCKET: 1,
  SO_PEERCRED: 17,
  SCM_RIGHTS: 1,
} as const;

/** linux/socket.h: flags of send and receive. */
export const MSG = {
  DONTWAIT: 0x40,
  NOSIGNAL: 0x4000,
} as const;

/** File type bits of a mode (linux/stat.h). */
export const S = {
  IFMT: 0o170000,
  IFIFO: 0o010000,
  IFCHR: 0o020000,
  IFDIR: 0o040000,
  IFBLK: 0o060000,
  IFREG: 0o100000,
  IFLNK: 0o120000,
  IFSOCK: 0o140000,
} as const;

/** `struct statx` (linux/stat.h): size and offsets of the fields we read. */
export const STATX = {
  BASIC_STATS: 0x7ff,
  size: 256,
  nlink: 16,
  uid: 20,
  gid: 24,
  mode: 28,
  inode: 32,
  sizeBytes: 40,
  mtimeSeconds: 112,
  mtimeNanoseconds: 120,
  rdevMajor: 128,
  rdevMinor: 132,
  deviceMajor: 136,
  deviceMinor: 140,
} as const;

/** `struct msghdr`, `struct iovec` and `struct cmsghdr` (linux/socket.h). */
export const MSGHDR = {
  size: 56,
  iov: 16,
  iovCount: 24,
  control: 32,
  controlBytes: 40,
  flags: 48,
} as const;
/** `struct iovec`: base at 0, length at 8. */
export const IOVEC_SIZE = 16;
/** `struct cmsghdr`: length at 0, level at 8, type at 12, data at 16. */
export const CMSGHDR_SIZE = 16;
/** `struct pollfd`: fd at 0, events at 4, revents at 6. */
export const POLLFD_SIZE = 8;
/** Bytes of a path in `struct sockaddr_un`, without the ending NUL. */
export const SUN_PATH_MAX = 107;

/** The smallest multiple of `unit`, a power of two, that holds `size`. */
export function align(size: number, unit: number): number {
  return (size + unit - 1) & ~(unit - 1);
}

const encoder = new TextEncoder();
/** No one writes into it: it is one NUL for each call with AT_EMPTY_PATH. */
const EMPTY = new Uint8Array(1);

/**
 * A path or name as a C string.
 *
 * @throws {TypeError} If it holds a NUL, which would silently cut it, or a lone
 * surrogate, which has no bytes.
 */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  if (text.includes("\0") || !text.isWellFormed()) {
    throw new TypeError(
      `A path must have no NUL and no lone surrogate: current value is ${
        JSON.stringify(text)
      }`,
    );
  }
  return text === "" ? EMPTY : encoder.encode(`${text}\0`);
}

/** Whether a path is short enough for {@linkcode unixAddress}. */
export function fitsUnixAddress(path: string): boolean {
  return cString(path).length <= SUN_PATH_MAX + 1;
}

/**
 * A `struct sockaddr_un`.
 *
 * @param path At most 107 bytes.
 * @throws {RangeError} If it is longer.
 * @throws {TypeError} As {@linkcode cString}.
 */
export function unixAddress(path: string): Uint8Array<ArrayBuffer> {
  const bytes = cString(path);
  if (bytes.length > SUN_PATH_MAX + 1) {
    throw new RangeError(
      `A socket address must have at most ${SUN_PATH_MAX} bytes: current value is ${path}`,
    );
  }
  const address = new Uint8Array(new ArrayBuffer(2 + bytes.length));
  new DataView(address.buffer).setUint16(0, SOCKET.AF_UNIX, true);
  address.set(bytes, 2);
  return address;
}
