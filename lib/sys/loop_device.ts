/**
 * The file behind a loop device: linux/loop.h.
 *
 * @module
 */

import type { Fd } from "./fd.ts";
import type { FileStatus } from "./file_status.ts";
import { callWithin, type TimeLimit } from "./thread_call.ts";

/** The same on both architectures, like the struct that it fills in. */
const LOOP_GET_STATUS64 = 0x4c05n;
/** `struct loop_info64`. */
const INFO = { size: 232, device: 0, inode: 8, rdev: 16 } as const;

/** Decodes new_encode_dev of linux/kdev_t.h: `major:minor`. */
function deviceOf(encoded: number): string {
  const minor = (encoded & 0xff) | ((encoded >>> 12) & 0xfff00);
  return `${(encoded >>> 8) & 0xfff}:${minor}`;
}

/**
 * The file behind a loop device. The kernel asks the file system of that file,
 * which may hang.
 *
 * @throws {SysError} `ENXIO` if it has no file, `ENOTTY` if it is not a loop
 * device
 * @throws {DeadlineError} | {HotplugError} as {@linkcode callWithin}
 */
export async function fileBehindLoop(
  loop: Fd,
  limit: TimeLimit,
): Promise<Pick<FileStatus, "kind" | "device" | "inode" | "rdev">> {
  const info = new Uint8Array(INFO.size);
  await callWithin({
    function: "ioctl",
    args: [loop.number, LOOP_GET_STATUS64, info],
    syscall: "ioctl LOOP_GET_STATUS64",
    subject: loop.label,
  }, limit);
  const view = new DataView(info.buffer);
  const rdev = deviceOf(view.getUint32(INFO.rdev, true));
  return {
    kind: rdev === "0:0" ? "file" : "block",
    device: deviceOf(view.getUint32(INFO.device, true)),
    inode: view.getBigUint64(INFO.inode, true),
    rdev,
  };
}
