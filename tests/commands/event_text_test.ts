import { assertEquals, assertMatch } from "@std/assert";
import { documentOf, textOf } from "../../lib/commands/event_text.ts";
import type { EventOrGap } from "../../lib/monitor/follow.ts";
import { disk, idOf, runtime, uuidOf } from "../support/facts.ts";

const ENTRIES = runtime({ disks: [disk(0, 12, { name: "data" })] }).disks;
/** Local time, each field of another width. */
const AT = new Date(2026, 2, 4, 5, 6, 7, 8).getTime();
const ISO = new Date(AT).toISOString();

function seen(data: Record<string, unknown>, relayed = false): EventOrGap {
  const event = { event: "SOME", data, timestampMs: AT };
  return { kind: "event", event, relayed };
}

function gap(relayed = 0, lost = 0): EventOrGap {
  const reason = "disk add\u001b of pid 7";
  const missed = { reason, relayed, lost };
  return { kind: "gap", gap: { fromMs: AT - 1_260, toMs: AT, ...missed } };
}

Deno.test("textOf() tells of an event in one line", () => {
  const text = (data: Record<string, unknown>) => textOf(seen(data), ENTRIES);
  assertEquals(text({}), "2026-03-04 05:06:07.008 SOME");
  assertEquals(
    textOf(seen({}, true), ENTRIES),
    "2026-03-04 05:06:07.008 SOME (relayed)",
  );
  assertEquals(
    text({ a: "x", b: 1, c: { d: [true] } }),
    '2026-03-04 05:06:07.008 SOME a=x b=1 c={"d":[true]}',
  );
  const id = idOf("disk", 0);
  const named = /^2026-03-04 05:06:07\.008 SOME \[disk 0 "data"\] /;
  for (const key of ["device", "id", "node-name", "name"]) {
    assertMatch(text({ [key]: id }), named);
  }
  for (const key of ["path", "qom-path"]) {
    assertMatch(text({ [key]: `/machine/peripheral/${id}/virtio` }), named);
  }
  assertEquals(text({ other: id }).includes("["), false);
  assertEquals(text({ device: "x" }).includes("["), false);
  assertMatch(text({ a: "\u001b[1m" }), /^[\x20-\x7e]*$/);
});

Deno.test("textOf() tells how long nothing was seen, and why", () => {
  const line = textOf(gap(), ENTRIES);
  assertMatch(
    line,
    /^2026-03-04 05:06:07\.008 -- gap of 1\.26 s: the monitor was used by disk add.* of pid 7$/,
  );
  assertMatch(line, /^[\x20-\x7e]*$/);
  const after = (one: EventOrGap) => textOf(one, ENTRIES).split(" 7")[1];
  assertEquals(
    [gap(), gap(3), gap(0, 2), gap(3, 2)].map(after),
    [
      ...["", "; relayed events: 3", "; too many to relay: 2"],
      "; relayed events: 3; too many to relay: 2",
    ],
  );
});

Deno.test("documentOf() tells a program the same", () => {
  const of = (one: EventOrGap) => documentOf(one, ENTRIES, "vm1");
  assertEquals(of(gap(3, 2)) as unknown, {
    instance: "vm1",
    gap: {
      from: new Date(AT - 1_260).toISOString(),
      to: ISO,
      seconds: 1.26,
      reason: "disk add\u001b of pid 7",
      ...{ relayed: 3, lost: 2 },
    },
  });
  const about = { instance: "vm1", time: ISO, event: "SOME" };
  assertEquals(of(seen({ a: 1 })) as unknown, {
    ...about,
    ...{ data: { a: 1 }, relayed: false, device: null },
  });
  const { device } = of(seen({ device: idOf("disk", 0) })) as {
    device?: Record<string, unknown>;
  };
  const { kind, index, uuid, name, id } = device ?? {};
  assertEquals([kind, index, uuid, name, id], [
    ...["disk", 0, uuidOf("disk", 0), "data", idOf("disk", 0)],
  ]);
});
