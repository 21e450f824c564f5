import { assertEquals } from "@std/assert";
import { nicDifferences } from "../../lib/nic/compare.ts";
import { compared } from "../support/comparison.ts";
import { idOf, nic, type PlainObject } from "../support/facts.ts";

const ID = idOf("nic", 0);

/** What is told of a NIC that is cut off, and what helps. */
function told(more: PlainObject, cuts: readonly string[]) {
  const nics = [nic(0, 13, more)];
  const given = compared({ nics, cuts: new Map([[ID, cuts]]) });
  return nicDifferences(given)
    .map(({ code, message, hint }) => [code, message, hint]);
}

Deno.test("a NIC that is cut off is told of, with the words that connect it", () => {
  const nicparams = { mode: "bridged", link: "br0", vlan: ".5:10" };
  const cuts = ["is on no bridge, not on br0", "has no VLAN 5"];
  const run = `to connect it again, run: kvm-hotplug nic modify vm1 ${ID}`;
  const message = (what: string) =>
    `NIC 0 has no connection: its tap tap0 ${what}`;
  assertEquals(told({ nicparams }, cuts), [[
    "network",
    message("is on no bridge, not on br0, and has no VLAN 5"),
    `${run} --mode bridged --link br0 --vlan .5:10`,
  ]]);
  const routed = { mode: "routed", link: "", vlan: "" };
  const ip = "192.0.2.7";
  assertEquals(told({ nicparams: routed, ip }, ["has no route"]), [[
    "network",
    message("has no route"),
    `${run} --mode routed --ip ${ip}`,
  ]]);
  assertEquals(told({ nicparams }, []), []);
});
