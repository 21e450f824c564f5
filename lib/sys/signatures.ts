/**
 * The functions of the C library that this program calls, with their types.
 *
 * @module
 */

/** A function of these parameters that returns an int. */
function int<const P extends readonly Deno.NativeType[]>(...parameters: P) {
  return { parameters, result: "i32" } as const;
}

/**
 * Signatures for x86_64 and aarch64 Linux. Lengths are never above 2^31 here,
 * so the `ssize_t` results fit an i32 and no bigint is needed. The variadic
 * functions (openat, fcntl, ioctl, syscall) take integers and pointers in the
 * same registers as fixed arguments on both architectures.
 */
export const SIGNATURES = {
  __errno_location: { parameters: [], result: "pointer" },
  bind: int("i32", "buffer", "u32"),
  capget: int("buffer", "buffer"),
  capset: int("buffer", "buffer"),
  close: int("i32"),
  connect: int("i32", "buffer", "u32"),
  eventfd: int("u32", "i32"),
  faccessat: int("i32", "buffer", "i32", "i32"),
  fchmod: int("i32", "u32"),
  fchownat: int("i32", "buffer", "u32", "u32", "i32"),
  fcntl: int("i32", "i32", "buffer"),
  fcntlNumber: { name: "fcntl", ...int("i32", "i32", "usize") },
  fdatasync: int("i32"),
  flock: int("i32", "i32"),
  fstatfs: int("i32", "buffer"),
  fsync: int("i32"),
  ftruncate: int("i32", "i64"),
  getgroups: int("i32", "buffer"),
  getsockopt: int("i32", "i32", "i32", "buffer", "buffer"),
  ioctl: int("i32", "usize", "buffer"),
  ioctlNumber: { name: "ioctl", ...int("i32", "usize", "usize") },
  mkdirat: int("i32", "buffer", "u32"),
  mount: int("buffer", "buffer", "buffer", "usize", "buffer"),
  openat: int("i32", "buffer", "i32", "u32"),
  poll: int("buffer", "usize", "i32"),
  pread: int("i32", "buffer", "usize", "i64"),
  read: int("i32", "buffer", "usize"),
  recv: int("i32", "buffer", "usize", "i32"),
  renameat: int("i32", "buffer", "i32", "buffer"),
  sendmsg: int("i32", "buffer", "i32"),
  sendto: int("i32", "buffer", "usize", "i32", "buffer", "u32"),
  setfsgid: int("u32"),
  setfsuid: int("u32"),
  socket: int("i32", "i32", "i32"),
  strerror: { parameters: ["i32"], result: "pointer" },
  statx: int("i32", "buffer", "i32", "u32", "buffer"),
  syscallFaccessat2: {
    name: "syscall",
    ...int("i64", "i32", "buffer", "i32", "i32"),
  },
  syscallSetgroups: { name: "syscall", ...int("i64", "usize", "buffer") },
  syscallOpenat2: {
    name: "syscall",
    ...int("i64", "i32", "buffer", "buffer", "usize"),
  },
  syscallRenameat2: {
    name: "syscall",
    ...int("i64", "i32", "buffer", "i32", "buffer", "u32"),
  },
  syscallMknodat: {
    name: "syscall",
    ...int("i64", "i32", "buffer", "u32", "u64"),
  },
  umount2: int("buffer", "i32"),
  unlinkat: int("i32", "buffer", "i32"),
  write: int("i32", "buffer", "usize"),
} as const satisfies Record<string, Deno.ForeignFunction>;
