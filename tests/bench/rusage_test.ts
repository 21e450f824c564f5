import { assert, assertEquals, assertThrows } from "@std/assert";
import { SysError } from "../../lib/sys/errno.ts";
import { waitForChild } from "./rusage.ts";
import { peakOf } from "./peak.ts";

const MIB = 2 ** 20;

Deno.test("waitForChild() tells the peak memory of the child alone", async () => {
  // dd fills a buffer of this size once.
  const dd = ["dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"];
  const large = await peakOf([...dd, "status=none"]);
  assertEquals(large.status, 0);
  assert(large.peakBytes > 64 * MIB, `${large.peakBytes}`);
  assert(large.peakBytes < 80 * MIB, `${large.peakBytes}`);
  // Less than the Deno that measures it, and no more than it needs.
  const small = await peakOf(["true"]);
  assert(
    small.peakBytes > 0 && small.peakBytes < 8 * MIB,
    `${small.peakBytes}`,
  );
});

Deno.test("waitForChild() tells exit status and signal", async () => {
  assertEquals((await peakOf(["sh", "-c", "exit 5"])).status, 5);
  assertEquals((await peakOf(["sh", "-c", "kill -KILL $$"])).status, 137);
});

Deno.test("waitForChild() refuses what is no child", () => {
  const error = assertThrows(() => waitForChild(1), SysError) as SysError;
  assertEquals([error.code, error.syscall], ["ECHILD", "wait4"]);
  assertThrows(() => waitForChild(0), RangeError, "current value is 0");
});
