/** How file, QEMU and record compare for each device that `list` shows. */
import { assertEquals } from "@std/assert";
import { DISK } from "../../lib/disk/name.ts";
import { remark } from "../../lib/errors.ts";
import { listDevices } from "../../lib/inspect/list.ts";
import { NIC } from "../../lib/nic/name.ts";
import type { Difference } from "../../lib/plan/difference.ts";
import { EMPTY_RECORD } from "../../lib/state/own_check.ts";
import {
  backend,
  disk,
  facts,
  type FactsSpec,
  idOf,
  nic,
  pciDevice,
  uuidOf,
} from "../support/facts.ts";

const KINDS = [DISK, NIC];
const BOTH = { disks: [disk(0, 12), disk(1, 13)], nics: [nic(0, 14)] };

/** A difference about a device of the list, or about none. */
function difference(
  code: string,
  device?: { kind: "disk" | "nic"; index: number | null; id?: string },
): Difference {
  const about = { uuid: null, id: null, ...device };
  return { ...remark(code, code), device: device ? about : null } as Difference;
}

/** Each device's id, its status and what is told of it. */
function listed(
  spec: FactsSpec,
  differences: readonly Difference[] = [],
  more: Partial<Parameters<typeof listDevices>[2]> = {},
) {
  const given = facts(spec);
  const { paths } = given;
  const options = { differences, paths, kinds: KINDS, ...more };
  return listDevices(given.content.runtime, given, options)
    .map(({ id, status, differences }) =>
      [id, status, ...differences.map(({ code }) => code)].join(" ")
    );
}

function noted(id: string) {
  const pending = { id, title: "disk 1", requestedAt: "2026-01-01T00:00:00Z" };
  const devices = { [uuidOf("disk", 1)]: { kind: "disk" as const, pending } };
  return { own: { ...facts().own, record: { ...EMPTY_RECORD, devices } } };
}

const [FIRST, SECOND] = [idOf("disk", 0), idOf("disk", 1)];
const CARD = idOf("nic", 0);
/** Its status, and what says how to go on. */
const WAITS = `${SECOND} pending-removal pending-removal`;

Deno.test("listDevices() tells a removal that is pending", () => {
  const spec = { ...BOTH, ...noted(SECOND) };
  const rest = [`${FIRST} ok`, `${CARD} ok`];
  assertEquals(listed(spec), rest.toSpliced(1, 0, WAITS));
  // One of another device that had the uuid before.
  const other = { ...BOTH, ...noted("disk-x") };
  assertEquals(listed(other), rest.toSpliced(1, 0, `${SECOND} ok`));
  const differs = difference("moved", { kind: "disk", index: 1 });
  assertEquals(listed(spec, [differs])[1], `${WAITS} moved`);
  // What the guest has released is not pending any more.
  const gone = difference("not-in-qemu", { kind: "disk", index: 1 });
  assertEquals(listed(spec, [gone])[1], `${SECOND} not-in-qemu not-in-qemu`);
});

Deno.test("listDevices() shows a disk that was moved where it is", () => {
  const given = facts({ ...BOTH, qemu: { block: [backend(0), backend(1)] } });
  const { paths } = given;
  const about = difference("moved", { kind: "disk", index: 1 });
  const view = { live_source: "/srv/over.qcow2", aio: null };
  const differences = [{ ...about, view }];
  const [first, second] = listDevices(given.content.runtime, given, {
    ...{ paths, differences, kinds: KINDS },
  });
  assertEquals([first?.live_source, first?.aio], [null, "threads"]);
  assertEquals(
    [second?.source, second?.live_source, second?.aio],
    ["/srv/d1.img", "/srv/over.qcow2", null],
  );
  assertEquals(
    Object.keys(second?.differences[0] ?? {}).includes("view"),
    false,
  );
});

Deno.test("listDevices() gives each device what is about it", () => {
  const all = [
    difference("moved", { kind: "disk", index: 1 }),
    difference("nic-file", { kind: "nic", index: 0 }),
    difference("no-device-id", { kind: "disk", index: 0 }),
    difference("elsewhere"),
  ];
  assertEquals(listed(BOTH, all), [
    `${FIRST} not-in-qemu no-device-id`,
    `${SECOND} differs moved`,
    `${CARD} differs nic-file`,
  ]);
});

Deno.test("listDevices() shows what only QEMU has, but for backends", () => {
  const stray = "disk-932df160-7a22-4067";
  const virtio = { vendor: 0x1af4, device: 0x1001 };
  const { qemu } = facts(BOTH);
  const spec = {
    ...BOTH,
    qemu: {
      pci: [...qemu.pci, pciDevice(20, { id: stray, ...virtio })],
      nodeNames: new Set([...qemu.nodeNames, "disk-932df160-7a22-9999"]),
      drivers: new Map([...qemu.drivers, [stray, "virtio-blk-pci"] as const]),
    },
  };
  const about = [
    difference("stray", { kind: "disk", index: null, id: stray }),
    difference("other", { kind: "disk", index: null, id: "disk-y" }),
  ];
  assertEquals(listed(spec, about).slice(3), [`${stray} not-recorded stray`]);
  const unknown = listed(spec, about, { stray: "unknown", kinds: [NIC] });
  assertEquals(unknown, [`${CARD} ok`, `${stray} unknown stray`]);
});

Deno.test("listDevices() without QEMU's answer has the file alone", () => {
  const given = { ...facts(BOTH), qemu: undefined };
  const { runtime } = given.content;
  const statuses = (unasked?: "unasked") =>
    listDevices(runtime, given, {
      ...(unasked && { unasked }),
      ...{ differences: [], kinds: KINDS, paths: given.paths },
    }).map(({ status }) => status);
  assertEquals(statuses(), ["not-in-qemu", "not-in-qemu", "not-in-qemu"]);
  assertEquals(statuses("unasked"), ["unasked", "unasked", "unasked"]);
});
