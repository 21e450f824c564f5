/**
 * The functions of the C library that this program calls, and how.
 *
 * @module
 */

/**
 * Signatures for x86_64 and aarch64 Linux. Lengths are never above 2^31 here,
 * so the `ssize_t` results fit an i32 and no bigint has to be made. The
 * variadic ones (openat, fcntl, ioctl, syscall) take integers and pointers in
 * the same registers as fixed arguments on both architectures.
 */
export const SIGNATURES = {
  __errno_location: { parameters: [], result: "pointer" },
  close: { parameters: ["i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  faccessat: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  fchmod: { parameters: ["i32", "u32"], result: "i32" },
  fchownat: {
    parameters: ["i32", "buffer", "u32", "u32", "i32"],
    result: "i32",
  },
  fcntl: { parameters: ["i32", "i32", "buffer"], result: "i32" },
  fdatasync: { parameters: ["i32"], result: "i32" },
  flock: { parameters: ["i32", "i32"], result: "i32" },
  fstatfs: { parameters: ["i32", "buffer"], result: "i32" },
  fsync: { parameters: ["i32"], result: "i32" },
  ftruncate: { parameters: ["i32", "i64"], result: "i32" },
  getsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "buffer"],
    result: "i32",
  },
  ioctl: { parameters: ["i32", "usize", "buffer"], result: "i32" },
  ioctlNumber: {
    name: "ioctl",
    parameters: ["i32", "usize", "usize"],
    result: "i32",
  },
  mkdirat: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  mount: {
    parameters: ["buffer", "buffer", "buffer", "usize", "buffer"],
    result: "i32",
  },
  openat: { parameters: ["i32", "buffer", "i32", "u32"], result: "i32" },
  poll: { parameters: ["buffer", "usize", "i32"], result: "i32" },
  pread: { parameters: ["i32", "buffer", "usize", "i64"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  renameat: {
    parameters: ["i32", "buffer", "i32", "buffer"],
    result: "i32",
  },
  sendmsg: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  sendto: {
    parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"],
    result: "i32",
  },
  setsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "u32"],
    result: "i32",
  },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  strerror: { parameters: ["i32"], result: "pointer" },
  statx: {
    parameters: ["i32", "buffer", "i32", "u32", "buffer"],
    result: "i32",
  },
  syscallBuffers: {
    name: "syscall",
    parameters: ["i64", "buffer", "buffer"],
    result: "i32",
  },
  syscallFaccessat2: {
    name: "syscall",
    parameters: ["i64", "i32", "buffer", "i32", "i32"],
    result: "i32",
  },
  syscallList: {
    name: "syscall",
    parameters: ["i64", "usize", "buffer"],
    result: "i32",
  },
  syscallNumber: {
    name: "syscall",
    parameters: ["i64", "u32"],
    result: "i32",
  },
  syscallOpenat2: {
    name: "syscall",
    parameters: ["i64", "i32", "buffer", "buffer", "usize"],
    result: "i32",
  },
  syscallMknodat: {
    name: "syscall",
    parameters: ["i64", "i32", "buffer", "u32", "u64"],
    result: "i32",
  },
  umount2: { parameters: ["buffer", "i32"], result: "i32" },
  unlinkat: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "i32" },
} as const satisfies Record<string, Deno.ForeignFunction>;
