/** What is proven of the cards of a QEMU, with a tap that a process holds. */
import { assertEquals } from "@std/assert";
import { openTap } from "../../lib/host/tap.ts";
import { readLiveNics, readMacs, readNow } from "../../lib/nic/live.ts";
import type { QmpSession } from "../../lib/qmp/client.ts";
import type { QemuFacts } from "../../lib/plan/facts.ts";
import { Peer } from "../lab/session_peer.ts";
import { facts, nic, pciDevice } from "../support/facts.ts";

/** Ethernet cards, but for the last. */
const CARDS = ["n0", "n1", "n2", "n3", "n4", "n5", "pass", "", "disk"];

function qemuWith(tap: string): QemuFacts {
  const of = (nic: string, tap?: string) => ({ nic, tap, queues: 1 });
  const netdevs: QemuFacts["netdevs"] = new Map([
    ["net0", of("n0", tap)],
    ["net1", of("n1", "nosuchtap")],
    ["net2", of("n2")],
    ["net3", of("n3", tap)],
    ["net5", of("n5", "lo")],
  ]);
  const drivers = new Map(
    CARDS.map((id) =>
      [id, id === "pass" ? "vfio-pci" : "virtio-net-pci"] as const
    ),
  );
  const pci = CARDS.map((id, slot) =>
    pciDevice(slot, { id, class: id === "disk" ? 0x0100 : 0x0200 })
  );
  drivers.delete("");
  const process = { pid: Deno.pid, argv: [] };
  return facts({ qemu: { netdevs, drivers, pci, process } }).qemu;
}

/** What QEMU says of each card. */
const TOLD: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  n0: { mac: "AA:00:00:00:00:0F", netdev: "net0" },
  n1: { mac: "aa:00:00:00:00:01", netdev: "net1" },
  n2: { mac: "aa:00:00:00:00:02", netdev: "net2" },
  n3: { mac: "aa:00:00:00:00:03", netdev: "net1" },
  n4: { mac: "aa:00:00:00:00:04", netdev: "" },
  n5: { mac: "aa:00:00:00:00:05", netdev: "net5" },
  pass: { mac: 5 },
};

/** A tap that this process holds, and a QEMU that has all these cards. */
async function withCards(
  body: (qmp: QmpSession, qemu: QemuFacts, tap: string) => Promise<void>,
) {
  const { name, fds } = openTap({ name: null, queues: 1, vnetHdr: "on" });
  try {
    await using peer = new Peer();
    for (const [id, told] of Object.entries(TOLD)) {
      peer.model.devices.set(id, { id, driver: "any", slot: 3 });
      peer.model.properties.set(id, told);
    }
    using qmp = await peer.open();
    await body(qmp, qemuWith(name), name);
  } finally {
    for (const fd of fds) fd.close();
  }
}

Deno.test("readLiveNics() tells of each card which tap is proven", async () => {
  await withCards(async (qmp, qemu, name) => {
    const nics = await readLiveNics(qmp, qemu, { pid: Deno.pid, argv: [] });
    const told = nics.map(({ id, mac, netdev, tap }) => [
      ...[id, mac?.slice(-2), netdev],
      "why" in tap ? tap.why : tap,
    ]);
    const nothing = "it has no network backend";
    assertEquals(told, [
      ["n0", "0f", "net0", { name, bridge: undefined }],
      ["n1", "01", "net1", "QEMU does not have the tap nosuchtap open"],
      ["n2", "02", "net2", "its backend net2 is not a tap"],
      [
        "n3",
        "03",
        "net1",
        "QEMU reports two different network backends for it",
      ],
      ["n4", "04", undefined, nothing],
      // It is there, and not QEMU's.
      ["n5", "05", "net5", "QEMU does not have the tap lo open"],
      ["pass", undefined, undefined, nothing],
      [undefined, undefined, undefined, nothing],
    ]);
  });
});

Deno.test("readMacs() asks of the cards that are there, and of what is recorded", async () => {
  await withCards(async (qmp, qemu) => {
    const entries = facts({ nics: [nic(0, 13)] }).content.runtime.nics;
    const macs = await readMacs(qmp, qemu, entries);
    assertEquals([...macs.keys()], ["n0", "n1", "n2", "n3", "n4", "n5"]);
    assertEquals(macs.get("n0"), "aa:00:00:00:00:0f");
    const none = { ...qemu, pci: [] };
    assertEquals((await readMacs(qmp, none, entries)).size, 0);
    const there = entries.map((one) => ({ ...one, hvinfo: { id: "n0" } }));
    assertEquals([...(await readMacs(qmp, none, there)).keys()], ["n0"]);
  });
});

Deno.test("readNow() looks at the tap of one card", async () => {
  await withCards((_qmp, qemu) => {
    assertEquals(readNow(qemu, "n0"), { vnetHdr: "on", vhosts: 0 });
    assertEquals(readNow(qemu, "n5"), { vnetHdr: "off", vhosts: 0 });
    assertEquals([readNow(qemu, "n2"), readNow(qemu)], [undefined, undefined]);
    assertEquals(readNow({ ...qemu, process: undefined }, "n0"), undefined);
    return Promise.resolve();
  });
});
