import { assertEquals } from "@std/assert";

import { diskView } from "../../lib/disk/view.ts";
import { nicView } from "../../lib/nic/view.ts";
import type { Size } from "../../lib/qmp/reading.ts";
import type { ViewFacts } from "../../lib/plan/view.ts";
import { EMPTY_RECORD } from "../../lib/state/own_check.ts";
import { FIRST_HVPARAMS } from "../../lib/state/hvparams.ts";
import {
  backend,
  disk,
  facts,
  type FactsSpec,
  nic,
  NO_PROPERTIES,
  type PlainObject,
  present,
  uuidOf,
} from "../support/facts.ts";

Deno.test("diskView() of a disk has the fields of the interface", () => {
  const given = facts({ disks: [disk(0, 12, { name: "root" })] });
  const entry = present(given.content.runtime.disks[0]);
  const block = [{
    qdev: "/machine/peripheral/disk-d0000000-1111-4111/virtio-backend",
    device: "",
    nodeName: "disk-d0000000-1111-4111",
    sizeBytes: 4096,
    file: "/dev/fdset/1",
    readOnly: true,
    cache: { direct: false, writeback: false },
    throttles: { bps_rd: 512 },
  }];
  const view = diskView(entry, {
    ...given,
    qemu: { ...given.qemu, block },
  });
  assertEquals(view, {
    kind: "disk",
    index: 0,
    uuid: uuidOf("disk", 0),
    name: "root",
    id: "disk-d0000000-1111-4111",
    driver: "virtio-blk-pci",
    bus: "pci.0",
    slot: 12,
    addr: "0xc",
    source: "/srv/d0.img",
    size_bytes: 4096,
    format: "raw",
    via: "fdset",
    ...{ channel: null, scsi_id: null, lun: null },
    ...{ read_only: true, cache: "writethrough", aio: "threads" },
    ...{ discard: "ignore", limits: { bps_read: 512 }, limit_group: null },
    ...NO_PROPERTIES,
    ...{ tray: null, live_source: null, unlike_start: ["cache", "read_only"] },
    migratable: true,
  });
});

Deno.test("diskView() tells aio and discard where somebody knows them", () => {
  const told = (spec: FactsSpec, more: Partial<ViewFacts> = {}) => {
    const given = facts({ disks: [disk(0, 12)], ...spec });
    const entry = present(given.content.runtime.disks[0]);
    const { aio, discard, unlike_start: unlike } = diskView(entry, {
      ...given,
      ...more,
    });
    return [aio, discard, unlike];
  };
  const block = { block: [backend(0)] };
  const unlike = ["cache"];
  assertEquals(told({ qemu: block }), ["threads", "ignore", unlike]);
  const hvparams = { disk_aio: "native", disk_cache: "none" };
  assertEquals(told({ qemu: block, hvparams }), ["native", "ignore", []]);
  const note = { kind: "disk" as const, aio: "native", discard: "unmap" };
  const devices = { [uuidOf("disk", 0)]: note };
  const own = { ...facts().own, record: { ...EMPTY_RECORD, devices } };
  const noted = ["native", "unmap", ["cache", "aio", "discard"]];
  assertEquals(told({ qemu: block, own }), noted);
  // Nobody knows: another's process, a VM that is down, no record.
  const none = [null, null, unlike];
  assertEquals(told({ qemu: { ...block, process: undefined } }), none);
  assertEquals(told({ qemu: block }, { own: undefined }), none);
  assertEquals(told({}, { qemu: undefined }), [null, null, null]);
  const adopted = { ...FIRST_HVPARAMS };
  assertEquals(told({ qemu: block, hvparams: adopted }), none);
});

