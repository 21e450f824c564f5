/** A QMP session that does not begin, or ends, as it should. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { QmpSession } from "../../lib/qmp/client.ts";
import {
  QmpClosedError,
  QmpCommandError,
  QmpNoGreetingError,
  QmpProtocolError,
} from "../../lib/qmp/errors.ts";
import { type Behaviour, event } from "../lab/scripted_behaviour.ts";
import { Peer } from "../lab/session_peer.ts";
import { fds } from "../lab/scripted_instance.ts";

Deno.test("a session whose peer goes is closed and leaves nothing open", async () => {
  const ends: Behaviour[] = [
    { close: "before-reply" },
    { reply: "never", close: "after-reply" },
    { raw: '{"return"', close: "after-reply" },
  ];
  for (const behaviour of ends) {
    await using peer = new Peer();
    const before = fds();
    const qmp = await peer.open();
    peer.once("query-name", behaviour);
    await assertRejects(() => qmp.execute("query-name"), QmpClosedError);
    assertEquals(qmp.state, "closed");
    await assertRejects(
      () => qmp.execute("query-name"),
      QmpClosedError,
      "cannot send query-name: the session has ended",
    );
    await peer.idle();
    assertEquals(fds(), before);
  }
});

Deno.test("a peer that leaves the protocol ends the session", async () => {
  const lines = [
    "garbage\n",
    "{}\n",
    "[]\n",
    "null\n",
    '"text"\n',
    "\u0000\n",
    '{"return":{}\n',
    '{"return":{}}}\n',
  ];
  for (const raw of lines) {
    await using peer = new Peer();
    using qmp = await peer.open();
    peer.once("query-name", { raw });
    await assertRejects(() => qmp.execute("query-name"), QmpProtocolError, "");
    assertEquals(qmp.state, "closed", raw);
  }
});

Deno.test("an error of any form ends the command, as a QMP error", async () => {
  const forms: unknown[] = [
    {},
    { class: null, desc: null },
    { class: 1, desc: [[]] },
    { class: { toString: 1 }, desc: { valueOf: 1, toString: {} } },
  ];
  for (const error of forms) {
    await using peer = new Peer();
    using qmp = await peer.open();
    peer.once("query-name", ({ id }) => ({
      raw: `${JSON.stringify({ error, id })}\n`,
    }));
    const rejected = await assertRejects(() => qmp.execute("query-name"));
    const known = rejected instanceof QmpCommandError ||
      rejected instanceof QmpProtocolError;
    assert(known, `${JSON.stringify(error)}: ${rejected}`);
  }
});

Deno.test("open() without a greeting leaves nothing open", async () => {
  await using peer = new Peer();
  peer.greeting = JSON.stringify(event("RESUME")) + "\n";
  const before = fds();
  await assertRejects(() => peer.open({ timeoutMs: 50 }), QmpNoGreetingError);
  await peer.idle();
  assertEquals(fds(), before);
});

Deno.test("open() beside another client waits for its end", async () => {
  await using peer = new Peer();
  const first = await peer.open();
  await assertRejects(() => peer.open({ timeoutMs: 50 }), QmpNoGreetingError);
  const second = peer.open();
  first.close();
  using qmp = await second;
  assertEquals(qmp.state, "ready");
});

Deno.test("open() of a full queue is a monitor that others want", async () => {
  await using peer = new Peer();
  using _first = await peer.open();
  const waiting = [1, 2].map(() => peer.open({ timeoutMs: 300 }));
  const all = waiting.map((one) =>
    assertRejects(() => one, QmpNoGreetingError)
  );
  await assertRejects(() => peer.open({ timeoutMs: 100 }), QmpNoGreetingError);
  await Promise.all(all);
});

Deno.test("a session sees every message in its trace, both ways", async () => {
  await using peer = new Peer();
  const seen: string[] = [];
  const trace = (direction: string, text: string) => {
    const what = direction === "connect" ? "" : JSON.parse(text).execute;
    seen.push(`${direction} ${what ?? ""}`);
  };
  using qmp = await peer.open({ trace });
  await qmp.execute("query-name");
  assertEquals(seen, [
    "connect ",
    "receive ",
    "send qmp_capabilities",
    "receive ",
    "send query-name",
    "receive ",
  ]);
});

Deno.test("waitEvent() ends when aborted amid a flood of events", async () => {
  const directory = await Deno.makeTempDir({ prefix: "kvm-hotplug-qmp-" });
  const path = `${directory}/sock`;
  const program = new URL("../lab/flood_events.ts", import.meta.url).pathname;
  await using flood = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", program, path],
    stdout: "piped",
  }).spawn();
  const reader = flood.stdout.getReader();
  try {
    await reader.read();
    using qmp = await QmpSession.open(path, { timeoutMs: 5_000 });
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 100);
    // Were no timer heard, it would read on to the end of this time.
    const limits = {
      timeoutMs: 10_000,
      since: qmp.mark(),
      signal: stop.signal,
    };
    assertEquals(await qmp.waitEvent(() => false, limits), "aborted");
  } finally {
    await reader.cancel();
    await flood.status;
    await Deno.remove(directory, { recursive: true });
  }
});
