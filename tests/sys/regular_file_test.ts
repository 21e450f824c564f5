/** Small files, read by the C library; without one: tests/integration/cli_without_libc_test.ts. */
import { assertEquals, assertThrows } from "@std/assert";
import { SysError } from "../../lib/sys/errno.ts";
import { readRegularFile } from "../../lib/sys/regular_file.ts";
import { run, TempDir, text } from "./support.ts";

Deno.test("readRegularFile() reads a file whole, with its status", () => {
  using dir = new TempDir();
  const { bytes, status } = readRegularFile(dir.file("x", "four"), 4);
  assertEquals([text(bytes ?? new Uint8Array()), status.sizeBytes], [
    "four",
    4,
  ]);
});

Deno.test("readRegularFile() refuses what is longer", () => {
  using dir = new TempDir();
  const path = dir.file("x", "fives");
  assertThrows(() => readRegularFile(path, 4), RangeError);
});

Deno.test("readRegularFile() follows no link and waits for no FIFO", () => {
  using dir = new TempDir();
  Deno.symlinkSync(dir.file("x", "x"), dir.at("link"));
  const link = assertThrows(() => readRegularFile(dir.at("link"), 4), SysError);
  assertEquals(link.code, "ELOOP");
  run("mkfifo", dir.at("fifo"));
  const { bytes, status } = readRegularFile(dir.at("fifo"), 4);
  assertEquals([bytes, status.kind], [undefined, "fifo"]);
});
