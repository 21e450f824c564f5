import { assertEquals, assertThrows } from "@std/assert";
import {
  bridgeOf,
  communicationTap,
  hasVnetHdr,
  interfaceExists,
  isBridge,
  isPersistent,
  joinTap,
  keepTap,
  listBridges,
  openTap,
  removeKeptTap,
} from "../../lib/host/tap.ts";
import { SysError } from "../../lib/sys/errno.ts";
import { taps } from "../lab/look.ts";
import { openFds, run } from "../sys/support.ts";

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

/** IFF_TAP, IFF_NO_PI, IFF_MULTI_QUEUE, IFF_VNET_HDR of linux/if_tun.h. */
const PLAIN = 0x0002 | 0x1000;
const [QUEUES, HEADERS] = [0x0100, 0x4000];

/** As QEMU wants them: asm-generic/fcntl.h. */
const RDWR_NONBLOCK = 0o2 | 0o4000;

function openFlags(fd: number): number {
  const info = Deno.readTextFileSync(`/proc/self/fdinfo/${fd}`);
  const [, flags] = /^flags:\s*(\d+)$/m.exec(info) ?? [];
  return parseInt(flags ?? "", 8) & (0o3 | 0o4000);
}

Deno.test("openTap() makes what is asked for, and lets go if it cannot", () => {
  const before = openFds();
  const cases = [
    { queues: 1, vnetHdr: "off", flags: PLAIN },
    { queues: 1, vnetHdr: "on", flags: PLAIN | HEADERS },
    { queues: 3, vnetHdr: "off", flags: PLAIN | QUEUES },
  ] as const;
  for (const { flags, ...options } of cases) {
    const { name, fds } = openTap({ name: "kvmhnew0", ...options });
    assertEquals([name, fds.length], ["kvmhnew0", options.queues]);
    const text = Deno.readTextFileSync(`/sys/class/net/${name}/tun_flags`);
    assertEquals(Number(text), flags);
    assertEquals(hasVnetHdr(name), options.vnetHdr === "on");
    assertEquals(isPersistent(name), false);
    for (const fd of fds) assertEquals(openFlags(fd.number), RDWR_NONBLOCK);
    // One of several queues takes one more: only its maker says no.
    const opens = options.queues > 1 ? [openTap] : [openTap, joinTap];
    for (const open of opens) {
      assertThrows(() => open({ name, ...options }), SysError, "EBUSY");
    }
    for (const fd of fds) fd.close();
    assertEquals(interfaceExists(name), false);
  }
  assertEquals([hasVnetHdr("lo"), isPersistent("lo")], [false, false]);
  assertEquals(openFds(), before);
});

Deno.test("joinTap() takes a tap that stays and is nobody's", () => {
  keepTap({ ...TAP, queues: 1, uid: 0 });
  assertEquals(isPersistent(TAP.name), true);
  const { name, fds } = joinTap({ ...TAP, queues: 1 });
  assertEquals(name, TAP.name);
  for (const fd of fds) fd.close();
  assertEquals(interfaceExists(name), true);
  removeKeptTap({ name, uid: 0 });
  assertEquals(interfaceExists(name), false);
});

Deno.test("bridgeOf() knows a bridge of the kernel from any other master", () => {
  const { name, fds } = openTap({ ...TAP, name: "kvmhport0" });
  run("ip", "link", "add", "kvmhbr0", "type", "bridge");
  try {
    assertEquals(bridgeOf(name), undefined);
    run("ip", "link", "set", name, "master", "kvmhbr0");
    assertEquals(bridgeOf(name), "kvmhbr0");
    assertEquals([isBridge("kvmhbr0"), isBridge(name)], [true, false]);
    assertEquals(listBridges(), ["kvmhbr0"]);
  } finally {
    run("ip", "link", "del", "kvmhbr0");
    for (const fd of fds) fd.close();
  }
  assertEquals(bridgeOf(name), undefined);
});

Deno.test("communicationTap() counts on from the highest there is", () => {
  assertEquals(communicationTap([]), "gnt.com.0");
  assertEquals(communicationTap(["lo", "tap7", "gnt.com"]), "gnt.com.0");
  assertEquals(communicationTap(["gnt.com.9", "gnt.com.10"]), "gnt.com.11");
  assertEquals(communicationTap(["gnt.com.x"]), "gnt.com.0");
});
