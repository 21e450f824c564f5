import { assertEquals, assertMatch } from "@std/assert";
import { isCut, lengthen } from "../../lib/disk/cut.ts";

Deno.test("isCut() counts in whole sectors, and needs a size", () => {
  assertEquals([1023, 1024, 1025].map((size) => isCut(size, 1024)), [
    ...[false, false, false],
  ]);
  assertEquals([0, 512].map((size) => isCut(size, 1024)), [true, true]);
  assertEquals(isCut(2 ** 53, 2n ** 60n), true);
  assertEquals(isCut(undefined, 1024), false);
});

Deno.test("lengthen() gives a command for a file, and none for a device", () => {
  const path = "/srv/a b.img";
  assertMatch(
    lengthen({ kind: "file", path }, 1024),
    /run: truncate -s 1024 '/,
  );
  assertMatch(lengthen({ kind: "block", path }, 1024), /^make the device 1024/);
});
