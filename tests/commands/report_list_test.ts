import { remark } from "../../lib/errors.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { coloured, wantsColour } from "../../lib/commands/colour.ts";
import { listingText, summariesText } from "../../lib/commands/report_list.ts";
import type { ListedDevice } from "../../lib/inspect/list.ts";
import { sizeJson } from "../../lib/qmp/reading.ts";
import type { InstanceSummary } from "../../lib/inspect/list_all.ts";

const DISK: ListedDevice = {
  kind: "disk",
  index: 0,
  uuid: "932df160-7a22-4067-8b7e-1f0a5d7c9e11",
  name: "data",
  id: "disk-932df160-7a22-4067",
  driver: "virtio-blk-pci",
  bus: "pci.0",
  slot: 13,
  addr: "0xd",
  source: "/srv/d1.img",
  size_bytes: 8 << 20,
  status: "ok",
  differences: [],
};

const NIC: ListedDevice = {
  kind: "nic",
  index: 0,
  uuid: null,
  name: null,
  id: "nic-003fc157-66a8-4e6d",
  driver: "virtio-net-pci",
  bus: "rp3",
  slot: 0,
  addr: "0x0",
  mac: "aa:00:00:81:2b:fc",
  tap: "tap0",
  link: "br0",
  status: "ok",
  differences: [],
};

function listing(...devices: ListedDevice[]) {
  const qemu = {
    ...{ name: "vm1.example.com", version: "7.2.22" },
    ...{ machine: "pc-i440fx-7.2", pid: 7, run_state: "running" },
    ...{ migration: "none", uid: 0, gid: 0, groups: [], root: "/" },
    ...{ user_namespace: "ours", mount_namespace: "ours" } as const,
    ...{ seccomp: 0, options: [], uid_file: null },
  };
  const running = true;
  return {
    instance: "vm1.example.com",
    running,
    qemu,
    devices,
    differences: [],
    compared: "whole" as const,
    warnings: [],
  };
}

Deno.test("listingText() has a row for each device, and what it is below", () => {
  assertEquals(listingText(listing(DISK)), {
    text: [
      "vm1.example.com: QEMU 7.2.22, pc-i440fx-7.2, pid 7",
      "DEVICE         ID                       SLOT  STATUS",
      'disk 0 "data"  disk-932df160-7a22-4067  13    ok',
      "    /srv/d1.img, 8 MiB, virtio-blk-pci",
    ],
    alerts: [],
  });
});

Deno.test("listingText() says and marks that a VM does not run on", () => {
  const { qemu, ...rest } = listing();
  const paused = { ...rest, qemu: { ...qemu, run_state: "paused" } };
  assertEquals(listingText(paused), {
    text: [
      "vm1.example.com: QEMU 7.2.22, pc-i440fx-7.2, pid 7, paused",
      "no disks, no NICs",
    ],
    alerts: [0],
  });
});

Deno.test("listingText() puts long details below, and names a port", () => {
  assertEquals(listingText(listing(DISK, NIC)).text.slice(1), [
    "DEVICE         ID                       SLOT  STATUS",
    'disk 0 "data"  disk-932df160-7a22-4067  13    ok',
    "    /srv/d1.img, 8 MiB, virtio-blk-pci",
    "NIC 0          nic-003fc157-66a8-4e6d   rp3   ok",
    "    aa:00:00:81:2b:fc, tap tap0, on br0, virtio-net-pci",
  ]);
});

