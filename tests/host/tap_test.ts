import { assertEquals } from "@std/assert";
import {
  interfaceExists,
  keepTap,
  openTap,
  removeKeptTap,
} from "../../lib/host/tap.ts";
import { taps } from "../lab/look.ts";

const TAP = { name: "kvmhkept0", queues: 2, vnetHdr: "on" } as const;

Deno.test("keepTap() makes a tap that stays until removeKeptTap()", () => {
  const before = taps();
  keepTap({ ...TAP, uid: 65534 });
  assertEquals(interfaceExists(TAP.name), true);
  const owner = Deno.readTextFileSync(`/sys/class/net/${TAP.name}/owner`);
  assertEquals(owner.trim(), "65534");
  removeKeptTap({ ...TAP, uid: 0 });
  assertEquals(interfaceExists(TAP.name), true, "another owner's");
  removeKeptTap({ ...TAP, uid: 65534 });
  removeKeptTap({ ...TAP, uid: 65534 });
  assertEquals(taps(), before);
});

Deno.test("removeKeptTap() leaves a tap alone that goes by itself", () => {
  const { fds } = openTap({ ...TAP, queues: 1 });
  removeKeptTap({ ...TAP, uid: 0 });
  assertEquals(interfaceExists(TAP.name), true);
  for (const fd of fds) fd.close();
  assertEquals(interfaceExists(TAP.name), false);
});

Deno.test("interfaceExists() takes any text that a NIC file may hold", () => {
  assertEquals(interfaceExists("lo"), true);
  const none = ["", ".", "..", "lo\0", "x\0y", "../../..", "\ud800", "l o"];
  assertEquals(none.filter(interfaceExists), []);
});
