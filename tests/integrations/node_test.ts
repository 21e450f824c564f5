/**
 * NICs on a node whose kernel has what that under the tests may lack: bridges
 * that look at VLANs, and vhost.
 */
import { assertEquals, assertMatch } from "@std/assert";
import { Node } from "../lab/node.ts";

const MAC = "aa:00:00:00:00:01";
const OTHER_MAC = "aa:00:00:00:00:02";
/** Of the node in VLAN 100, in VLAN 200, and in none. */
const ADDRESSES = {
  100: "198.51.100.1",
  200: "198.51.100.65",
  none: "198.51.100.129",
};
type Place = keyof typeof ADDRESSES;
/** The guest's, in the same networks. */
const GUEST = Object.values(ADDRESSES).map((one) =>
  one.replace(/\d+$/, (n) => `${Number(n) + 1}`)
);

/** A bridge with an uplink, beyond which each network is. */
async function makeBridge(node: Node): Promise<void> {
  const ip = (words: string) => node.run("ip", ...words.split(" "));
  await ip("link add br0 type bridge vlan_filtering 1");
  await ip("link add up0 type veth peer name far0");
  await ip("link set up0 master br0");
  for (const id of ["100", "200"]) {
    await ip(`link add link far0 name far0.${id} type vlan id ${id}`);
  }
  for (const name of ["br0", "up0", "far0", "far0.100", "far0.200"]) {
    await ip(`link set ${name} up`);
  }
  for (const [place, address] of Object.entries(ADDRESSES)) {
    const name = place === "none" ? "far0" : `far0.${place}`;
    await ip(`addr add ${address}/26 dev ${name}`);
  }
}

/** VLANs of a port, as bridge(8) shows them, without the port's name. */
async function vlansOf(node: Node, port: string): Promise<string[]> {
  const shown = await node.run("bridge", "vlan", "show", "dev", port);
  return shown.split("\n").slice(1)
    .map((line) => line.replace(port, "").trim());
}

async function configure(node: Node, device = "eth0"): Promise<void> {
  const addresses = GUEST.map((one) =>
    `ip addr replace ${one}/26 dev ${device}`
  );
  await node.waitGuest(["ip link set eth0 up", ...addresses].join(" && "));
}

/** Whether the network of this place answers the guest. */
async function reaches(node: Node, place: Place): Promise<void> {
  await node.waitGuest(`ping -c 1 -W 2 ${ADDRESSES[place]}`);
}

/** Whether no other does. */
async function isAlone(node: Node, place: Place): Promise<void> {
  const { [place]: _, ...others } = ADDRESSES;
  const pings = Object.values(others).map((one) => `ping -c 1 -W 1 ${one} &`);
  const { output } = await node.guest([...pings, "wait"].join(" "));
  assertEquals(output.includes("bytes from"), false, output);
}

async function done(node: Node, ...words: string[]) {
  const json = await node.tool(...words);
  assertEquals([json.ok, json.changed], [true, true], JSON.stringify(json));
  return json.device;
}

/** How often QEMU has the kernel's accelerator open. */
async function vhosts(node: Node): Promise<number> {
  const { output } = await node.shell(
    "ls -l /proc/$(cat /mnt/run/g/kvm-hypervisor/pid/*)/fd | grep -c vhost-net || true",
  );
  return Number(output);
}

/** The names of all threads. vhost's is a process of the kernel's own, and
 * since Linux 6.4 a thread of QEMU. */
async function threads(node: Node): Promise<string> {
  return (await node.shell("cat /proc/[0-9]*/task/*/comm")).output;
}

Deno.test("a NIC on a node with VLANs and vhost", async (t) => {
  await using node = await Node.start();
  await makeBridge(node);
  let tap = "";

  await t.step("in a VLAN, others tagged, two vhost queues", async () => {
    const words = ["--link", "br0", "--vlan", "100:300", "--mac", MAC];
    const nic = [...words, "--vhost", "--queues", "2"];
    const device = await done(node, "nic", "add", ...nic);
    assertEquals([device.vhost, device.queues], [true, 2]);
    ({ tap } = device);
    assertEquals(await vlansOf(node, tap), ["100 PVID Egress Untagged", "300"]);
    const uplink = await vlansOf(node, "up0");
    assertEquals(uplink, ["1 PVID Egress Untagged", "100", "300"]);
    assertEquals(await vhosts(node), 2);
    assertMatch(await threads(node), /^vhost-\d+$/m);
    await configure(node);
    await reaches(node, 100);
  });

  await t.step("in another VLAN, in place", async () => {
    const changes = "cat /sys/class/net/eth0/carrier_changes";
    const before = (await node.guest(changes)).output;
    await done(node, "nic", "modify", "0", "--vlan", "200");
    assertEquals(await vlansOf(node, tap), ["200 PVID Egress Untagged"]);
    await reaches(node, 200);
    await isAlone(node, 200);
    assertEquals((await node.guest(changes)).output, before);
  });

  await t.step("only tagged frames", async () => {
    await done(node, "nic", "modify", "0", "--vlan", ":100:200");
    assertEquals(await vlansOf(node, tap), ["100", "200"]);
    await node.waitGuest(
      "ip addr flush dev eth0; ip link add link eth0 name tagged type vlan id 100; ip link set tagged up",
    );
    await configure(node, "tagged");
    await reaches(node, 100);
  });

  await t.step("another MAC, in no VLAN, with vhost still", async () => {
    const words = ["--mac", OTHER_MAC, "--vlan", "none"];
    const device = await done(node, "nic", "modify", "0", ...words);
    assertEquals([device.vhost, device.queues], [true, 2]);
    ({ tap } = device);
    assertEquals(await vhosts(node), 2);
    assertEquals(await vlansOf(node, tap), ["1 PVID Egress Untagged"]);
    await node.waitGuest(`grep ${OTHER_MAC} /sys/class/net/eth0/address`);
    await configure(node);
    await reaches(node, "none");
  });

  await t.step("removed, nothing of it is left on the bridge", async () => {
    await done(node, "nic", "remove", "0");
    const ports = await node.run("bridge", "link");
    assertEquals(ports.includes(tap), false, ports);
    assertEquals(await vhosts(node), 0);
  });
});
