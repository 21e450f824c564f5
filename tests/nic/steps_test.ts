/** What a person is shown of each step on taps, networks and NIC files. */
import { assertEquals } from "@std/assert";
import type { AnyStep } from "../../lib/kinds.ts";
import { describe } from "../support/steps.ts";

type Shown = readonly [step: string, host: string, undo: string | null];

function shown(step: AnyStep): Shown {
  const { step: title, host, undo } = describe(step);
  return [title, host ?? "", undo];
}

const NOTHING = { link: null, vlan: null, ip: null, script: null };
const BRIDGED = { ...NOTHING, mode: "bridged", link: "br0" } as const;
const ROUTED = { ...NOTHING, mode: "routed", ip: "192.0.2.9" } as const;
const SWITCH = { ...NOTHING, mode: "openvswitch", link: "sw0" } as const;
const NONE = { ...NOTHING, mode: "none" } as const;
const script = (down: string | null) => ({
  ...BRIDGED,
  script: { path: "/s/up", down, environment: {} },
});

type Attach = Extract<AnyStep, { kind: "attach-tap" }>;

function attach(from: Attach["from"], to: Attach["to"]): Shown {
  return shown({ kind: "attach-tap", tap: "tap1", from, to });
}

Deno.test("attach-tap tells what it does on the network, and back", () => {
  const on = "ip link: address fe:…, MTU of br0, master br0, up";
  const off = "ip link: no master";
  const tagged = { ...BRIDGED, vlan: "7" };
  for (
    const [from, to, host, undo] of [
      [null, BRIDGED, on, off],
      [BRIDGED, null, off, on],
      [null, tagged, `${on}, VLAN 7`, off],
      [BRIDGED, tagged, `${off}; ${on}, VLAN 7`, `${off}; ${on}`],
      [
        ...[null, ROUTED],
        "ip route: 192.0.2.9 by the tap, proxy and forwarding on",
        "ip route, ip rule: without the tap",
      ],
      [
        ...[null, { ...ROUTED, link: "100" }],
        "ip route: 192.0.2.9 by the tap, table 100, proxy and forwarding on",
        "ip route, ip rule: without the tap",
      ],
      [
        ...[null, SWITCH],
        ...["ovs-vsctl: add it to sw0", "ovs-vsctl: remove it from sw0"],
      ],
      [null, { ...NONE, mode: "ext" }, "nothing", "nothing"],
      [NONE, BRIDGED, on, off],
      [NONE, NONE, "nothing", "nothing"],
      [null, script(null), "run /s/up TAP", off],
      [null, script("/s/down"), "run /s/up TAP", `run /s/down TAP; ${off}`],
    ] as const
  ) {
    const told = attach(from as Attach["from"], to as Attach["to"]);
    assertEquals(told.slice(1), [host, undo]);
  }
  assertEquals(
    [attach(null, BRIDGED), attach(BRIDGED, null), attach(BRIDGED, SWITCH)]
      .map(([step]) => step),
    [
      "connect tap tap1 to the network",
      "remove tap tap1 from the network",
      "move tap tap1 to another network",
    ],
  );
  const tap = { value: "tap" } as const;
  const made = shown({ kind: "attach-tap", tap, from: null, to: NONE });
  assertEquals(made[0], "connect the tap to the network");
});

Deno.test("steps on taps tell how many queues, and whose they are", () => {
  const open = (name: string | null, queues: number, vnetHdr: "on" | "off") =>
    shown({ kind: "open-tap", name, queues, vnetHdr });
  const undo = "close it; the kernel then removes it";
  assertEquals(open("tap1", 1, "off"), [
    ...["make a tap", "make tap tap1 with 1 queue", undo] as const,
  ]);
  assertEquals(
    open(null, 4, "on")[1],
    "make tap (named by the kernel) with 4 queues and virtio-net headers",
  );
  const vhost = (queues: number) => shown({ kind: "open-vhost", queues })[1];
  assertEquals([vhost(1), vhost(2)], [
    ...["open /dev/vhost-net, 1 time", "open /dev/vhost-net, 2 times"],
  ]);
  const tap = { name: "tap1", ifindex: 3, uid: 7 } as never;
  assertEquals(shown({ kind: "make-tap", tap, queues: 2, vnetHdr: "on" }), [
    "make a tap for QEMU to open",
    "make tap tap1, persistent, for uid 7, with 2 queues",
    "remove tap tap1",
  ]);
  assertEquals(shown({ kind: "remove-tap", tap }), [
    "remove the tap that was made for QEMU",
    "remove tap tap1, if it is still uid 7's",
    null,
  ]);
});

Deno.test("nic-files tells what the files say, before and afterwards", () => {
  const files = (before: Record<string, string>, after: Attach["tap"] | null) =>
    shown({
      ...{ kind: "nic-files", directory: "/g/nic/vm1", directoryWas: "there" },
      ...{ before, after: after === null ? {} : { 0: after, 1: "tap1" } },
    });
  assertEquals(files({ 0: "tap0" }, { value: "tap" }), [
    "write the NIC files",
    "in /g/nic/vm1: 0: the new tap, 1: tap1",
    "in /g/nic/vm1: 0: tap0",
  ]);
  assertEquals(files({}, null).slice(1), [
    ...["in /g/nic/vm1: none", "in /g/nic/vm1: none"],
  ]);
});
