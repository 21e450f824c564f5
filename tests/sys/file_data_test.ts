import { assertEquals, assertThrows } from "@std/assert";
import { SysError } from "../../lib/sys/errno.ts";
import {
  blockDeviceSize,
  fchmod,
  fchown,
  fsync,
  ftruncate,
  openFile,
  readAll,
  statFd,
  writeAll,
} from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import { unless, withoutDevice } from "../support/left_out.ts";
import { bytes, run, TempDir, text } from "./support.ts";

Deno.test("writeAll() and readAll() carry more than one chunk", () => {
  using dir = new TempDir();
  const content = new Uint8Array(200_000).map((_, index) => index * 7);
  using fd = openFile(dir.at("f"), O.RDWR | O.CREAT);
  writeAll(fd, content.subarray(0, 100_001));
  writeAll(fd, content.subarray(100_001));
  fsync(fd);
  assertEquals(readAll(fd, 200_000), content);
  assertEquals(Deno.readFileSync(dir.at("f")), content);
});

Deno.test("readAll() reads from the begin and leaves the position", () => {
  using dir = new TempDir();
  using fd = openFile(dir.at("f"), O.RDWR | O.CREAT);
  writeAll(fd, bytes("one"));
  assertEquals(text(readAll(fd, 10)), "one");
  writeAll(fd, bytes(" two"));
  assertEquals(text(readAll(fd, 10)), "one two");
});

Deno.test("readAll() takes exactly maxBytes and refuses one more", () => {
  using dir = new TempDir();
  using fd = openFile(dir.file("f", "12345"), O.RDONLY);
  assertEquals(readAll(fd, 5).length, 5);
  assertThrows(() => readAll(fd, 4), RangeError, "longer than 4 bytes");
  using empty = openFile(dir.file("e", ""), O.RDONLY);
  assertEquals(readAll(empty, 0).length, 0);
});

Deno.test("readAll() knows the end of a file whose size it is told", () => {
  using dir = new TempDir();
  using fd = openFile(dir.file("f", "12345"), O.RDONLY);
  // One that has grown, or shrunk, since then is read whole all the same.
  for (const sizeBytes of [5, 3, 9]) {
    assertEquals(text(readAll(fd, 100, sizeBytes)), "12345");
    assertEquals(text(readAll(fd, 5, sizeBytes)), "12345");
  }
  assertThrows(() => readAll(fd, 4, 4), RangeError, "longer than 4 bytes");
});

Deno.test("readAll() gives memory that the next read leaves alone", () => {
  using dir = new TempDir();
  using one = openFile(dir.file("a", "one"), O.RDONLY);
  using two = openFile(dir.file("b", "two"), O.RDONLY);
  const first = readAll(one, 10);
  readAll(two, 10);
  assertEquals(text(first), "one");
  assertEquals(first.buffer.byteLength, 3);
});

Deno.test("readAll() reads a file of /proc, whose size is 0", () => {
  using fd = openFile("/proc/self/comm", O.RDONLY);
  assertEquals(statFd(fd).sizeBytes, 0);
  assertEquals(
    text(readAll(fd, 100)),
    Deno.readTextFileSync("/proc/self/comm"),
  );
});

Deno.test("writeAll() tells a full device", () => {
  using fd = openFile("/dev/full", O.WRONLY);
  const error = assertThrows(() => writeAll(fd, bytes("x")), SysError);
  assertEquals((error as SysError).code, "ENOSPC");
});

Deno.test("ftruncate() cuts and extends, beyond 4 GiB too", () => {
  using dir = new TempDir();
  using fd = openFile(dir.file("f", "12345"), O.RDWR);
  ftruncate(fd, 2);
  assertEquals(Deno.readTextFileSync(dir.at("f")), "12");
  ftruncate(fd, 5 * 2 ** 30);
  assertEquals(statFd(fd).sizeBytes, 5 * 2 ** 30);
});

Deno.test("fchmod() sets all twelve bits", () => {
  using dir = new TempDir();
  using fd = openFile(dir.file("f", ""), O.RDONLY);
  fchmod(fd, 0o4751);
  assertEquals(statFd(fd).mode, 0o4751);
});

Deno.test("fchown() works on a descriptor opened with O_PATH", () => {
  using dir = new TempDir();
  using fd = openFile(dir.file("f", ""), O.PATH);
  fchown(fd, 12345, 54321);
  const status = Deno.statSync(dir.at("f"));
  assertEquals([status.uid, status.gid], [12345, 54321]);
});

Deno.test("blockDeviceSize() refuses a file", () => {
  using dir = new TempDir();
  using fd = openFile(dir.file("f", "x"), O.RDONLY);
  const error = assertThrows(() => blockDeviceSize(fd), SysError) as SysError;
  assertEquals(error.code, "ENOTTY");
});

Deno.test({
  ...unless(
    withoutDevice("/dev/loop-control"),
    "blockDeviceSize() tells the size of a loop device",
  ),
  fn() {
    using dir = new TempDir();
    const path = dir.file("image", "");
    Deno.truncateSync(path, 5 * 2 ** 30 + 512);
    const device = run("losetup", "--find", "--show", path);
    try {
      using fd = openFile(device, O.RDONLY);
      assertEquals(statFd(fd).kind, "block");
      assertEquals(blockDeviceSize(fd), 5 * 2 ** 30 + 512);
    } finally {
      run("losetup", "--detach", device);
    }
  },
});
