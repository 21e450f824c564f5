import { assertEquals, assertThrows } from "@std/assert";
import {
  checked,
  checkedNow,
  DeadlineError,
  ERRNO_NAMES,
  failedCall,
  ShortageError,
  SysError,
} from "../../lib/sys/errno.ts";
import { lastErrno, libc } from "../../lib/sys/libc.ts";
import { openFile } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import { WakeUp } from "../../lib/sys/wake_up.ts";

/** glibc's own, since 2.32. */
const glibc = Deno.dlopen("libc.so.6", {
  strerrorname_np: { parameters: ["i32"], result: "pointer" },
}).symbols;

Deno.test("ERRNO_NAMES are those of the C library, 41 and 58 apart", () => {
  for (const [index, name] of ERRNO_NAMES.entries()) {
    const text = glibc.strerrorname_np(index + 1);
    const known = text && new Deno.UnsafePointerView(text).getCString();
    assertEquals(known ?? `E${index + 1}`, name);
  }
  assertEquals(ERRNO_NAMES.length, 133);
  assertEquals(glibc.strerrorname_np(134), null);
});

Deno.test("SysError() says call, subject, text and code", () => {
  const error = new SysError("ENOENT", { syscall: "open", subject: "/x" });
  assertEquals(
    error.message,
    "open /x: No such file or directory (ENOENT)",
  );
  assertEquals(error.code, "ENOENT");
  assertEquals([error.syscall, error.subject], ["open", "/x"]);
});

Deno.test("SysError() names an errno that is in no table by its number", () => {
  const error = new SysError("E4095", { syscall: "poll" });
  assertEquals(error.message, "poll: Unknown error (E4095)");
  assertEquals("subject" in error, false);
});

Deno.test("failedCall() tells a shortage from an answer", () => {
  const call = { syscall: "open", subject: "/x" };
  const short = failedCall("EMFILE", call);
  assertEquals([short.name, short.code], ["ShortageError", "EMFILE"]);
  assertEquals(short.message, "open /x: Too many open files (EMFILE)");
  assertEquals(
    [short instanceof ShortageError, short instanceof SysError],
    [true, false],
  );
  assertEquals(failedCall("ENOENT", call).name, "SysError");
});

Deno.test("DeadlineError() says what took longer than what", () => {
  const error = new DeadlineError("open /dev/drbd0", 500);
  assertEquals([error.what, error.timeoutMs], ["open /dev/drbd0", 500]);
  assertEquals(error.message, "open /dev/drbd0: not done within 500 ms");
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
          : checked("fsync", null, () => libc.fsync(-1)),
      SysError,
    ) as SysError;
    assertEquals(error.code, expected);
  }
});

Deno.test("checkedNow() returns undefined where it would have to wait", () => {
  using quiet = new WakeUp();
  const count = new BigUint64Array(1);
  const read = () => libc.read(quiet.fd.number, count, 8n);
  assertEquals(checkedNow("read", null, read), undefined);
  const error = assertThrows(() => checked("read", null, read));
  assertEquals((error as Error).name, "ShortageError");
});

/** Amid what? Everything of a Deno thread that may change errno. */
async function failElsewhere(isOver: () => boolean): Promise<void> {
  const path = new TextEncoder().encode("/no such file\0");
  while (!isOver()) {
    await Promise.allSettled([
      Deno.stat("/no such file"),
      Deno.readTextFile("/no such file"),
      // SAFETY: the path ends with a NUL and lives as long as this loop.
      libc.openatInThread(-100, path, O.RDONLY, 0),
    ]);
  }
}

Deno.test("lastErrno() is of this thread's last call, whatever else runs", async () => {
  let rounds = 0;
  const isOver = () => rounds >= 100;
  const elsewhere = [failElsewhere(isOver), failElsewhere(isOver)];
  const memory = new ArrayBuffer(56);
  const errnos = new Set<number>();
  let garbage: unknown[] = [];
  for (; !isOver(); rounds++) {
    for (let k = 0; k < 500; k++) {
      garbage.push({ k, bytes: new Uint8Array(k) });
      if (k % 50 === 0) assertThrows(() => Deno.statSync("/no such file"));
      // SAFETY: no fd, so nothing is read of `memory`; both return -1.
      const result = k % 2 ? libc.close(-1) : libc.sendmsg(-1, memory, 0);
      errnos.add(result === -1 ? lastErrno() : 0);
    }
    garbage = [];
    await new Promise((next) => setTimeout(next, 0));
  }
  await Promise.all(elsewhere);
  assertEquals([...errnos].map((one) => ERRNO_NAMES[one - 1]), ["EBADF"]);
});

Deno.test("checked() tells the errno however often a function is called", () => {
  for (let i = 0; i < 200; i++) {
    const [path, code] = i % 2 === 0
      ? ["/nowhere/x", "ENOENT"]
      : ["/dev/null/x", "ENOTDIR"];
    const error = assertThrows(() => openFile(path, O.RDONLY), SysError);
    assertEquals(error.code, code, `call ${i}`);
  }
});
