import { assertEquals } from "@std/assert";
import { QmpNoGreetingError, QmpTimeoutError } from "../../lib/qmp/errors.ts";

Deno.test("errors of time say how long was waited, in seconds", () => {
  assertEquals(
    new QmpTimeoutError("device_add", 10_000).message,
    "QEMU did not answer device_add within 10 s",
  );
  assertEquals(
    new QmpNoGreetingError(2_500).message,
    "the QMP socket sent no greeting within 2.5 s",
  );
});
