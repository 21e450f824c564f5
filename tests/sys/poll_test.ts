import { assert, assertEquals, assertRejects } from "@std/assert";
import { POLL } from "../../lib/sys/layout.ts";
import { poll, pollSync, WakeUp } from "../../lib/sys/poll.ts";
import { openFds, PATIENCE } from "./support.ts";

const IN = POLL.IN;

Deno.test("pollSync() reports each descriptor at its place", () => {
  using quiet = new WakeUp();
  using ready = new WakeUp();
  ready.wake();
  const events = pollSync([
    { fd: quiet.fd, events: IN },
    { fd: ready.fd, events: IN | POLL.OUT },
    { fd: quiet.fd, events: POLL.OUT },
  ], PATIENCE.timeoutMs);
  assertEquals(events, [0, IN | POLL.OUT, POLL.OUT]);
});

Deno.test("pollSync() ends when its time is over", () => {
  using quiet = new WakeUp();
  const startMs = performance.now();
  assertEquals(pollSync([{ fd: quiet.fd, events: IN }], 20), [0]);
  assert(performance.now() - startMs >= 20);
});

Deno.test("poll() returns nothing before its time is over", async () => {
  using quiet = new WakeUp();
  const startMs = performance.now();
  assertEquals(await poll([{ fd: quiet.fd, events: IN }], 30), [0]);
  assert(performance.now() - startMs >= 30);
});

Deno.test("poll() leaves the event loop running", async () => {
  using wakeUp = new WakeUp();
  setTimeout(() => wakeUp.wake());
  const events = await poll(
    [{ fd: wakeUp.fd, events: IN }],
    PATIENCE.timeoutMs,
  );
  assertEquals(events, [IN]);
});

Deno.test("WakeUp.clear() takes back all wakes before", () => {
  using wakeUp = new WakeUp();
  wakeUp.clear();
  wakeUp.wake();
  wakeUp.wake();
  wakeUp.clear();
  assertEquals(pollSync([{ fd: wakeUp.fd, events: IN }], 0), [0]);
});

Deno.test("WakeUp.wake() does nothing after disposal", () => {
  const wakeUp = new WakeUp();
  wakeUp[Symbol.dispose]();
  wakeUp.wake();
  assertEquals(wakeUp.fd.isClosed, true);
});

Deno.test("poll() serves more waits at once than Deno has threads", async () => {
  const before = openFds();
  const wakeUps = Array.from({ length: 100 }, () => new WakeUp());
  const waits = wakeUps.map((wakeUp) =>
    poll([{ fd: wakeUp.fd, events: IN }], PATIENCE.timeoutMs)
  );
  // The last first: each must end by itself, not behind those before it.
  for (const [index, wakeUp] of [...wakeUps.entries()].reverse()) {
    wakeUp.wake();
    assertEquals(await waits[index], [IN]);
  }
  for (const wakeUp of wakeUps) wakeUp[Symbol.dispose]();
  assertEquals(openFds(), before);
});

Deno.test("poll() ends a short wait beside a long one", async () => {
  using wakeUp = new WakeUp();
  using quiet = new WakeUp();
  const long = poll([{ fd: wakeUp.fd, events: IN }], PATIENCE.timeoutMs);
  assertEquals(await poll([{ fd: quiet.fd, events: IN }], 10), [0]);
  wakeUp.wake();
  assertEquals(await long, [IN]);
});

Deno.test("poll() rejects a wait for a closed descriptor and no other", async () => {
  const closed = new WakeUp();
  using wakeUp = new WakeUp();
  const other = poll([{ fd: wakeUp.fd, events: IN }], PATIENCE.timeoutMs);
  closed[Symbol.dispose]();
  await assertRejects(
    () => poll([{ fd: closed.fd, events: IN }], PATIENCE.timeoutMs),
    Error,
    "closed while it was waited for",
  );
  wakeUp.wake();
  assertEquals(await other, [IN]);
});
