import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { ShortageError } from "../../lib/sys/errno.ts";
import { openInRoot, openWithoutLinks } from "../../lib/sys/file_lookup.ts";
import { openFile, statFd } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import { beside, LEASE } from "../lab/beside.ts";
import { openFds, TempDir } from "./support.ts";

/** Renames a file there and back, until its input ends. */
const RENAMER = `
import os, sys, threading
a, b = sys.argv[1], sys.argv[1] + ".new"
open(a, "w").close()
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0))).start()
print("begun", flush=True)
while True:
    os.rename(a, b)
    os.rename(b, a)
`;

Deno.test("openInRoot() finds its way while files are renamed", async () => {
  using dir = new TempDir();
  Deno.mkdirSync(dir.at("vg"));
  const file = dir.file("dm-3", "x");
  // LVM makes its links so; a longer walk is disturbed more often.
  Deno.symlinkSync(`${"../vg/".repeat(20)}../dm-3`, dir.at("vg/lv"));
  using expected = openFile(file, O.PATH);
  const { inode } = statFd(expected);
  using root = openFile("/", O.PATH | O.DIRECTORY);
  const before = openFds();
  await beside(RENAMER, dir.at("other"), () => {
    for (let walk = 0; walk < 20_000; walk++) {
      using fd = openInRoot(root, dir.at("vg/lv"), O.PATH);
      assertEquals(statFd(fd).inode, inode);
    }
  });
  assertEquals(openFds(), before);
});

Deno.test("openInRoot() and openWithoutLinks() close on exec", () => {
  using dir = new TempDir();
  const path = dir.file("file", "x");
  using root = openFile("/", O.PATH | O.DIRECTORY);
  using first = openInRoot(root, path, O.RDONLY);
  using second = openWithoutLinks(Deno.realPathSync(path), O.RDONLY);
  for (const { number } of [first, second]) {
    const info = Deno.readTextFileSync(`/proc/self/fdinfo/${number}`);
    const flags = parseInt(/^flags:\s*(\d+)$/m.exec(info)?.[1] ?? "", 8);
    assertEquals(flags & O.CLOEXEC, O.CLOEXEC);
  }
});

Deno.test("openInRoot() gives up after its tries, and says why", async () => {
  using dir = new TempDir();
  const path = dir.file("leased", "x");
  using root = openFile("/", O.PATH | O.DIRECTORY);
  await beside(LEASE, path, () => {
    const error = assertThrows(
      () => openInRoot(root, path, O.RDWR | O.NONBLOCK),
      ShortageError,
    ) as ShortageError;
    assertEquals(error.code, "EAGAIN");
    assertMatch(
      error.message,
      /1000 attempts failed: .*renamed or mounted, or .* lease/,
    );
  });
});
