import { assertEquals } from "@std/assert";
import { portColumns } from "../../lib/host/openvswitch.ts";
import {
  hasVlans,
  parseVlans,
  readVlans,
  vlanLines,
} from "../../lib/host/vlan.ts";
import { present } from "../support/facts.ts";

Deno.test("parseVlans() takes Ganeti's forms", () => {
  const cases: [string, unknown][] = [
    ["100", { untagged: 100, tagged: [] }],
    [".100", { untagged: 100, tagged: [] }],
    [".100:200:300", { untagged: 100, tagged: [200, 300] }],
    [":100:200", { untagged: null, tagged: [100, 200] }],
    ["0", undefined],
    ["4095", undefined],
    ["1;2", undefined],
    ["", undefined],
  ];
  for (const [text, vlans] of cases) assertEquals(parseVlans(text), vlans);
});

Deno.test("vlanLines() gives a port its VLANs and no other", () => {
  const bridge = { preset: 1, uplinks: ["eth0"] };
  assertEquals(vlanLines("tap0", present(parseVlans(".100:200")), bridge), [
    "vlan del dev tap0 vid 1",
    "vlan add dev tap0 vid 100 pvid untagged",
    "vlan add dev tap0 vid 200",
    "vlan add dev eth0 vid 100",
    "vlan add dev eth0 vid 200",
  ]);
  const bare = { preset: 0, uplinks: [] };
  assertEquals(vlanLines("tap0", present(parseVlans(":7")), bare), [
    "vlan add dev tap0 vid 7",
  ]);
});

Deno.test("portColumns() are those of Open vSwitch", () => {
  assertEquals(portColumns(".100:200:300"), ["tag=100", "trunks=200,300"]);
  assertEquals(portColumns(":200:300"), ["trunks=200,300"]);
  assertEquals(portColumns("100"), ["tag=100"]);
  assertEquals(portColumns(null), []);
});

Deno.test("readVlans() takes what bridge(8) tells of a port", () => {
  const told = (vlans: unknown) =>
    readVlans(JSON.stringify([{ ifname: "tap0", vlans }]));
  assertEquals(readVlans(""), { untagged: null, tagged: [] });
  assertEquals(readVlans("[]"), { untagged: null, tagged: [] });
  const there = told([
    { vlan: 100, flags: ["PVID", "Egress Untagged"] },
    { vlan: 200, vlanEnd: 202 },
  ]);
  assertEquals(there, { untagged: 100, tagged: [200, 201, 202] });
  const wanted = present(parseVlans("100:202:201:200"));
  assertEquals(hasVlans(there, wanted), true);
  assertEquals(hasVlans({ ...there, untagged: 1 }, wanted), false);
  assertEquals(hasVlans({ ...there, tagged: [] }, wanted), false);
});