Deno.test("diskView() tells a size above 2^53 to the byte", () => {
  const sized = (sizeBytes: Size) => {
    const given = facts({ disks: [disk(0, 12, { size: 2 ** 40 + 1 })] });
    const entry = present(given.content.runtime.disks[0]);
    const id = "disk-d0000000-1111-4111";
    const block = [{ qdev: id, device: "", nodeName: id, sizeBytes, file: "" }];
    const down = diskView(entry, { ...given, qemu: undefined });
    const live = diskView(entry, {
      ...given,
      qemu: { ...given.qemu, block },
    });
    return [live, down].map(({ size_bytes: size }) => JSON.stringify(size));
  };
  // 2^60 + 512 and 2^60 + 2^20: JavaScript writes …847500 and …7895600.
  const recorded = "1152921504607895552";
  assertEquals(sized(2n ** 60n + 512n), ["1152921504606847488", recorded]);
  assertEquals(sized(4096), ["4096", recorded]);
});

Deno.test("diskView() of a disk on a SCSI bus names its place there", () => {
  const hvinfo = {
    driver: "scsi-hd",
    id: "x",
    bus: "scsi.0",
    channel: 0,
    "scsi-id": 3,
    lun: 0,
  };
  const given = facts({ disks: [disk(0, 0, { hvinfo })] });
  const entry = present(given.content.runtime.disks[0]);
  const { bus, channel, scsi_id, lun, slot } = diskView(entry, given);
  assertEquals([bus, channel, scsi_id, lun, slot], ["scsi.0", 0, 3, 0, null]);
});

Deno.test("nicView() of a NIC has the fields of the interface", () => {
  const given = facts({ nics: [nic(0, 12)] });
  const entry = present(given.content.runtime.nics[0]);
  const { vhost: _, ...view } = nicView(entry, given);
  assertEquals(view, {
    kind: "nic",
    index: 0,
    uuid: uuidOf("nic", 0),
    name: null,
    id: "nic-a0000000-1111-4111",
    driver: "virtio-net-pci",
    bus: "pci.0",
    slot: 12,
    addr: "0xc",
    mac: "aa:00:00:00:00:00",
    mode: "bridged",
    link: "br0",
    tap: "tap0",
    queues: 1,
    link_state: "up",
    ...{ channel: null, scsi_id: null, lun: null },
    ...{ mtu: null, rate: null, migratable: true },
  });
});

Deno.test("nicView() tells whether a migration makes the same NIC", () => {
  const rows: [boolean | null, PlainObject, PlainObject, number][] = [
    [true, {}, {}, 1],
    // A start gives as many as the hvparams say, with vhost_net only.
    [false, {}, {}, 2],
    [false, {}, { virtio_net_queues: 2 }, 2],
    [true, {}, { virtio_net_queues: 2, vhost_net: true }, 2],
    [true, {}, { virtio_net_queues: "auto", vhost_net: true }, 4],
    [false, {}, { nic_type: "e1000" }, 1],
    // The node's network script decides.
    [null, { nicparams: { mode: "none" } }, {}, 1],
    [null, { nicparams: { mode: "ext" } }, {}, 1],
  ];
  for (const [expected, more, hvparams, queues] of rows) {
    const given = facts({ nics: [nic(0, 12, more)], hvparams });
    const netdevs = new Map(
      [...given.qemu.netdevs].map(([id, one]) => [id, { ...one, queues }]),
    );
    const qemu = { ...given.qemu, netdevs };
    const entry = present(given.content.runtime.nics[0]);
    const told = nicView(entry, { ...given, qemu }).migratable;
    assertEquals(told, expected, JSON.stringify([more, hvparams, queues]));
    const down = nicView(entry, { ...given, qemu: undefined });
    assertEquals(down.migratable, null);
  }
});

Deno.test("nicView() of a NIC without link says the same as at its adding", () => {
  const nicparams = { mode: "none", link: "", vlan: "" };
  const given = facts({ nics: [nic(0, 12, { nicparams })] });
  const entry = present(given.content.runtime.nics[0]);
  assertEquals(nicView(entry, given)["link"], null);
});
