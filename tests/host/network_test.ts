import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { HotplugError } from "../../lib/errors.ts";
import {
  findProgram,
  ip,
  ipBatch,
  isProgram,
  joinBridge,
  leaveBridge,
  readBridge,
  runNetworkScript,
  vlansOf,
} from "../../lib/host/network.ts";
import { bridgeOf, openTap } from "../../lib/host/tap.ts";
import { run, TempDir } from "../sys/support.ts";

const BRIDGE = "kvmhnet0";

function link(name: string) {
  const [one] = JSON.parse(run("ip", "-j", "link", "show", name));
  return one;
}

Deno.test("readBridge() tells how long a new port is kept from passing frames", () => {
  assertEquals([readBridge("lo"), readBridge("kvmhnone0")], [
    undefined,
    undefined,
  ]);
  run("ip", "link", "add", BRIDGE, "type", "bridge", "forward_delay", "400");
  try {
    const mac = link(BRIDGE).address;
    const quick = { mac, link: "down", listensSeconds: 0, mtu: 1500 };
    assertEquals(readBridge(BRIDGE), { ...quick, link: "down" });
    run("ip", "link", "set", BRIDGE, "up", "type", "bridge", "stp_state", "1");
    // Listening and learning: 4 s each.
    const slow = { ...quick, link: "up", listensSeconds: 8 };
    assertEquals(readBridge(BRIDGE), slow);
  } finally {
    run("ip", "link", "del", BRIDGE);
  }
});

Deno.test("joinBridge() gives a tap the bridge's MTU and a high address", async () => {
  const { name, fds } = openTap({ name: null, queues: 1, vnetHdr: "off" });
  run("ip", "link", "add", BRIDGE, "mtu", "1400", "type", "bridge");
  try {
    const { address } = link(name);
    for (const _ of [1, 2]) {
      await joinBridge(name, { bridge: BRIDGE, vlan: null });
      const { mtu, flags, ...now } = link(name);
      assertEquals([mtu, flags.includes("UP"), now.address], [
        1400,
        true,
        `fe${address.slice(2)}`,
      ]);
      assertEquals(bridgeOf(name), BRIDGE);
    }
    for (const _ of [1, 2]) {
      await leaveBridge(name);
      assertEquals(bridgeOf(name), undefined);
      assertEquals(link(name).flags.includes("UP"), true);
    }
    await assertRejects(
      () => joinBridge(name, { bridge: BRIDGE, vlan: "4095" }),
      HotplugError,
      "VLAN 4095 is not valid",
    );
  } finally {
    run("ip", "link", "del", BRIDGE);
    for (const fd of fds) fd.close();
  }
});

Deno.test("ip() and ipBatch() run iproute2, up to the first line that fails", async () => {
  assertMatch(await ip(["link", "show", "lo"]), /lo: .*; /);
  await ipBatch([]);
  await assertRejects(
    () => ipBatch([`link set lo mtu 1500`, "link set kvmhnone0 up", "x"]),
    HotplugError,
    "kvmhnone0",
  );
  assertEquals(link("lo").mtu, 1500);
  await ipBatch(["link set lo mtu 65536"]);
});

Deno.test("findProgram() finds what can be run", () => {
  using dir = new TempDir();
  const path = dir.file("program", "");
  assertEquals(isProgram(path), false);
  Deno.chmodSync(path, 0o755);
  assertEquals([isProgram(path), isProgram(dir.path)], [true, false]);
  assertEquals(isProgram(dir.at("none")), false);
  assertMatch(String(findProgram("ip")), /^\/(?:usr\/)?s?bin\/ip$/);
  assertEquals(findProgram("kvm-hotplug-none"), undefined);
});

Deno.test("vlansOf() asks bridge(8) for one port, as JSON", async () => {
  using dir = new TempDir();
  const vlans = '[{"vlan":7,"flags":["PVID","Egress Untagged"]},{"vlan":9}]';
  const script = `#!/bin/sh
[ "$*" = "-j vlan show dev tap0" ] && echo '[{"ifname":"tap0","vlans":${vlans}}]'
`;
  const tool = dir.file("bridge", script);
  Deno.chmodSync(tool, 0o755);
  // In the mount namespace of these tests alone.
  const real = findProgram("bridge") ?? "";
  run("mount", "--bind", tool, real);
  try {
    assertEquals(await vlansOf("tap0"), { untagged: 7, tagged: [9] });
    await assertRejects(() => vlansOf("tap1"), HotplugError);
  } finally {
    run("umount", real);
  }
});

Deno.test("runNetworkScript() tells a script the tap's name, twice", async () => {
  using dir = new TempDir();
  const say = `echo "$* $INTERFACE $MODE $LC_ALL $#" >${dir.at("said")}`;
  const script = dir.file("script", `#!/bin/sh\n${say}\nexit $STATUS\n`);
  Deno.chmodSync(script, 0o755);
  await runNetworkScript(script, "tap0", { MODE: "ext", STATUS: "0" });
  const said = Deno.readTextFileSync(dir.at("said"));
  assertEquals(said, "tap0 tap0 ext C 1\n");
  await assertRejects(
    () => runNetworkScript(script, "tap0", { STATUS: "3" }),
    HotplugError,
    "exit code 3",
  );
});