Deno.test("listingText() tells of processors and memory, and of all of them", () => {
  const place = { uuid: null, name: null, bus: null, slot: null, addr: null };
  const state = { status: "ok", differences: [] } as const;
  const vcpu: ListedDevice = {
    ...{ kind: "vcpu", index: 0, id: "vcpu-1", ...place, ...state },
    ...{ driver: "qemu64-x86_64-cpu", socket: 0, core: 1, thread: 0 },
  };
  const dimm: ListedDevice = {
    ...{ kind: "memory", index: 0, id: "dimm-0", ...place, ...state },
    ...{ driver: "pc-dimm", size_bytes: 256 << 20 },
  };
  const virtioMem: ListedDevice = {
    ...{ ...dimm, index: 1, id: "vmem-0", bus: "pci.0", slot: 11 },
    ...{ driver: "virtio-mem-pci", size_bytes: 1 << 30 },
    ...{ requested_bytes: 512 << 20, plugged_bytes: 128 << 20 },
  };
  const sum = { vcpus: 2, memory_bytes: 896 << 20 };
  const given = { ...listing(vcpu, dimm, virtioMem), ...sum };
  assertEquals(listingText(given).text.slice(1), [
    "2 processors, 896 MiB of memory",
    "DEVICE    ID      SLOT  STATUS",
    "vcpu 0    vcpu-1  -     ok",
    "    socket 0, core 1, thread 0, qemu64-x86_64-cpu",
    "memory 0  dimm-0  -     ok",
    "    256 MiB, pc-dimm",
    "memory 1  vmem-0  11    ok",
    "    512 MiB, the guest has 128 MiB, at most 1 GiB, virtio-mem-pci",
  ]);
  const none = { ...listing(), vcpus: 1, memory_bytes: null };
  assertEquals(listingText(none).text.slice(1), [
    "1 processor",
    "no disks, no NICs",
  ]);
  const unknown = { ...listing(vcpu), vcpus: null };
  assertMatch(listingText(unknown).text[1] ?? "", /^DEVICE /);
});

Deno.test("listingText() fits 80 columns whatever there is", () => {
  const long: ListedDevice = {
    ...DISK,
    name: "n".repeat(200),
    id: "d".repeat(31),
    source: "/var/run/ganeti/instance-disks/vm1.example.com:0",
    bus: null,
    slot: null,
    scsi_id: 15,
    status: "pending-removal",
  };
  const { text, alerts } = listingText(listing(long, NIC, DISK));
  for (const line of text) assert(line.length <= 80, line);
  assertEquals(alerts, [2]);
});

Deno.test("listingText() says below a device why it is not ok", () => {
  const differs: ListedDevice = {
    ...DISK,
    status: "differs",
    differences: [{
      code: "source",
      message: `disk 0 "data" is recorded as /srv/d1.img, QEMU has /srv/d2.img`,
      hint: "stop and start the instance, or look who changed it",
      device: null,
    }],
  };
  const file = {
    code: "leftover",
    message: "A file is left over",
    hint: "kvm-hotplug repair vm1",
    device: null,
  };
  const given = { ...listing(differs, NIC), differences: [file] };
  const { text, alerts } = listingText(given);
  assertEquals(text.slice(2), [
    'disk 0 "data"  disk-932df160-7a22-4067  13    differs',
    "    /srv/d1.img, 8 MiB, virtio-blk-pci",
    '    disk 0 "data" is recorded as /srv/d1.img, QEMU has /srv/d2.img; stop and',
    "    start the instance, or look who changed it",
    "NIC 0          nic-003fc157-66a8-4e6d   rp3   ok",
    "    aa:00:00:81:2b:fc, tap tap0, on br0, virtio-net-pci",
    "A file is left over; run: kvm-hotplug repair vm1",
  ]);
  assertEquals(alerts, [2]);
});

Deno.test("listingText() of a VM that is down marks nothing", () => {
  const lost: ListedDevice = { ...DISK, status: "not-in-qemu" };
  const none = { running: false, qemu: null };
  const down = listingText({ ...listing(lost), ...none });
  assertEquals(down.text[0], "vm1.example.com: not running");
  assertEquals([down.text[2]?.includes("not-in-qemu"), down.alerts], [
    true,
    [],
  ]);
  assertEquals(listingText({ ...listing(), ...none }), {
    text: ["vm1.example.com: not running", "no disks, no NICs"],
    alerts: [],
  });
});

