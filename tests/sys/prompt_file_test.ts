import { assert, assertEquals, assertRejects } from "@std/assert";
import { DeadlineError } from "../../lib/sys/errno.ts";
import {
  isRangeLocked,
  openFile,
  openFileWithin,
  procPath,
  readPartWithin,
  statFdWithin,
  TimeLimit,
  writeFault,
} from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import { pause } from "../../lib/sys/pause.ts";
import { isCalling } from "../../lib/sys/places.ts";
import { type Keeping, keepingOf } from "../../lib/sys/prompt_file.ts";
import { SlowFd } from "../../lib/sys/slow_fd.ts";
import { PATIENCE, TempDir } from "./support.ts";

/** A file on a tmpfs, which every Linux has here. */
class MemoryFile implements Disposable {
  readonly path: string = Deno.makeTempFileSync({ dir: "/dev/shm" });

  [Symbol.dispose](): void {
    Deno.removeSync(this.path);
  }
}

function keepingAt(path: string): Keeping {
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

/** Waits for calls in threads that an earlier test has given up. */
async function untilNoCalls(): Promise<void> {
  const endMs = performance.now() + PATIENCE.timeoutMs;
  while (isCalling() && performance.now() < endMs) await pause(1);
}

/** Which calls on a file are made in a thread. */
async function threaded(path: string): Promise<string[]> {
  using limit = new TimeLimit(PATIENCE.timeoutMs);
  using pinned = openFile(path, O.PATH);
  using opened = await openFileWithin(procPath(pinned), O.RDONLY, {
    limit,
    pinned,
  });
  const calls: Record<string, () => Promise<unknown>> = {
    status: () => statFdWithin(pinned, limit),
    access: () => writeFault(pinned, limit),
    lock: () => isRangeLocked(opened, { start: 0, length: 1 }, limit),
    read: () => readPartWithin(opened, { offset: 0, length: 4 }, limit),
  };
  const found = opened instanceof SlowFd ? ["open"] : [];
  await untilNoCalls();
  for (const [name, call] of Object.entries(calls)) {
    const done = call();
    if (isCalling()) found.push(name);
    await done;
  }
  return found;
}

/** What is asked in a thread; the rest cannot hang. */
const THREADED: Readonly<Record<Keeping, readonly string[]>> = {
  memory: [],
  device: ["open", "read"],
  disk: ["open", "access", "read"],
  unknown: ["open", "status", "access", "lock", "read"],
};

Deno.test("callWithin() asks a file on a disk for status and locks alone without a thread", async () => {
  using dir = new TempDir();
  using file = new MemoryFile();
  for (const path of [dir.file("data", "0123456789"), file.path]) {
    assertEquals(await threaded(path), THREADED[keepingAt(path)], path);
  }
});
