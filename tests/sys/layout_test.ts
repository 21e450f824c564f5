import { assertEquals, assertThrows } from "@std/assert";
import { align, cString, SOCKET, unixAddress } from "../../lib/sys/layout.ts";
import { text } from "./support.ts";

Deno.test("unixAddress() has the family, the path and a NUL, up to 107 bytes", () => {
  const address = unixAddress("/a");
  assertEquals(address, new Uint8Array([SOCKET.AF_UNIX, 0, 47, 97, 0]));
  const longest = "é".repeat(53) + "x";
  assertEquals(text(unixAddress(longest).slice(2)), `${longest}\0`);
  for (const path of ["é".repeat(54), "x".repeat(108)]) {
    assertThrows(() => unixAddress(path), RangeError, "at most 107 bytes");
  }
  assertThrows(() => unixAddress("a\0b"), TypeError, "NUL");
});

Deno.test("cString() ends with a NUL, and has no other", () => {
  assertEquals(cString(""), new Uint8Array([0]));
  assertEquals(cString("a"), new Uint8Array([97, 0]));
  for (const path of ["\0", "a\0", "\ud800"]) {
    assertThrows(() => cString(path), TypeError);
  }
});

Deno.test("align() rounds up", () => {
  const sizes = [0, 1, 4, 5, 7, 8];
  assertEquals(sizes.map((size) => align(size, 4)), [0, 4, 4, 8, 8, 8]);
  assertEquals(align(9, 8), 16);
});
