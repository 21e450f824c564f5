/**
 * Other programs that disturb.
 *
 * @module
 */

/**
 * Runs a body beside a Python program on a path.
 *
 * @param program says that it has begun, and ends with its input
 */
export async function beside(
  program: string,
  path: string,
  body: (pid: number) => unknown,
): Promise<void> {
  await using child = new Deno.Command("python3", {
    args: ["-c", program, path],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  try {
    await body(child.pid);
  } finally {
    await child.stdin.close();
    await reader.cancel();
    await child.status;
  }
}

/** Has a queue of a tap of several. */
export const HOLD_TAP = `
import fcntl, os, struct, sys
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH22x", sys.argv[1].encode(), 0x5102))
print("begun", flush=True)
sys.stdin.read()
`;

/** Has a lease on a file, which it gives to nobody; 1024 is F_SETLEASE. */
export const LEASE = `
import fcntl, signal, sys
signal.signal(signal.SIGIO, signal.SIG_IGN)
file = open(sys.argv[1], "r+")
fcntl.fcntl(file, 1024, fcntl.F_WRLCK)
print("begun", flush=True)
sys.stdin.read()
`;

/**
 * Has a root directory of its own and the uid behind it: `/root:65534`. Its
 * program and libraries are loaded before.
 */
export const JAILED = `
import os, sys
root, uid = sys.argv[1].rsplit(":", 1)
os.chroot(root)
os.chdir("/")
os.setgroups([])
os.setgid(int(uid))
os.setuid(int(uid))
sys.stdout.write("begun\\n")
sys.stdout.flush()
sys.stdin.read()
`;
