import { assertEquals } from "@std/assert";
import { findStray } from "../../lib/plan/removal.ts";
import { refuseLeftover, straysOf } from "../../lib/plan/strays.ts";
import {
  backend,
  disk,
  facts,
  idOf,
  NEW_UUID,
  nic,
  pciDevice,
  refusal,
  uuidOf,
} from "../support/facts.ts";

const VIRTIO_BLK = { vendor: 0x1af4, device: 0x1001 };
const ETHERNET = { class: 0x0200 };

function strays(qemu: NonNullable<Parameters<typeof facts>[0]>["qemu"]) {
  const all = facts({
    disks: [disk(0, 12)],
    nics: [nic(0, 13)],
    ...(qemu && { qemu }),
  });
  return straysOf(all.qemu, all.content.runtime)
    .map(({ id, kind, has, origin }) => [id, kind, has, origin]);
}

Deno.test("straysOf() has nothing where all is recorded", () => {
  const all = facts({ disks: [disk(0, 12)], nics: [nic(0, 13)] });
  assertEquals(straysOf(all.qemu, all.content.runtime), []);
});

Deno.test("straysOf() tells devices from backends, and ours from others", () => {
  assertEquals(
    strays({
      process: { pid: 1, argv: ["kvm", "-device", "virtio-blk-pci,id=extra"] },
      pci: [
        pciDevice(0),
        pciDevice(12, { id: idOf("disk", 0), ...VIRTIO_BLK }),
        pciDevice(14, { id: idOf("disk", 1), ...VIRTIO_BLK }),
        pciDevice(15, { id: "byhand", ...ETHERNET }),
        pciDevice(16, { id: "extra", ...VIRTIO_BLK }),
        pciDevice(17, ETHERNET),
      ],
      deviceIds: new Set([
        idOf("disk", 0),
        idOf("disk", 1),
        "disk-abcdef01-scsi-3",
        "balloon0",
      ]),
      nodeNames: new Set([idOf("disk", 0), idOf("disk", 1), idOf("disk", 2)]),
      netdevs: new Map([
        [idOf("nic", 0), { tap: "tap0", queues: 1 }],
        [idOf("nic", 3), { tap: "tap3", queues: 1 }],
        ["user0", { tap: undefined, queues: 1 }],
      ]),
    }),
    [
      [idOf("disk", 1), "disk", "device", "plugged"],
      ["byhand", "nic", "device", "plugged"],
      ["extra", "disk", "device", "started"],
      ["", "nic", "device", "started"],
      ["disk-abcdef01-scsi-3", "disk", "device", "plugged"],
      [idOf("disk", 2), "disk", "backend", "plugged"],
      [idOf("nic", 3), "nic", "backend", "plugged"],
    ],
  );
});

Deno.test("straysOf() has the drive that a device left", () => {
  const drive = (device: string, qdev: string) => ({
    ...{ qdev, device, nodeName: "#block12", sizeBytes: 1, file: "/srv/x" },
  });
  const [left, used] = [idOf("disk", 2), idOf("disk", 3)];
  const block = [drive(left, ""), drive("cd0", ""), drive(used, used)];
  assertEquals(strays({ block }), [[left, "disk", "backend", "plugged"]]);
});

Deno.test("straysOf() leaves a node alone that a device uses", () => {
  const node = idOf("disk", 2);
  const live = {
    qdev: "/machine/peripheral/other/virtio-backend",
    device: "",
    nodeName: node,
    sizeBytes: 1,
    file: "/dev/fdset/1",
  };
  assertEquals(
    strays({ nodeNames: new Set([node]), block: [live] }),
    [],
  );
});

Deno.test("findStray() takes an exact id or the full uuid in it", () => {
  const ids = new Set(["disk-932df160-pci-13", idOf("disk", 5)]);
  const all = facts({ qemu: { deviceIds: ids } });
  const found = (word: string, kind: "disk" | "nic" = "disk") =>
    findStray(all, { word: kind }, word)?.id;
  assertEquals(found(NEW_UUID), "disk-932df160-pci-13");
  assertEquals(found(uuidOf("disk", 5)), idOf("disk", 5));
  assertEquals(found(idOf("disk", 5)), idOf("disk", 5));
  assertEquals(found(idOf("disk", 5), "nic"), undefined);
  assertEquals(found("932df160"), undefined);
  assertEquals(found(""), undefined);
});

Deno.test("refuseLeftover() says which part of QEMU is in the way", () => {
  const [ours, card] = [idOf("disk", 7), idOf("nic", 7)];
  const said = (id: string, qemu: Parameters<typeof strays>[0]) => {
    const all = facts(qemu && { qemu });
    const { message, hint } = refusal(
      "leftover",
      () => refuseLeftover(all, id),
    );
    assertEquals(hint, "to remove it, run: kvm-hotplug repair vm1");
    return message.replace(/, which .*/, "");
  };
  const netdevs = new Map([[card, { tap: "tap7", queues: 1 }]]);
  assertEquals(
    said(card, { netdevs }),
    [
      `QEMU still has network backend ${card}`,
    ][0],
  );
  const nodeNames = new Set([ours]);
  assertEquals(
    said(ours, { nodeNames }),
    [
      `QEMU still has block node ${ours}`,
    ][0],
  );
  const drive = { ...backend(7), qdev: "", device: ours, nodeName: "#block1" };
  assertEquals(
    said(ours, { block: [drive] }),
    [
      `QEMU still has drive ${ours}`,
    ][0],
  );
  // A device is in the way of nothing but its own id.
  const deviceIds = new Set([ours]);
  refuseLeftover(facts({ qemu: { deviceIds } }), ours);
  refuseLeftover(facts({ qemu: { nodeNames } }), card);
});
