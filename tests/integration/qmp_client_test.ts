/** One QMP session against a peer that keeps to the protocol, and not. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { propertyNamesOf } from "../../lib/qmp/device_queries.ts";
import { ask } from "../../lib/qmp/query.ts";
import { QmpCommandError, QmpTimeoutError } from "../../lib/qmp/errors.ts";
import { openFile, statFd, statPath } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import { event, GREETING } from "../lab/scripted_behaviour.ts";
import { Peer } from "../lab/session_peer.ts";

const isResume = ({ event }: { event: string }) => event === "RESUME";
const SHORTLY = { timeoutMs: 50 };

Deno.test("open() negotiates first and knows the version", async () => {
  await using peer = new Peer();
  using qmp = await peer.open();
  assertEquals(qmp.version, {
    major: 7,
    minor: 2,
    micro: 22,
    package: "Debian",
  });
  assertEquals(peer.call("qmp_capabilities").args, {});
  assertEquals([qmp.state, qmp.peer().pid], ["ready", Deno.pid]);
});

Deno.test("execute() returns the value of the reply with its id", async () => {
  await using peer = new Peer();
  using qmp = await peer.open();
  peer.once("query-name", {
    before: [{ return: 1, id: 1 }, { return: 2 }],
    after: [{ return: 3, id: "kvm-hotplug-2" }],
  });
  const name = { name: "vm1.example.com" };
  assertEquals(await qmp.execute("query-name"), name);
  assertEquals(await qmp.execute("query-name"), name);
});

Deno.test("execute() rejects with QEMU's own words, and goes on", async () => {
  await using peer = new Peer();
  using qmp = await peer.open();
  const refuse = { class: "DeviceNotFound", desc: "no such thing" };
  peer.once("query-pci", { refuse });
  const error = await assertRejects(
    () => qmp.execute("query-pci"),
    QmpCommandError,
  ) as QmpCommandError;
  const { command, class: errorClass, desc } = error;
  assertEquals({ class: errorClass, desc }, refuse);
  assertEquals([command, qmp.state], ["query-pci", "ready"]);
  await qmp.execute("query-pci");
});

Deno.test("ask() takes a refusal as no answer where its query says so", async () => {
  await using peer = new Peer();
  using qmp = await peer.open();
  const execute = "device-list-properties";
  const refusing = async (errorClass: string) => {
    peer.once(execute, { refuse: { class: errorClass, desc: "no" } });
    return await ask(qmp, propertyNamesOf("no-such-model"));
  };
  assertEquals(await refusing("GenericError"), undefined);
  assertEquals(await refusing("CommandNotFound"), undefined);
  peer.once(execute, { refuse: { class: "GenericError", desc: "no" } });
  await assertRejects(
    () => ask(qmp, { execute, read: () => 1 }),
    QmpCommandError,
  );
});

Deno.test("execute() drops the late reply of a command it gave up", async () => {
  await using peer = new Peer();
  using qmp = await peer.open({ timeoutMs: 100 });
  peer.once("query-name", { reply: "late", value: "late" });
  await assertRejects(() => qmp.execute("query-name"), QmpTimeoutError);
  assertEquals(await qmp.execute("query-name"), { name: "vm1.example.com" });
});

Deno.test("execute() drops the late refusal of a command it gave up", async () => {
  await using peer = new Peer();
  using qmp = await peer.open({ timeoutMs: 100 });
  const refuse = { class: "GenericError", desc: "late" };
  peer.once("query-name", { reply: "late", refuse });
  await assertRejects(() => qmp.execute("query-name"), QmpTimeoutError);
  assertEquals(await qmp.execute("query-name"), { name: "vm1.example.com" });
});

Deno.test("execute() sends the fd in the message of its command", async () => {
  await using peer = new Peer();
  using qmp = await peer.open();
  using fd = openFile("/dev/zero", O.RDONLY);
  await qmp.execute("getfd", { fdname: "zero" }, { fd });
  assertEquals(peer.call("getfd").fds, 1);
  const received = peer.model.fdNames.get("zero");
  const rdev = received && statFd(received).rdev;
  assertEquals(rdev, statPath("/dev/zero").rdev);
  assert(!fd.isClosed);
});

Deno.test("a session read byte by byte is the same session", async () => {
  await using peer = new Peer();
  peer.bytesPerWrite = 1;
  using qmp = await peer.open();
  peer.once("query-name", { before: [event("RESUME")], value: "ä€𝄞\u2028" });
  assertEquals(await qmp.execute("query-name"), "ä€𝄞\u2028");
  const found = await qmp.waitEvent(isResume, { ...SHORTLY, since: 0 });
  assert(typeof found === "object");
});

Deno.test("messages may end in LF, stand among blank lines, share a write", async () => {
  await using peer = new Peer();
  const greeting = `\n\r\n${JSON.stringify(GREETING)}\n\n`;
  peer.greeting = greeting + `${JSON.stringify(event("RESUME"))}\n`;
  using qmp = await peer.open();
  peer.once("query-name", ({ id }) => ({
    raw: `\r\n\n${JSON.stringify({ return: 5, id })}\n`,
  }));
  assertEquals(await qmp.execute("query-name"), 5);
  const found = await qmp.waitEvent(isResume, { ...SHORTLY, since: 0 });
  assert(typeof found === "object");
});

Deno.test("waitEvent() finds what came before the reply and after it", async () => {
  for (const where of ["before", "after"] as const) {
    await using peer = new Peer();
    using qmp = await peer.open();
    const since = qmp.mark();
    peer.once("query-name", { [where]: [event("STOP"), event("RESUME")] });
    await qmp.execute("query-name");
    const found = await qmp.waitEvent(isResume, { timeoutMs: 5_000, since });
    assertEquals(typeof found === "string" ? found : found.event, "RESUME");
    assertEquals(
      typeof found === "string" ? 0 : found.timestampMs,
      1_700_000_000_000,
    );
  }
});

Deno.test("waitEvent() does not find what came before the mark", async () => {
  await using peer = new Peer();
  using qmp = await peer.open();
  peer.once("query-name", { before: [event("RESUME")] });
  await qmp.execute("query-name");
  const since = qmp.mark();
  const found = await qmp.waitEvent(isResume, { ...SHORTLY, since });
  assertEquals(found, "timeout");
});

Deno.test("waitEvent() finds one event in twenty thousand", async () => {
  await using peer = new Peer();
  using qmp = await peer.open();
  const noise = Array.from({ length: 10_000 }, () => event("RTC_CHANGE"));
  const since = qmp.mark();
  peer.once("query-name", { after: [...noise, ...noise, event("RESUME")] });
  await qmp.execute("query-name");
  const found = await qmp.waitEvent(isResume, { timeoutMs: 5_000, since });
  assert(typeof found === "object", String(found));
});

Deno.test("waitEvent() ends when aborted, before and while it waits", async () => {
  await using peer = new Peer();
  using qmp = await peer.open();
  const stop = new AbortController();
  const wait = () =>
    qmp.waitEvent(isResume, {
      timeoutMs: 5_000,
      since: 0,
      signal: stop.signal,
    });
  const waiting = wait();
  stop.abort();
  assertEquals([await waiting, await wait()], ["aborted", "aborted"]);
  await qmp.execute("query-name");
});

Deno.test("a session refuses a second call while the first one runs", async () => {
  await using peer = new Peer();
  using qmp = await peer.open();
  const name = { name: "vm1.example.com" };
  const first = qmp.execute("query-name");
  const beside = [
    () => qmp.execute("query-pci"),
    () => qmp.send([{ execute: "query-pci" }]),
    () => qmp.waitEvent(isResume, { ...SHORTLY, since: 0 }),
  ];
  for (const call of beside) {
    await assertRejects(call, TypeError, "while it does query-name");
  }
  assertEquals(await first, name);
  assertEquals(peer.calls.map(({ command }) => command), [
    "qmp_capabilities",
    "query-name",
  ]);
  assertEquals(await qmp.execute("query-name"), name);
});

Deno.test("send() gives up replies that nobody awaited before the next", async () => {
  await using peer = new Peer();
  using qmp = await peer.open();
  const name = { name: "vm1.example.com" };
  const replies = await qmp.send([{ execute: "query-pci" }]);
  assertEquals(await qmp.execute("query-name"), name);
  await assertRejects(replies, TypeError, "given up");
  assertEquals(await qmp.execute("query-name"), name);
});
