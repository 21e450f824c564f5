import { assertEquals, assertThrows } from "@std/assert";
import { SysError } from "../../lib/sys/errno.ts";
import {
  exchange,
  mkdir,
  mknodBlock,
  openFile,
  rename,
  rmdir,
  statPath,
  unlink,
} from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import { TempDir } from "./support.ts";

function code(call: () => unknown): string {
  return (assertThrows(call, SysError) as SysError).code;
}

function names(path: string): string[] {
  return [...Deno.readDirSync(path)].map(({ name }) => name).sort();
}

Deno.test("rename() replaces in a held directory", () => {
  using dir = new TempDir();
  dir.file("new", "new");
  dir.file("old", "old");
  using held = openFile(dir.path, O.RDONLY | O.DIRECTORY);
  rename("new", "old", { dir: held });
  assertEquals(names(dir.path), ["old"]);
  assertEquals(Deno.readTextFileSync(dir.at("old")), "new");
});

Deno.test("exchange() has two names change places, and both must be there", () => {
  using dir = new TempDir();
  dir.file("one", "1");
  dir.file("other", "2");
  using held = openFile(dir.path, O.RDONLY | O.DIRECTORY);
  assertEquals(exchange("one", "other", { dir: held }), true);
  assertEquals(Deno.readTextFileSync(dir.at("one")), "2");
  assertEquals(Deno.readTextFileSync(dir.at("other")), "1");
  assertEquals(code(() => exchange("one", "none", { dir: held })), "ENOENT");
  // A directory cannot go into itself: EINVAL, as of who exchanges nothing.
  mkdir("sub", 0o700, { dir: held });
  mkdir("sub/inner", 0o700, { dir: held });
  assertEquals(exchange("sub", "sub/inner", { dir: held }), false);
});

Deno.test("rename() names both ends of a failure", () => {
  const error = assertThrows(() => rename("/nowhere/a", "/b"), SysError);
  assertEquals(
    (error as SysError).message,
    "rename /nowhere/a to /b: No such file or directory (ENOENT)",
  );
});

Deno.test("unlink() removes the link and not its target", () => {
  using dir = new TempDir();
  Deno.symlinkSync(dir.file("target", ""), dir.at("link"));
  using held = openFile(dir.path, O.PATH | O.DIRECTORY);
  unlink("link", { dir: held });
  assertEquals(names(dir.path), ["target"]);
  assertEquals(code(() => unlink("link", { dir: held })), "ENOENT");
});

Deno.test("mkdir() and rmdir() work in a held directory", () => {
  using dir = new TempDir();
  using held = openFile(dir.path, O.PATH | O.DIRECTORY);
  mkdir("sub", 0o700, { dir: held });
  assertEquals(statPath(dir.at("sub")).mode, 0o700);
  assertEquals(code(() => mkdir("sub", 0o700, { dir: held })), "EEXIST");
  dir.file("sub/f", "");
  assertEquals(code(() => rmdir("sub", { dir: held })), "ENOTEMPTY");
  assertEquals(code(() => unlink("sub", { dir: held })), "EISDIR");
  unlink("sub/f", { dir: held });
  rmdir("sub", { dir: held });
  assertEquals(names(dir.path), []);
});

Deno.test("mknodBlock() makes the node of that device", () => {
  using dir = new TempDir();
  using held = openFile(dir.path, O.PATH | O.DIRECTORY);
  for (const rdev of ["7:3", "259:70000", "4095:1048575"]) {
    mknodBlock("node", { dir: held, mode: 0o600, rdev });
    const status = statPath("node", { dir: held });
    assertEquals([status.kind, status.rdev], ["block", rdev]);
    assertEquals(status.mode, 0o600);
    unlink("node", { dir: held });
  }
});

Deno.test("mknodBlock() refuses a device that cannot be", () => {
  for (const rdev of ["", "7", "7:x", "4096:0", "0:1048576", "-1:0"]) {
    assertThrows(
      () => mknodBlock("/nowhere/node", { mode: 0o600, rdev }),
      TypeError,
      "major:minor",
    );
  }
});