Deno.test("listingText() says and marks that a VM runs unasked", () => {
  const unasked: ListedDevice = { ...DISK, status: "unasked" };
  const { text, alerts } = listingText({ ...listing(unasked), qemu: null });
  assertEquals(text[0], "vm1.example.com: running, not asked");
  assertEquals([text[2]?.includes("unasked"), alerts], [true, [0]]);
});

const PAUSED = remark("paused", "the VM is paused", { hint: "go on" });

const SUMMARY: InstanceSummary = {
  instance: "vm1",
  running: true,
  disks: 2,
  nics: 1,
  state: "running",
  monitor: "answered",
  compared: "presence",
  attention: [],
};

Deno.test("summariesText() marks what needs attention", () => {
  const all: InstanceSummary[] = [
    SUMMARY,
    { ...SUMMARY, instance: "vm2", state: "paused", attention: [PAUSED] },
    { ...SUMMARY, instance: "vm3", state: null, monitor: "silent" },
    { ...SUMMARY, instance: "vm4", state: null, monitor: "held", disks: null },
    { ...SUMMARY, instance: "vm5", state: null, monitor: "stopped" },
    { ...SUMMARY, running: false, state: null, monitor: "none" },
  ];
  const text = [
    "INSTANCE  STATE    DISKS  NICS  ATTENTION",
    "vm1       running  2      1",
    "vm2       paused   2      1     the VM is paused: go on",
    "vm3       silent   2      1",
    "vm4       running  -      1",
    "vm5       stopped  2      1",
    "vm1       down     2      1",
  ];
  assertEquals(summariesText(all, "whole"), { text, alerts: [2] });
  // It looks at less, and says so.
  const { text: shallow } = summariesText(all, "presence");
  assertEquals(shallow.slice(0, -1), [...text, ""]);
  assertMatch(shallow.at(-1) ?? "", /list --whole compares everything/);
  const none = summariesText([], "presence").text;
  assertEquals(none, ["no instances on this node"]);
});

Deno.test("coloured() colours whole lines, and only where it is wanted", () => {
  assertEquals(coloured(["a", "b"], [1]), ["a", "\x1b[1;33mb\x1b[0m"]);
  const wants = (env: Record<string, string>, ...flags: string[]) =>
    wantsColour({
      args: [],
      env: (name) => env[name],
      signal: new AbortController().signal,
      out: () => {},
      err: () => {},
      readInput: () => "",
      stdoutIsTerminal: env.TERM !== undefined,
      stderrIsTerminal: false,
    }, new Set(flags));
  assertEquals(wants({ TERM: "xterm" }), true);
  assertEquals(wants({}), false);
  assertEquals(wants({ TERM: "dumb" }), false);
  assertEquals(wants({ TERM: "xterm", NO_COLOR: "1" }), false);
  assertEquals(wants({ TERM: "xterm" }, "no-color"), false);
});

Deno.test("listingText() shows a size that no number holds", () => {
  const size_bytes = sizeJson(2n ** 60n + 512n);
  const text = listingText(listing({ ...DISK, size_bytes })).text.join("\n");
  assert(text.includes("1024 PiB"), text);
});

Deno.test("listingText() says that a drive has no medium", () => {
  const empty = { ...DISK, driver: "scsi-cd", source: null, size_bytes: 0 };
  const text = listingText(listing(empty)).text.join("\n");
  assert(text.includes("no medium"), text);
  assert(!text.includes("0 B"), text);
});

Deno.test("listingText() tells how a device differs from a plain one", () => {
  const odd: ListedDevice = {
    ...DISK,
    live_source: "/srv/over.qcow2",
    format: "qcow2",
    read_only: true,
    cache: "none",
    aio: "native",
    unlike_start: ["cache", "read_only"],
    limits: { iops: 100, bps_read: 1048576 },
    migratable: false,
  };
  const alone = { ...NIC, link: null, mode: "none", link_state: "down" };
  const { text } = listingText(listing(odd, { ...alone, mtu: 1400 }));
  for (const line of text) assert(line.length <= 80, line);
  const flat = text.map((line) => line.trim()).join(" ");
  assert(
    flat.includes(
      "/srv/over.qcow2 (recorded: /srv/d1.img), 8 MiB, qcow2, virtio-blk-pci, read-only, cache none, limits: iops 100, bps-read 1M, Ganeti cannot start it",
    ),
    flat,
  );
  const end = "joined to no network, virtio-net-pci, link down, MTU 1400";
  assert(flat.includes(end), flat);
});

