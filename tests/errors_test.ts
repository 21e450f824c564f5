import { assertEquals, assertThrows } from "@std/assert";
import {
  type ErrorCode,
  exitStatus,
  HotplugError,
  isShortage,
  messageOf,
  passShortage,
  refuse,
  shortage,
  usage,
} from "../lib/errors.ts";

/** INTERFACE, "Exit statuses", to the word. */
const TABLE: Record<number, readonly ErrorCode[]> = {
  1: ["internal"],
  2: ["usage"],
  3: [
    "no-such-run-dir",
    "no-such-instance",
    "no-such-device",
    "ambiguous-device",
    "bad-state-file",
    "busy",
    "unsupported",
    "no-free-slot",
    "duplicate",
    "refused",
    "in-use",
    "migrating",
  ],
  4: ["not-running", "monitor-busy", "monitor-timeout"],
  5: ["qmp-error", "host-error", "state-write-failed"],
  6: ["unplug-pending", "unplug-rejected"],
  7: ["rollback-incomplete", "interrupted"],
};

Deno.test("exitStatus() is the table of the interface", () => {
  for (const [status, codes] of Object.entries(TABLE)) {
    for (const code of codes) {
      assertEquals(exitStatus(code), Number(status), code);
    }
  }
});

Deno.test("HotplugError() has changed nothing unless it is said", () => {
  assertEquals(new HotplugError("busy", "x").changed, false);
  assertEquals(
    new HotplugError("interrupted", "x", { changed: true }).changed,
    true,
  );
});

Deno.test("HotplugError() keeps its cause, hint and QEMU's words", () => {
  const cause = new Error("why");
  const qmp = { command: "device_add", class: "GenericError", desc: "no" };
  const error = new HotplugError("qmp-error", "x", { cause, hint: "h", qmp });
  assertEquals([error.cause, error.hint, error.qmp], [cause, "h", qmp]);
  assertEquals(error.name, "HotplugError");
});

Deno.test("refuse() and usage() have their codes", () => {
  assertEquals([refuse("x").code, refuse("x", "h").hint], ["refused", "h"]);
  assertEquals([usage("x").code, usage("x", "h").hint], ["usage", "h"]);
});

Deno.test("messageOf() takes anything that was thrown", () => {
  assertEquals(messageOf(new TypeError("t")), "t");
  assertEquals(messageOf("text"), "text");
  assertEquals(messageOf(undefined), "undefined");
});

function ofKernel(code: string): Error {
  return Object.assign(new Error(`open /x: … (${code})`), { code });
}

Deno.test("shortage() is told by the errno, and is busy: status 3", () => {
  for (const code of ["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS", "EAGAIN"]) {
    const error = ofKernel(code);
    assertEquals(isShortage(error), true);
    const told = shortage(error);
    assertEquals([told?.code, told?.changed], ["busy", false]);
    assertEquals(told?.message, `Cannot continue: open /x: … (${code})`);
    assertThrows(() => passShortage(error), Error, code);
  }
  for (const other of [ofKernel("ENOENT"), new Error("EMFILE"), "EMFILE"]) {
    assertEquals([isShortage(other), shortage(other)], [false, undefined]);
    passShortage(other);
  }
});

Deno.test("shortage() is behind what failed for want of it, and not said before", () => {
  const cause = ofKernel("ENFILE");
  const failed = new HotplugError("state-write-failed", "no file", { cause });
  assertEquals(shortage(failed)?.message, "no file");
  // Status 3 and 4 say already that nothing was changed, 7 that something was.
  for (
    const code of ["bad-state-file", "not-running", "interrupted"] as const
  ) {
    assertEquals(shortage(new HotplugError(code, "x", { cause })), undefined);
  }
});
