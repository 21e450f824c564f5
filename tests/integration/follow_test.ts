/** Following events, and the waiting for a monitor that another one has. */
import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { HotplugError } from "../../lib/errors.ts";
import {
  EventFollower,
  type EventOrGap,
  type FollowOptions,
} from "../../lib/monitor/follow.ts";
import { whoWaits } from "../../lib/monitor/who_waits.ts";
import { openMonitor, openVisibly } from "../../lib/monitor/monitor.ts";
import { relay } from "../../lib/monitor/relay.ts";
import type { QmpSession } from "../../lib/qmp/client.ts";
import type { Waiting } from "../../lib/state/waiting.ts";
import { pause } from "../../lib/sys/pause.ts";
import { unixSocketConnections } from "../../lib/sys/sock_diag.ts";
import { UnixSocket } from "../../lib/sys/unix_socket.ts";
import { withHolder } from "../lab/hold.ts";
import { event } from "../lab/scripted_behaviour.ts";
import { Peer } from "../lab/session_peer.ts";
import { UnixListener } from "../lab/unix_listener.ts";
import { TempDir } from "../sys/support.ts";

function pathOf({ directory }: Peer): string {
  return `${directory}/sock`;
}

/** Follows a peer's events; all that was seen, and the end. */
function follow(peer: Peer, more: Partial<FollowOptions> = {}) {
  const seen: EventOrGap[] = [];
  const begun = Promise.withResolvers<void>();
  const follower = new EventFollower(pathOf(peer), {
    timeoutMs: 5_000,
    signal: new AbortController().signal,
    deadline: Infinity,
    isFollower: () => false,
    isWanted: () => true,
    ...more,
    begin: async (session) => {
      await more.begin?.(session);
      begun.resolve();
    },
    see: async (one) => {
      seen.push(one);
      return await more.see?.(one) ?? "go-on";
    },
  });
  const names = () =>
    seen.map((one) => one.kind === "gap" ? one.gap.reason : one.event.event);
  return { follower, seen, names, begun: begun.promise };
}

const stopAt = (name: string): FollowOptions["see"] => (one) =>
  Promise.resolve(
    one.kind === "event" && one.event.event === name ? "stop" : "go-on",
  );

Deno.test("EventFollower shows each event once, until told to stop", async () => {
  await using peer = new Peer();
  const { follower, names, begun } = follow(peer, { see: stopAt("STOP") });
  const end = follower.run();
  await begun;
  await peer.emit(event("RESUME"), event("RESUME"));
  await peer.emit(event("STOP"), event("RESUME"));
  assertEquals(await end, "stopped");
  assertEquals(names(), ["RESUME", "RESUME", "STOP"]);
  await peer.idle();
  // Whoever comes later is told so.
  for (const job of [() => follower.do(async () => {}), work]) {
    await assertRejects(job, HotplugError, "The VM has ended");
  }
  async function work() {
    await follower.without(async () => {});
  }
});

Deno.test("EventFollower works between events, with the monitor or without", async () => {
  await using peer = new Peer();
  const { follower, names, begun } = follow(peer, { see: stopAt("STOP") });
  const end = follower.run();
  await begun;
  const [first, second] = await Promise.all([
    follower.do((session) => session.execute("query-status")),
    follower.do(() => Promise.reject(new TypeError("mine"))).catch(String),
  ]);
  assertEquals([first, second, peer.connections], [
    { running: true, status: "running" },
    "TypeError: mine",
    1,
  ]);
  const free = await follower.without(async () => {
    // Returns only if nobody is connected.
    await peer.idle();
    return peer.connections;
  });
  assertEquals(free, 1);
  await follower.do(() => Promise.resolve());
  assertEquals([peer.connections, names()], [2, ["ourselves"]]);
  await peer.emit(event("STOP"));
  assertEquals(await end, "stopped");
  await peer.idle();
});

Deno.test("EventFollower leaves no session open when a gap is the end", async () => {
  await using peer = new Peer();
  const { follower, names, begun } = follow(peer, {
    see: () => Promise.resolve("stop"),
  });
  const end = follower.run();
  await begun;
  await follower.without(() => Promise.resolve());
  assertEquals([await end, names()], ["stopped", ["ourselves"]]);
  await peer.idle();
  assertEquals(peer.connections, 2);
});

