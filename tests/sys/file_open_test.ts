import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DeadlineError, ShortageError, SysError } from "../../lib/sys/errno.ts";
import {
  duplicate,
  openFile,
  openFileWithin,
  openIfThere,
  readAll,
  statFd,
} from "../../lib/sys/file.ts";
import { O, openFlags } from "../../lib/sys/layout.ts";
import { withFreeFds } from "../lab/free_fds.ts";
import { expectFds, openFds, PATIENCE, run, TempDir, text } from "./support.ts";

function code(call: () => unknown): string {
  return (assertThrows(call, SysError) as SysError).code;
}

function closesOnExec(number: number): boolean {
  const info = Deno.readTextFileSync(`/proc/self/fdinfo/${number}`);
  const flags = parseInt(/^flags:\s*(\d+)$/m.exec(info)?.[1] ?? "", 8);
  return (flags & O.CLOEXEC) !== 0;
}

/** Also one that is still about to open the FIFO: fifo(7), ENXIO. */
function hasReader(fifo: string): boolean {
  try {
    openFile(fifo, O.WRONLY | O.NONBLOCK).close();
    return true;
  } catch {
    return false;
  }
}

Deno.test("openIfThere() tells nothing from all other failures", () => {
  using dir = new TempDir();
  assertEquals(openIfThere(dir.at("none"), O.RDONLY), undefined);
  using fd = openIfThere(dir.file("f", "here"), O.RDONLY);
  assertEquals(fd && text(readAll(fd, 10)), "here");
  assertEquals(code(() => openIfThere(dir.at("f/x"), O.RDONLY)), "ENOTDIR");
  Deno.symlinkSync("f", dir.at("link"));
  const flags = O.RDONLY | O.NOFOLLOW;
  assertEquals(code(() => openIfThere(dir.at("link"), flags)), "ELOOP");
});

Deno.test("openFile() opens close-on-exec with the given mode", () => {
  using dir = new TempDir();
  using fd = openFile(dir.at("a"), O.RDWR | O.CREAT | O.EXCL, { mode: 0o640 });
  assertEquals(statFd(fd).mode, 0o640);
  assert(closesOnExec(fd.number));
  using own = openFile(dir.at("b"), O.RDWR | O.CREAT);
  assertEquals(statFd(own).mode, 0o600);
});

Deno.test("openFile() names path and errno of a refusal", () => {
  const error = assertThrows(
    () => openFile("/nowhere/at/all", O.RDONLY),
    SysError,
  ) as SysError;
  assertEquals([error.code, error.subject], ["ENOENT", "/nowhere/at/all"]);
});

Deno.test("openFile() refuses a NUL instead of cutting the path", () => {
  assertThrows(() => openFile("/dev/null\0x", O.RDONLY), TypeError, "NUL");
  assertThrows(() => openFile("/\ud800", O.RDONLY), TypeError, "surrogate");
});

Deno.test("openFile() with NOFOLLOW refuses a link", () => {
  using dir = new TempDir();
  Deno.symlinkSync(dir.file("real", "x"), dir.at("link"));
  openFile(dir.at("link"), O.RDONLY).close();
  assertEquals(
    code(() => openFile(dir.at("link"), O.RDONLY | O.NOFOLLOW)),
    "ELOOP",
  );
});

Deno.test("openFile() with DIRECTORY refuses a file", () => {
  using dir = new TempDir();
  const path = dir.file("f", "x");
  assertEquals(code(() => openFile(path, O.RDONLY | O.DIRECTORY)), "ENOTDIR");
  openFile(dir.path, O.RDONLY | O.DIRECTORY).close();
});

Deno.test("openFile() starts at a directory that was renamed since", () => {
  using dir = new TempDir();
  Deno.mkdirSync(dir.at("old"));
  Deno.writeTextFileSync(dir.at("old/f"), "inside");
  using held = openFile(dir.at("old"), O.PATH | O.DIRECTORY);
  Deno.renameSync(dir.at("old"), dir.at("new"));
  using fd = openFile("f", O.RDONLY, { dir: held });
  assertEquals(text(readAll(fd, 100)), "inside");
});

Deno.test("openFlags() has the flags of aarch64", () => {
  const { DIRECT, DIRECTORY, NOFOLLOW } = openFlags("aarch64");
  assertEquals([DIRECT, DIRECTORY, NOFOLLOW], [0o200000, 0o40000, 0o100000]);
  assertEquals(openFlags("x86_64").DIRECT, 0o40000);
});

Deno.test("duplicate() makes a descriptor of its own", () => {
  const original = openFile("/dev/null", O.RDONLY);
  using copy = duplicate(original);
  original.close();
  assertEquals(statFd(copy).kind, "character");
  assert(closesOnExec(copy.number));
});

Deno.test("openFileWithin() opens what does not hang", async () => {
  using dir = new TempDir();
  const path = dir.file("f", "content");
  using fd = await openFileWithin(path, O.RDONLY, PATIENCE);
  assertEquals(text(readAll(fd, 100)), "content");
  assert(closesOnExec(fd.number));
});

Deno.test("openFileWithin() tells the errno of a refusal", async () => {
  const error = await assertRejects(
    () => openFileWithin("/nowhere/at/all", O.RDONLY, PATIENCE),
    SysError,
  ) as SysError;
  assertEquals(error.code, "ENOENT");
});

Deno.test("openFileWithin() gives up a FIFO and closes what comes late", async () => {
  using dir = new TempDir();
  const path = dir.at("fifo");
  run("mkfifo", path);
  const before = openFds();
  const error = await assertRejects(
    () => openFileWithin(path, O.RDONLY, { timeoutMs: 50 }),
    DeadlineError,
  ) as DeadlineError;
  assertEquals([error.what, error.timeoutMs], [`open ${path}`, 50]);
  // A writer ends the hanging open; the writer's own open waits for it.
  using writer = await openFileWithin(path, O.WRONLY, PATIENCE);
  const expected = [...before, `${writer.number} ${path}`].sort();
  const endMs = performance.now() + PATIENCE.timeoutMs;
  while (hasReader(path) && performance.now() < endMs) {
    await new Promise((resolve) => setTimeout(resolve));
  }
  await expectFds(expected);
});

for (const free of [0, 1, 2, 3]) {
  Deno.test(`openFileWithin() with ${free} fds left keeps none of them`, async () => {
    using dir = new TempDir();
    const path = dir.file("f", "x");
    const before = openFds();
    await withFreeFds(free, async () => {
      try {
        (await openFileWithin(path, O.RDONLY, PATIENCE)).close();
        assert(free > 0);
      } catch (error) {
        if (!(error instanceof ShortageError)) throw error;
        assertEquals(error.code, "EMFILE");
      }
    });
    await expectFds(before);
  });
}
