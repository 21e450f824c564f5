import { assert, assertEquals, assertRejects } from "@std/assert";
import { HotplugError } from "../../lib/errors.ts";
import { openPathCached } from "../../lib/sys/file_lookup.ts";
import { DeadlineError, SysError } from "../../lib/sys/errno.ts";
import {
  openFile,
  openFileWithin,
  statFd,
  TimeLimit,
} from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import { Fd } from "../../lib/sys/fd.ts";
import { SlowFd } from "../../lib/sys/slow_fd.ts";
import { mountOf } from "../../lib/sys/mounts.ts";
import { expectFds, openFds, PATIENCE, run, TempDir } from "./support.ts";

Deno.test("openFileWithin() queues what is more than there are places for", async () => {
  using dir = new TempDir();
  const path = dir.file("f", "x");
  const before = openFds();
  const open = () => openFileWithin(path, O.RDONLY, PATIENCE);
  const fds = await Promise.all(Array.from({ length: 300 }, open));
  for (const fd of fds) {
    assertEquals(statFd(fd).kind, "file");
    fd.close();
  }
  await expectFds(before);
});

/** Opens FIFOs that nobody writes to, in threads that hang. */
function hangAll(paths: readonly string[], timeoutMs: number) {
  return paths.map((path) =>
    assertRejects(
      () => openFileWithin(path, O.RDONLY, { timeoutMs }),
      DeadlineError,
    )
  );
}

/** On a disk: of a tmpfs each name has a place of its own. */
class Fifos implements Disposable {
  readonly #dir = Deno.makeTempDirSync({ dir: "/var/tmp", prefix: "fifos-" });
  readonly paths: readonly string[];

  constructor(count: number) {
    this.paths = Array.from({ length: count }, (_, i) => `${this.#dir}/${i}`);
    run("mkfifo", ...this.paths);
  }

  /** A writer ends a hanging open; ENXIO: nobody hangs there. */
  [Symbol.dispose](): void {
    for (const path of this.paths) {
      try {
        openFile(path, O.WRONLY | O.NONBLOCK).close();
      } catch (error) {
        if (!(error instanceof SysError && error.code === "ENXIO")) throw error;
      }
    }
    Deno.removeSync(this.#dir, { recursive: true });
  }
}

Deno.test("openFileWithin() refuses the 17th at once when 16 hang, and names them", async () => {
  const before = openFds();
  await (async () => {
    using fifos = new Fifos(17);
    const hanging = fifos.paths.slice(0, 16);
    const hung = hangAll(hanging, 1_100);
    // Whoever waits for less time than they need to be said to hang.
    const early = performance.now();
    const open = openFileWithin(fifos.paths[16] ?? "", O.RDONLY, {
      timeoutMs: 30,
    });
    assertEquals((await assertRejects(() => open, HotplugError)).code, "busy");
    assert(performance.now() - early < 500);
    await Promise.all(hung);
    const beginMs = performance.now();
    const error = await assertRejects(
      () => openFileWithin(fifos.paths[16] ?? "", O.RDONLY, PATIENCE),
      HotplugError,
    ) as HotplugError;
    assert(performance.now() - beginMs < 500);
    assertEquals(error.code, "busy");
    const named = error.message.split(": ").at(-1)?.split(", ");
    assertEquals(named, [...hanging].sort());
    // Another file system is served, and so are deadlines.
    const fd = await openFileWithin("/proc/version", O.RDONLY, PATIENCE);
    fd.close();
    using limit = new TimeLimit(20);
    await limit.over;
  })();
  await expectFds(before);
});

Deno.test("openFileWithin() serves who queued as soon as a place is free", async () => {
  const before = openFds();
  await (async () => {
    using fifos = new Fifos(17);
    const [first = "", ...others] = fifos.paths;
    const hanging = others.slice(0, 15).map((path) =>
      openFileWithin(path, O.RDONLY, PATIENCE)
    );
    const freed = openFileWithin(first, O.RDONLY, PATIENCE);
    const queued = openFileWithin(others[15] ?? "", O.RDONLY, PATIENCE);
    // The queued one comes when the first one goes.
    for (const path of [first, others[15] ?? ""]) await writeTo(path);
    for (const fd of await Promise.all([freed, queued])) fd.close();
    for (const path of others.slice(0, 15)) await writeTo(path);
    for (const fd of await Promise.all(hanging)) fd.close();
  })();
  await expectFds(before);
});

/** Ends an open that hangs, once it does. */
async function writeTo(fifo: string): Promise<void> {
  const endMs = performance.now() + PATIENCE.timeoutMs;
  for (;;) {
    try {
      return openFile(fifo, O.WRONLY | O.NONBLOCK).close();
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await new Promise((resolve) => setTimeout(resolve));
    }
  }
}

Deno.test("openPathCached() opens what the kernel knows, and nothing else", () => {
  using fd = openPathCached("/dev/null");
  assertEquals(fd && statFd(fd).kind, "character");
  assertEquals(openPathCached("/dev/no-such-device"), undefined);
  using dir = new TempDir();
  Deno.symlinkSync(dir.file("real", "x"), dir.at("link"));
  using followed = openPathCached(dir.at("link"));
  using link = openPathCached(dir.at("link"), O.NOFOLLOW);
  assertEquals(
    [followed, link].map((one) => one && statFd(one).kind),
    ["file", "link"],
  );
});

Deno.test("SlowFd.leaving comes when it is another's, or is closed", async () => {
  const before = openFds();
  using limit = new TimeLimit(PATIENCE.timeoutMs);
  const made = () =>
    new SlowFd(openFile("/dev/null", O.RDONLY).release(), "null", limit);
  const released = made();
  using number = new Fd(released.release());
  const closed = made();
  closed.close();
  await Promise.all([released.leaving, closed.leaving]);
  assertEquals(statFd(number).kind, "character");
  number.close();
  await expectFds(before);
});

Deno.test("mountOf() takes the innermost mount, and the last one of a point", () => {
  const mounts = ["/", "/srv", "/srv", "/srv/nfs"]
    .map((point, i) => ({ id: `${i}`, point, type: "ext4" }));
  const ids = ["/a", "/srv", "/srv/a", "/srvx", "/srv/nfs/a/b", "x"]
    .map((path) => mountOf(path, mounts)?.id);
  assertEquals(ids, ["0", "2", "2", "0", "3", undefined]);
});
