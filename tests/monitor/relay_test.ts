import { assertEquals } from "@std/assert";
import {
  askForMonitor,
  messagesOf,
  readRelayed,
  relay,
  RelayInbox,
} from "../../lib/monitor/relay.ts";
import { parseExact } from "../../lib/qmp/exact_json.ts";
import type { QmpEvent } from "../../lib/qmp/message.ts";
import { bytes, openFds, TempDir } from "../sys/support.ts";

const event = (name: string, data = {}): QmpEvent => ({
  event: name,
  data,
  timestampMs: 1,
});
const QMP = "/run/vm1.qmp";
/** How many datagrams a socket keeps; systemd sets more than the kernel. */
const QUEUE = Number(
  Deno.readTextFileSync("/proc/sys/net/unix/max_dgram_qlen"),
);

Deno.test("messagesOf() keeps order and number, and counts what is too much", () => {
  const data = parseExact('{"limit":18446744073709551615}') as object;
  const events = Array.from({ length: 3 }, (_, k) => event(`E${k}`, data));
  const [only, ...more] = messagesOf(QMP, { events, lost: 2 });
  assertEquals(more, []);
  assertEquals(readRelayed(QMP, only!), { events, lost: 2 });
  const big = event("BIG", { text: "x".repeat(90 * 1024) });
  const all = [event("LONG", { text: "x".repeat(100 * 1024) })]
    .concat(Array(12).fill(big), event("SMALL"));
  const messages = messagesOf(QMP, { events: all, lost: 0 });
  const read = messages.map((one) => readRelayed(QMP, one));
  assertEquals(messages.length, 10);
  assertEquals(messages.every(({ length }) => length < 100 * 1024), true);
  assertEquals(read.map((one) => one?.lost), [3, ...Array(9).fill(0)]);
  assertEquals(read.flatMap((one) => one?.events).length, 11);
  assertEquals(read.at(-1)?.events.at(-1), event("SMALL"));
  assertEquals(messagesOf(QMP, { events: [], lost: 0 }), []);
  const lost = messagesOf(QMP, { events: [], lost: 7 });
  assertEquals(lost.map((one) => readRelayed(QMP, one)?.lost), [7]);
});

Deno.test("readRelayed() takes nothing from strangers", () => {
  const [one] = messagesOf(QMP, { events: [event("E")], lost: 0 });
  assertEquals(readRelayed("/run/vm2.qmp", one!), undefined);
  const texts = [
    ...["", "[]", "{", "null", `{"qmp":"${QMP}"}`],
    `{"qmp":"${QMP}","events":{},"lost":0}`,
    `{"qmp":"${QMP}","events":[]}`,
    `{"qmp":"${QMP}","events":[],"lost":-1}`,
    `{"qmp":"${QMP}","events":[],"lost":1e999}`,
  ];
  for (const text of texts) {
    assertEquals(readRelayed(QMP, bytes(text)), undefined, text);
  }
  const late = '{"event":"E","data":{},"timestampMs":1e300}';
  const odd = `{"qmp":"${QMP}","events":[1,{"event":"E"},${late}],"lost":0}`;
  assertEquals(readRelayed(QMP, bytes(odd)), { events: [], lost: 0 });
});

Deno.test("relay() reaches each follower of the same monitor, by any path", () => {
  using dir = new TempDir();
  const runDir = dir.at("x".repeat(100));
  Deno.mkdirSync(runDir);
  const qmp = dir.file("vm1.qmp", "");
  Deno.symlinkSync(qmp, dir.at("link"));
  const other = dir.file("vm2.qmp", "");
  const before = openFds();
  relay({ qmp, runDir }, { events: [event("E0")], lost: 0 });
  assertEquals([...Deno.readDirSync(runDir)], [], "nobody is told");
  {
    const open = (path: string) => RelayInbox.open({ qmp: path, runDir });
    using first = open(qmp)!;
    using second = open(dir.at("link"))!;
    using foreign = open(other)!;
    const relayed = { events: [event("E1"), event("E2")], lost: 1 };
    relay({ qmp: dir.at("link"), runDir }, relayed);
    relay({ qmp, runDir }, { events: [], lost: 0 });
    assertEquals([...first.take()], [relayed]);
    assertEquals([...second.take()], [relayed]);
    assertEquals([...foreign.take()], []);
    using third = open(qmp)!;
    using fourth = open(qmp)!;
    assertEquals([open(qmp), [...third.take(), ...fourth.take()]], [
      undefined,
      [],
    ]);
    // Whoever does not read keeps nobody waiting.
    const most = QUEUE + 30;
    for (let k = 0; k < most; k++) relay({ qmp, runDir }, relayed);
    const heard = [...first.take()];
    const few = heard.reduce((sum, { events }) => sum + events.length, 0) / 2;
    assertEquals(few >= Math.min(QUEUE, 100) && few < most, true, `${few}`);
    // What is gathered is bounded, too, and what is above is counted.
    for (let k = 0; k < 110; k++) {
      relay({ qmp, runDir }, relayed);
      first.gather();
    }
    const gathered = [...first.take()];
    assertEquals(gathered.flatMap(({ events }) => events).length, 200);
    assertEquals(gathered.reduce((sum, { lost }) => sum + lost, 0), 130);
    assertEquals([...first.take()], []);
  }
  assertEquals(openFds(), before);
  assertEquals([...Deno.readDirSync(`${runDir}/kvm-hotplug`)], []);
});

Deno.test("askForMonitor() is heard by followers of this monitor at once", async () => {
  using dir = new TempDir();
  const [qmp, other] = [dir.file("vm1.qmp", ""), dir.file("vm2.qmp", "")];
  const runDir = dir.path;
  using inbox = RelayInbox.open({ qmp, runDir })!;
  using foreign = RelayInbox.open({ qmp: other, runDir })!;
  const end = new AbortController();
  const [heard, none] = [inbox, foreign].map((one) => one.asked(end.signal));
  relay({ qmp, runDir }, { events: [event("E0")], lost: 0 });
  askForMonitor({ qmp, runDir });
  assertEquals(await heard, true);
  assertEquals([...inbox.take()].length, 1, "the events are there, too");
  end.abort();
  assertEquals([await none, await inbox.asked(end.signal)], [false, false]);
});