Deno.test("EventFollower says why it ended", async () => {
  const ends: Record<string, unknown> = {};
  const abort = new AbortController();
  const late: string[] = [];
  const cases: Record<string, Partial<FollowOptions>> = {
    aborted: { signal: abort.signal },
    timeout: {
      deadline: performance.now() + 100,
      atDeadline: async (session: QmpSession) => {
        late.push(JSON.stringify(await session.execute("query-name")));
      },
    },
    stopped: { isWanted: () => false },
    "vm-ended": {},
  };
  for (const [name, options] of Object.entries(cases)) {
    await using peer = new Peer();
    const { follower, begun } = follow(peer, options);
    const end = follower.run();
    await begun;
    const job = follower.do(() => Promise.resolve("done"));
    assertEquals(await job, "done");
    if (name === "aborted") abort.abort();
    if (name === "vm-ended") await peer.die();
    ends[name] = await end;
    await peer.idle();
  }
  const names = Object.keys(cases);
  assertEquals(ends, Object.fromEntries(names.map((one) => [one, one])));
  assertEquals(late, ['{"name":"vm1.example.com"}']);
});

Deno.test("EventFollower fails where nothing can be followed", async () => {
  await using peer = new Peer();
  const { follower } = follow(peer, {
    begin: () => Promise.reject(new TypeError("no")),
  });
  await assertRejects(() => follower.run(), TypeError, "no");
  await peer.idle();
  await assertRejects(() => follower.do(async () => {}), HotplugError);
});

Deno.test("EventFollower gives way to whoever waits, and tells of the gap", async () => {
  await using peer = new Peer();
  const abort = new AbortController();
  const { follower, seen, names, begun } = follow(peer, {
    signal: abort.signal,
    see: (one) => {
      if (one.kind === "gap") abort.abort();
      return Promise.resolve("go-on");
    },
  });
  const end = follower.run();
  await begun;
  assertEquals(whoWaits(pathOf(peer), () => false), undefined);
  // Once the follower, whom it serves now, has given way.
  const free = peer.idle();
  await withHolder(pathOf(peer), () => free);
  assertEquals(await end, "aborted");
  assertMatch(names().join(), /hold_monitor/);
  const [only] = seen;
  const gap = only?.kind === "gap" ? only.gap : undefined;
  assertEquals((gap?.toMs ?? 0) >= (gap?.fromMs ?? Infinity), true);
});

Deno.test("EventFollower keeps the monitor for no reader that does not read", async () => {
  await using peer = new Peer();
  using dir = new TempDir();
  const reader = Promise.withResolvers<"go-on">();
  const blocked = Promise.withResolvers<void>();
  const { follower, names, seen, begun } = follow(peer, {
    relayDir: dir.path,
    see: (one) => {
      blocked.resolve();
      return one.kind === "gap" ? Promise.resolve("stop") : reader.promise;
    },
  });
  const end = follower.run();
  await begun;
  await peer.emit(event("STOP"), event("RESUME"));
  await blocked.promise;
  const free = peer.idle();
  await withHolder(pathOf(peer), async () => {
    await free;
    const handed = { event: "RTC_CHANGE", data: {}, timestampMs: 1 };
    const monitor = { qmp: pathOf(peer), runDir: dir.path };
    relay(monitor, { events: [handed], lost: 2 });
  });
  assertEquals(names(), ["STOP"]);
  reader.resolve("go-on");
  assertEquals(await end, "stopped");
  assertEquals(names().slice(0, -1), ["STOP", "RESUME", "RTC_CHANGE"]);
  const last = seen.at(-1);
  const gap = last?.kind === "gap" ? last.gap : undefined;
  assertEquals([gap?.relayed, gap?.lost], [1, 2]);
  assertMatch(gap?.reason ?? "", /hold_monitor/);
  await peer.idle();
});

Deno.test("EventFollower ends though its reader does not read", async () => {
  await using peer = new Peer();
  const abort = new AbortController();
  const { follower, begun } = follow(peer, {
    signal: abort.signal,
    see: () => {
      abort.abort();
      return new Promise(() => {});
    },
  });
  const end = follower.run();
  await begun;
  await peer.emit(event("STOP"));
  assertEquals(await end, "stopped");
  await peer.idle();
});