Deno.test("listingText() tells of processors and memory, and of all of them", () => {
  const place = { uuid: null, name: null, bus: null, slot: null, addr: null };
  const state = { status: "ok", differences: [] } as const;
  const vcpu: ListedDevice = {
    ...{ kind: "vcpu", index: 0, id: "vcpu-1", ...place, ...state },
    ...{ driver: "qemu64-x86_64-cpu", socket: 0, core: 1, thread: 0 },
  };
  const dimm: ListedDevice = {
    ...{ kind: "memory", index: 0, id: "dimm-0", ...place, ...state },
    ...{ driver: "pc-dimm", size_bytes: 256 << 20 },
  };
  const virtioMem: ListedDevice = {
    ...{ ...dimm, index: 1, id: "vmem-0", bus: "pci.0", slot: 11 },
    ...{ driver: "virtio-mem-pci", size_bytes: 1 << 30 },
    ...{ requested_bytes: 512 << 20, plugged_bytes: 128 << 20 },
  };
  const sum = { vcpus: 2, memory_bytes: 896 << 20 };
  const given = { ...listing(vcpu, dimm, virtioMem), ...sum };
  assertEquals(listingText(given).text.slice(1), [
    "2 processors, 896 MiB of memory",
    "DEVICE    ID      SLOT  STATUS",
    "vcpu 0    vcpu-1  -     ok",
    "    socket 0, core 1, thread 0, qemu64-x86_64-cpu",
    "memory 0  dimm-0  -     ok",
    "    256 MiB, pc-dimm",
    "memory 1  vmem-0  11    ok",
    "    512 MiB, the guest has 128 MiB, at most 1 GiB, virtio-mem-pci",
  ]);
  const unknown = { ...listing(vcpu), vcpus: null };
  assertMatch(listingText(unknown).text[1] ?? "", /^DEVICE /);
});

Deno.test("listingText() fits 80 columns with ten disks and four NICs", () => {
  const disks = Array.from({ length: 10 }, (_, index) => ({
    ...DISK,
    index,
    name: `a-long-name-of-a-disk-${index}`,
    source: `/var/lib/ganeti/file-storage/vm1.example.com/disk-${index}.img`,
    ...(index > 7 && { bus: "scsi.0", slot: null, scsi_id: index }),
  }));
  const nics = Array.from({ length: 4 }, (_, index) => ({ ...NIC, index }));
  const { text } = listingText(listing(...disks, ...nics));
  for (const line of text) assert(line.length <= 80, line);
});

Deno.test("listingText() tells properties, limits and rates", () => {
  const disk = {
    ...DISK,
    ...{ serial: "S1", wwn: null, logical_block_size: 4096, bootindex: 3 },
    ...{ werror: "stop", queues: 2, limit_group: "batch" },
    limits: { iops: 500, bps_read: 1048576, iops_max: 900, iops_max_length: 5 },
  };
  const nic = { ...NIC, mtu: 1400, rate: { in: 65536, out: 1048576 } };
  const { text } = listingText(listing(disk, nic));
  assertEquals(text.filter((line) => line.startsWith("    ")), [
    "    /srv/d1.img, 8 MiB, virtio-blk-pci, limits: iops 500, bps-read 1M, iops-max",
    "    900, iops-max-length 5, limit-group batch, serial S1, logical-block-size",
    "    4096, bootindex 3, werror stop, queues 2",
    "    aa:00:00:81:2b:fc, tap tap0, on br0, virtio-net-pci, MTU 1400, rate in 64",
    "    KiB/s, rate out 1 MiB/s",
  ]);
});
