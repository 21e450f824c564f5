import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  duplicate,
  type ErrorCode,
  exitStatus,
  hostError,
  HotplugError,
  ifThere,
  inSpiteOf,
  isDenied,
  isFailure,
  isShortage,
  messageOf,
  named,
  noFreeSlot,
  orNone,
  passShortage,
  permissionDenied,
  refuse,
  remark,
  remarkOf,
  remarkText,
  shortage,
  STATUS,
  toldOf,
  unsupported,
  usage,
  withDetails,
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
    "leftover",
    "refused",
    "in-use",
    "migrating",
    "permission-denied",
  ],
  4: ["not-running", "monitor-busy", "monitor-timeout", "event-timeout"],
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
  const all = Object.values(TABLE).flat();
  assertEquals(all.toSorted(), Object.keys(STATUS).toSorted());
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

Deno.test("shortage() says what helps: a higher limit, or time", () => {
  assertMatch(shortage(ofKernel("EMFILE"))?.hint ?? "", /ulimit -n/);
  assertEquals(shortage(ofKernel("ENFILE"))?.hint, "try again later");
});

const DEVICE = { kind: "disk", index: 1, uuid: "u", id: "d" };

Deno.test("remark() has null for what is not known", () => {
  const bare = { code: "c", message: "m", hint: null, device: null };
  assertEquals(remark("c", "m"), bare);
  const whole = { ...bare, hint: "h", device: DEVICE };
  assertEquals(remark("c", "m", { hint: "h", device: DEVICE }), whole);
  assertEquals([remarkText(bare), remarkText(whole)], ["m", "m; h"]);
});

Deno.test("remarkOf() takes of an error and of a view what a remark has", () => {
  const device = { ...DEVICE, size: 5 };
  assertEquals(toldOf(device), DEVICE);
  const error = new HotplugError("busy", "m", { hint: "h", device });
  const said = { code: "busy", message: "m", hint: "h", device: DEVICE };
  assertEquals(remarkOf(error), said);
  assertEquals(inSpiteOf(error, "done"), { ...said, message: "m: done" });
  const bare = { ...said, hint: null, device: null };
  assertEquals(remarkOf(new HotplugError("busy", "m")), bare);
});

Deno.test("withDetails() keeps what is known of a failure", () => {
  const details = {
    hint: "h",
    qmp: { command: "c", class: "G", desc: "d" },
    choice: { word: "w", known: ["k"] },
    device: DEVICE,
    candidates: [DEVICE],
    settled: [remark("s", "s")],
    lacks: ["--uuid"],
    row: { reached: 2, operations: [] },
    changed: true,
    cause: new Error("why"),
  };
  const error = new HotplugError("qmp-error", "m", details);
  const all = (one: HotplugError) => {
    const { code, message, hint, qmp, device, candidates } = one;
    const { settled, changed, cause, details } = one;
    const { choice, lacks, row } = details;
    const known = { hint, qmp, choice, device, candidates, settled };
    return { code, message, ...known, lacks, row, changed, cause };
  };
  const said = { code: "qmp-error", message: "m", ...details } as const;
  assertEquals(all(error), said);
  assertEquals(all(withDetails(error, {})), said);
  const other = withDetails(error, { hint: "other", changed: false });
  assertEquals(all(other), { ...said, hint: "other", changed: false });
  const { settled, changed } = new HotplugError("busy", "m");
  assertEquals([settled, changed], [[], false]);
});

Deno.test("isFailure() goes by the codes, if any are given", () => {
  const error = refuse("x");
  assertEquals([isFailure(error), isFailure(new Error("x"))], [true, false]);
  assertEquals(isFailure(error, "busy", "refused"), true);
  assertEquals(isFailure(error, "busy"), false);
});

Deno.test("failures of one code have it, their hint and their cause", () => {
  const made = { duplicate, noFreeSlot, unsupported };
  assertEquals(
    Object.values(made).map((make) => [make("x").code, make("x", "h").hint]),
    [["duplicate", "h"], ["no-free-slot", "h"], ["unsupported", "h"]],
  );
  const cause = new Error("why");
  const failed = hostError("x", cause);
  assertEquals([failed.code, failed.cause], ["host-error", cause]);
  const denied = permissionDenied("Cannot look", cause);
  assertEquals([denied.code, denied.cause], ["permission-denied", cause]);
  assertMatch(denied.message, /^Cannot look: kvm-hotplug .* root/);
});

Deno.test("ifThere() takes a failure for an answer, but no shortage", () => {
  const fail = (error: Error) => () => {
    throw error;
  };
  assertEquals(ifThere(() => 5), 5);
  assertEquals(ifThere(fail(ofKernel("ENOENT"))), undefined);
  assertThrows(() => ifThere(fail(ofKernel("EMFILE"))), Error, "EMFILE");
  const isAnswer = (error: unknown) => error instanceof TypeError;
  assertEquals(orNone(fail(new TypeError("t")), isAnswer), undefined);
  assertThrows(() => orNone(fail(new Error("e")), isAnswer), Error, "e");
});

Deno.test("isDenied() finds the kernel's refusal below other errors", () => {
  for (const code of ["EACCES", "EPERM"]) {
    const below = new Error("x", { cause: ofKernel(code) });
    assertEquals([isDenied(ofKernel(code)), isDenied(below)], [true, true]);
  }
  const others = [ofKernel("ENOENT"), new Error("EACCES"), "EACCES", undefined];
  assertEquals(others.map(isDenied), [false, false, false, false]);
});

Deno.test("named() leaves ours, and tells the kernel's from a fault of the tool", () => {
  const ours = refuse("x");
  assertEquals(named(ours), ours);
  const kernels = named(ofKernel("EIO"));
  assertEquals([kernels.code, kernels.message], [
    "host-error",
    "open /x: … (EIO)",
  ]);
  const codes = [{ code: "EIO" }, new TypeError("t")]
    .concat(Object.assign(new Error("t"), { code: 5 }))
    .concat(Object.assign(new Error("t"), { code: "ERR_X" }))
    .concat(Object.assign(new Error("t"), { code: "xEIO" }))
    .map((error) => named(error).code);
  assertEquals(codes, Array(5).fill("internal"));
  const fault = named(new TypeError("t"));
  assertEquals(fault.message, "Internal fault: t");
  assertMatch(fault.hint ?? "", /--verbose/);
  assertEquals(fault.cause instanceof TypeError, true);
});
