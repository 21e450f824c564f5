import { assertEquals, assertThrows } from "@std/assert";
import { Fd } from "../../lib/sys/fd.ts";
import { openFile } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import { openFds } from "./support.ts";

Deno.test("Fd.close() closes once and only its own number", () => {
  const before = openFds();
  const first = openFile("/dev/null", O.RDWR);
  first.close();
  using second = openFile("/dev/zero", O.RDONLY);
  // The kernel gives the lowest free number: the one just closed.
  first.close();
  assertEquals(
    Deno.readLinkSync(`/proc/self/fd/${second.number}`),
    "/dev/zero",
  );
  second.close();
  assertEquals(openFds(), before);
});

Deno.test("Fd.number throws once it is closed", () => {
  const fd = openFile("/dev/null", O.RDWR);
  assertEquals(fd.isClosed, false);
  fd.close();
  assertEquals(fd.isClosed, true);
  assertThrows(() => fd.number, Error, "/dev/null is closed already");
  assertThrows(() => fd.release(), Error, "/dev/null is closed already");
});

Deno.test("Fd.release() gives up without closing", () => {
  const fd = openFile("/dev/null", O.RDWR);
  const number = fd.release();
  fd.close();
  using again = new Fd(number);
  assertEquals(Deno.readLinkSync(`/proc/self/fd/${number}`), "/dev/null");
  assertEquals(again.label, `fd ${number}`);
});

Deno.test("Fd() refuses what is no descriptor", () => {
  assertThrows(() => new Fd(-1), RangeError, "current value is -1");
  assertThrows(() => new Fd(1.5), RangeError, "current value is 1.5");
});
