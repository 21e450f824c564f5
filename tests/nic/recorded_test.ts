import { assertEquals } from "@std/assert";
import {
  chosen,
  networkOf,
  nicMembers,
  placeOf,
  recordedNic,
} from "../../lib/nic/recorded.ts";
import type { NicEntry } from "../../lib/state/runtime.ts";
import { nic, type PlainObject, runtime } from "../support/facts.ts";

function entryWith(more: PlainObject = {}): NicEntry {
  const [entry] = runtime({ nics: [nic(0, 13, more)] }).nics;
  if (entry === undefined) throw new Error("no entry");
  return entry;
}

const DRIVER = "virtio-net-pci";

Deno.test("recordedNic() takes an empty text for nothing", () => {
  const entry = entryWith({
    ...{ mac: "AA:00:00:00:00:0F", ip: "", netinfo: { name: "n" } },
    nicparams: { mode: "pool", link: "", vlan: "" },
  });
  const { name, mac, mode, link, vlan, ip, netinfo } = recordedNic(entry);
  assertEquals([name, mac, mode, link, vlan, ip, netinfo], [
    ...[undefined, "aa:00:00:00:00:0f", "none"],
    ...[undefined, undefined, undefined, '{"name":"n"}'],
  ]);
  const odd = recordedNic(entryWith({ netinfo: "text" }));
  assertEquals([odd.netinfo, odd.mode, odd.link], [
    undefined,
    "bridged",
    "br0",
  ]);
});

Deno.test("placeOf() has a script only where one is noted", () => {
  const was = recordedNic(entryWith());
  const nothing = { vlan: null, ip: null };
  const place = { mode: "bridged", link: "br0", ...nothing } as const;
  assertEquals(placeOf(was, undefined), { ...place, script: null });
  const script = { path: "/s", down: null, environment: {} };
  assertEquals(placeOf(was, "/s"), { ...place, script });
});

Deno.test("chosen() keeps what is there unless something is said", () => {
  assertEquals([chosen(undefined, "a"), chosen("b", "a"), chosen(null, "a")], [
    ...["a", "b", undefined],
  ]);
  assertEquals([chosen("", "a"), chosen(undefined, undefined)], [
    ...[undefined, undefined],
  ]);
});

Deno.test("networkOf() keeps no link of another mode", () => {
  const was = {
    mode: "bridged",
    link: "br0",
    vlan: "7",
    ip: "192.0.2.9",
  } as const;
  for (
    const [from, changes, expected] of [
      [was, {}, ["bridged", "br0", "7", "192.0.2.9"]],
      [was, { link: "br1" }, ["bridged", "br1", "7", "192.0.2.9"]],
      [was, { vlan: null }, ["bridged", "br0", undefined, "192.0.2.9"]],
      [was, { mode: "bridged" }, ["bridged", "br0", "7", "192.0.2.9"]],
      [was, { mode: "routed" }, ["routed", undefined, undefined, "192.0.2.9"]],
      [was, { mode: "none", ip: null }, [
        ...["none", undefined, undefined, undefined],
      ]],
      // A link alone makes a card without one a bridged one.
      [undefined, { link: "br1" }, ["bridged", "br1", undefined, undefined]],
      [undefined, {}, ["none", undefined, undefined, undefined]],
      [{ mode: "routed" }, { link: "100" }, [
        ...["routed", "100", undefined, undefined],
      ]],
    ] as const
  ) {
    const { mode, link, vlan, ip } = networkOf(from, changes as never);
    assertEquals([mode, link, vlan, ip], [...expected]);
  }
});

Deno.test("nicMembers() has only what becomes different", () => {
  const entry = entryWith({ name: "lan", ip: "192.0.2.1" });
  const was = { ...recordedNic(entry), driver: DRIVER };
  assertEquals(nicMembers(entry, was, undefined), {});
  assertEquals(nicMembers(entry, { ...was, ip: "192.0.2.2" }, undefined), {
    ip: '"192.0.2.2"',
  });
  assertEquals(nicMembers(entry, { ...was, name: undefined }, undefined), {
    name: null,
  });
  const { nicparams } = nicMembers(entry, { ...was, link: "br1" }, undefined);
  assertEquals(JSON.parse(nicparams ?? ""), {
    ...{ mode: "bridged", link: "br1", vlan: "" },
  });
  const info = nicMembers(entry, { ...was, netinfo: '{"a": 1}' }, undefined);
  assertEquals(info, { netinfo: '{"a": 1}' });
  const { hvinfo } = nicMembers(entry, { ...was, driver: "e1000" }, undefined);
  assertEquals(JSON.parse(hvinfo ?? ""), {
    ...JSON.parse(JSON.stringify(nic(0, 13).hvinfo)),
    driver: "e1000",
  });
});

Deno.test("nicMembers() takes Ganeti's object but for what is ours", () => {
  const entry = entryWith({ name: "lan", pci: 13, old: [1] });
  const was = { ...recordedNic(entry), driver: DRIVER };
  const given = {
    ...{ mac: "aa:00:00:00:00:77", uuid: "another", fresh: { a: 1 } },
    nicparams: { mode: "bridged", link: "br0", vlan: "" },
  };
  const members = nicMembers(entry, was, JSON.stringify(given));
  assertEquals(members, {
    ...{ name: null, old: null, mac: '"aa:00:00:00:00:77"' },
    fresh: '{"a":1}',
  });
  assertEquals(nicMembers(entry, was, "[]"), {});
});
