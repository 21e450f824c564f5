import { assert, assertEquals, assertRejects } from "@std/assert";
import { DeadlineError } from "../../lib/sys/errno.ts";
import type { Fd } from "../../lib/sys/fd.ts";
import { openFile, openFileWithin, procPath } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import { fileSystemOf } from "../../lib/sys/mounts.ts";
import { keepingOf, readPartCached } from "../../lib/sys/prompt_file.ts";
import { SlowFd } from "../../lib/sys/slow_fd.ts";
import { PATIENCE, TempDir } from "./support.ts";

/** A file on a tmpfs, which every Linux has here. */
class MemoryFile implements Disposable {
  readonly path: string = Deno.makeTempFileSync({ dir: "/dev/shm" });

  [Symbol.dispose](): void {
    Deno.removeSync(this.path);
  }
}

function keepingAt(path: string): string {
  using fd = openFile(path, O.PATH);
  return keepingOf(fd);
}

Deno.test("keepingOf() trusts what lies in memory, and no device", () => {
  using file = new MemoryFile();
  assertEquals(keepingAt(file.path), "memory");
  for (const other of ["/dev/shm", "/dev/null", "/proc/self/status"]) {
    assertEquals(keepingAt(other), "unknown", other);
  }
});

Deno.test("openFileWithin() opens what lies in memory as it was asked to", async () => {
  using file = new MemoryFile();
  using pinned = openFile(file.path, O.PATH);
  using fd = await openFileWithin(procPath(pinned), O.RDWR, {
    ...PATIENCE,
    pinned,
  });
  assert(!(fd instanceof SlowFd), "it is closed without a thread");
  const info = Deno.readTextFileSync(`/proc/self/fdinfo/${fd.number}`);
  const flags = parseInt(/^flags:\s*(\d+)$/m.exec(info)?.[1] ?? "", 8);
  assertEquals(flags & (O.ACCMODE | O.NONBLOCK), O.RDWR);
});

/** fcntl(2): the lease of a reader, and a signal that ends no process. */
const [F_SETSIG, F_SETLEASE, F_RDLCK, F_UNLCK, SIGURG] = [10, 1024, 0, 2, 23];

Deno.test("openFileWithin() does not hold the program up for a lease", async () => {
  const { symbols: libc } = Deno.dlopen("libc.so.6", {
    fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  });
  using file = new MemoryFile();
  using held = openFile(file.path, O.RDONLY);
  assertEquals(libc.fcntl(held.number, F_SETSIG, SIGURG), 0);
  assertEquals(libc.fcntl(held.number, F_SETLEASE, F_RDLCK), 0);
  using pinned = openFile(file.path, O.PATH);
  await assertRejects(
    () => openFileWithin(procPath(pinned), O.RDWR, { timeoutMs: 100, pinned }),
    DeadlineError,
  );
  assertEquals(libc.fcntl(held.number, F_SETLEASE, F_UNLCK), 0);
});

Deno.test("readPartCached() reads pages that are in memory, and no more", () => {
  using dir = new TempDir();
  using fd: Fd = openFile(dir.file("data", "0123456789"), O.RDONLY);
  const read = (offset: number, length: number) =>
    readPartCached(fd, { offset, length });
  const part = read(4, 3);
  // Other file systems cannot tell whether they would have to wait.
  if (fileSystemOf(fd) === "ext4") assert(part !== undefined);
  if (part === undefined) return;
  assertEquals(new TextDecoder().decode(part), "456");
  assertEquals([read(8, 5)?.length, read(10, 5)?.length], [2, 0]);
});
