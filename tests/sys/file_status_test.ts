import { assertEquals, assertThrows } from "@std/assert";
import { SysError } from "../../lib/sys/errno.ts";
import { openFile, statFd, statIfThere, statPath } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import { UnixListener } from "../lab/unix_listener.ts";
import { WakeUp } from "../../lib/sys/wake_up.ts";
import { run, TempDir } from "./support.ts";

Deno.test("statPath() agrees with Deno.stat", () => {
  using dir = new TempDir();
  const path = dir.file("f", "12345");
  Deno.linkSync(path, dir.at("second"));
  Deno.chmodSync(path, 0o640);
  Deno.chownSync(path, 12, 34);
  const status = statPath(path);
  const other = Deno.statSync(path);
  assertEquals(status.kind, "file");
  assertEquals(status.mode, 0o640);
  assertEquals([status.uid, status.gid, status.nlink], [12, 34, 2]);
  assertEquals(status.sizeBytes, 5);
  assertEquals(status.inode, BigInt(other.ino ?? 0));
  assertEquals(
    Number(status.modifiedNs / 1_000_000n),
    other.mtime?.getTime(),
  );
  assertEquals(status.rdev, "0:0");
});

Deno.test("statPath() gives device numbers as stat(1) does", () => {
  const expected = run("stat", "-c", "%Hd:%Ld %Hr:%Lr", "/dev/null");
  const status = statPath("/dev/null");
  assertEquals(`${status.device} ${status.rdev}`, expected);
  assertEquals(status.kind, "character");
});

Deno.test("statPath() tells the kinds apart", () => {
  using dir = new TempDir();
  run("mkfifo", dir.at("fifo"));
  Deno.symlinkSync("fifo", dir.at("link"));
  using _listener = UnixListener.bind(dir.at("socket"));
  using held = openFile(dir.path, O.PATH | O.DIRECTORY);
  const kind = (path: string) =>
    statPath(path, { dir: held, followLinks: "no" }).kind;
  assertEquals(kind("fifo"), "fifo");
  assertEquals(kind("link"), "link");
  assertEquals(kind("socket"), "socket");
  assertEquals(kind("."), "directory");
  assertEquals(statPath("link", { dir: held }).kind, "fifo");
});

Deno.test("statFd() sees the link itself through O_PATH", () => {
  using dir = new TempDir();
  Deno.symlinkSync("nowhere", dir.at("link"));
  using fd = openFile(dir.at("link"), O.PATH | O.NOFOLLOW);
  assertEquals(statFd(fd).kind, "link");
});

Deno.test("statPath() tells what is not there", () => {
  const error = assertThrows(() => statPath("/nowhere"), SysError) as SysError;
  assertEquals([error.code, error.subject], ["ENOENT", "/nowhere"]);
});

Deno.test("statFd() knows descriptors of no file type", () => {
  using wakeUp = new WakeUp();
  assertEquals(statFd(wakeUp.fd).kind, "anonymous");
});

Deno.test("statIfThere() tells nothing from all other failures", () => {
  using dir = new TempDir();
  assertEquals(statIfThere(dir.at("none")), undefined);
  const path = dir.file("f", "12345");
  assertEquals(statIfThere(path), statPath(path));
  const error = assertThrows(() => statIfThere(`${path}/x`), SysError);
  assertEquals((error as SysError).code, "ENOTDIR");
});