Deno.test("whoWaits() names who is not served, and goes first", async () => {
  using dir = new TempDir();
  const path = dir.at("sock");
  using listener = UnixListener.bind(path);
  const patience = { timeoutMs: 10_000 };
  using _own = await UnixSocket.connect(path, patience);
  using _served = await listener.accept(patience);
  assertEquals(whoWaits(path, () => false), undefined);
  await withHolder(path, async () => {
    assertMatch(whoWaits(path, () => false) ?? "", /hold_monitor/);
    const asked: string[] = [];
    // It follows events, too, and was begun later than we.
    const command = whoWaits(path, (argv) => {
      asked.push(argv.at(-1) ?? "");
      return true;
    });
    assertMatch(command ?? "", /hold_monitor/);
    assertEquals(asked, [path]);
    using _other = await listener.accept(patience);
    assertEquals(whoWaits(path, () => false), undefined);
  });
});

Deno.test("EventFollower may be away when its time is over", async () => {
  await using peer = new Peer();
  const deadline = performance.now() + 1_500;
  const { follower, names, begun } = follow(peer, { deadline, timeoutMs: 200 });
  const end = follower.run();
  await begun;
  const path = pathOf(peer);
  using other = await follower.without(async () => {
    await peer.idle();
    return await UnixSocket.connect(path, { timeoutMs: 10_000 });
  });
  assertEquals(await end, "away");
  assertEquals([names(), performance.now() >= deadline], [[], true]);
  other.close();
});

Deno.test("EventFollower leaves room for those who need the monitor", async () => {
  await using peer = new Peer();
  const deadline = performance.now() + 1_000;
  const { follower, begun } = follow(peer, { deadline });
  let isOver = false;
  const end = follower.run().finally(() => isOver = true);
  await begun;
  const path = pathOf(peer);
  const connect = () => UnixSocket.connect(path, { timeoutMs: 10_000 });
  const others = await follower.without(async () => {
    await peer.idle();
    return [await connect(), await connect()];
  });
  // One is served and one waits: with a third one, the queue would be full.
  let most = 0;
  while (!isOver) {
    most = Math.max(most, unixSocketConnections(path));
    await pause(10);
  }
  for (const other of others) other.close();
  assertEquals([most, await end], [2, "away"]);
});

Deno.test("openMonitor() tells each second who keeps it waiting", async () => {
  await using peer = new Peer();
  await withHolder(pathOf(peer), async (pid) => {
    const abort = new AbortController();
    const told: Waiting[] = [];
    const { signal } = abort;
    const waiting = (wait: Waiting) => {
      told.push(wait);
      abort.abort();
    };
    const options = { timeoutMs: 20_000, signal, waiting };
    const error = await assertRejects(
      () => openMonitor(pathOf(peer), options),
      HotplugError,
      "Stopped waiting for QEMU",
    );
    const [{ what, sinceMs, limitMs, end } = told[0] as never, more] = told;
    assertStringIncludes(what, `the monitor is in use by pid ${pid} (`);
    assertEquals([limitMs, end, more], [20_000, "gives up", undefined]);
    assertEquals([sinceMs >= 1000, sinceMs < 15_000], [true, true]);
    assertEquals(error.code, "monitor-timeout");
  });
});

/** What stands for a session that is being opened. */
function opening() {
  const { promise, resolve } = Promise.withResolvers<QmpSession>();
  let closed = 0;
  const session = { close: () => closed++ } as unknown as QmpSession;
  return {
    promise,
    give: () => resolve(session),
    session,
    count: () => closed,
  };
}

Deno.test("openVisibly() closes a session that comes too late", async () => {
  const { promise, give, count } = opening();
  const signal = AbortSignal.abort();
  const told: string[] = [];
  const waiting = ({ what }: Waiting) => told.push(what);
  const options = { timeoutMs: 9, signal, waiting };
  await assertRejects(
    () => openVisibly(promise, "/nowhere", options),
    HotplugError,
    "Stopped waiting",
  );
  give();
  await promise;
  assertEquals([count(), told], [1, []]);
});

Deno.test("openVisibly() hands over a session that comes, and tells before", async () => {
  const { promise, give, session, count } = opening();
  const told: string[] = [];
  const waiting = ({ what }: Waiting) => {
    told.push(what);
    give();
  };
  const got = await openVisibly(promise, "/nowhere", { timeoutMs: 9, waiting });
  assertEquals([got === session, count(), told], [
    true,
    0,
    ["QEMU does not answer"],
  ]);
});
