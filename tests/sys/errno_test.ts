import { assertEquals, assertThrows } from "@std/assert";
import {
  checked,
  DeadlineError,
  Errno,
  errnoNamed,
  failedCall,
  ShortageError,
  SysError,
} from "../../lib/sys/errno.ts";
import { ERRNO_TABLE } from "../../lib/sys/errno_table.ts";
import { libc } from "../../lib/sys/libc.ts";
import { openFile } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";

const ROWS = ERRNO_TABLE.trim().split("\n").map((line) => {
  const [number, code] = line.split(" ");
  return [Number(number), code] as const;
});

Deno.test("errnoNamed() knows every name of the table, and no other", () => {
  for (const [number, code = ""] of ROWS) {
    assertEquals(errnoNamed(code), number);
  }
  assertEquals([errnoNamed("ENONE"), errnoNamed("")], [0, 0]);
});

Deno.test("SysError() says call, subject, text and code", () => {
  const error = new SysError(Errno.ENOENT, "open", "/x");
  assertEquals(
    error.message,
    "open /x: No such file or directory (ENOENT)",
  );
  assertEquals([error.errno, error.code], [2, "ENOENT"]);
  assertEquals([error.syscall, error.subject], ["open", "/x"]);
});

Deno.test("SysError() names an errno that is in no table by its number", () => {
  const error = new SysError(4095, "poll");
  assertEquals(error.message, "poll: Unknown error (E4095)");
  assertEquals("subject" in error, false);
});

Deno.test("failedCall() tells a shortage from an answer", () => {
  const call = { syscall: "open", subject: "/x" };
  const short = failedCall(errnoNamed("EMFILE"), call);
  assertEquals([short.name, short.code], ["ShortageError", "EMFILE"]);
  assertEquals(short.message, "open /x: Too many open files (EMFILE)");
  assertEquals(
    [short instanceof ShortageError, short instanceof SysError],
    [true, false],
  );
  assertEquals(failedCall(Errno.ENOENT, call).name, "SysError");
});

Deno.test("DeadlineError() says what took longer than what", () => {
  const error = new DeadlineError("open /dev/drbd0", 500);
  assertEquals([error.what, error.timeoutMs], ["open /dev/drbd0", 500]);
  assertEquals(error.message, "open /dev/drbd0: not done within 500 ms");
});

Deno.test("Errno has the numbers of the table", () => {
  const numbers = new Map(ROWS.map(([number, code]) => [code, number]));
  for (const [code, number] of Object.entries(Errno)) {
    assertEquals(numbers.get(code), number, code);
  }
});

Deno.test("ERRNO_TABLE has every errno from 1 to 133 but 41 and 58", () => {
  const numbers = Array.from({ length: 133 }, (_, index) => index + 1)
    .filter((number) => number !== 41 && number !== 58);
  assertEquals(ROWS.map(([number]) => number), numbers);
});

Deno.test("checked() reads the errno of its own call, every time", () => {
  // Allocation between the calls gives the collector every chance to interfere.
  for (let index = 0; index < 5000; index++) {
    const garbage = Array.from({ length: 50 }, () => ({ index }));
    const expected = index % 2 === 0 ? "ENOENT" : "EBADF";
    const error = assertThrows(
      () =>
        index % 2 === 0
          ? openFile(`/nowhere/${garbage.length}`, O.RDONLY)
          : checked(() => libc.fsync(-1), { syscall: "fsync" }),
      SysError,
    ) as SysError;
    assertEquals(error.code, expected);
  }
});

Deno.test("checked() returns an ignored errno negated", () => {
  const result = checked(
    () => libc.fsync(-1),
    { syscall: "fsync" },
    [Errno.EBADF],
  );
  assertEquals(result, -Errno.EBADF);
});
