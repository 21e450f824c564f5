import { saidIn } from "../support/document.ts";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { diskAdoption } from "../../lib/disk/adopt.ts";
import type { LiveDisk, OpenSource } from "../../lib/disk/live.ts";
import { DISK } from "../../lib/disk/name.ts";
import type { Adoption } from "../../lib/engine/plan.ts";
import { nicAdoption } from "../../lib/nic/adopt.ts";
import type { LiveNic, OpenTap } from "../../lib/nic/live.ts";
import { NIC } from "../../lib/nic/name.ts";
import { planAdopt } from "../../lib/operation/adopt.ts";
import { readRecord } from "../../lib/plan/facts.ts";
import {
  assert,
  disk,
  facts,
  type FactsSpec,
  idOf,
  nic,
  pciDevice,
  planRefusal,
  stepNames,
  stepOf,
  uuidOf,
} from "../support/facts.ts";
import { known, type KnownPlan } from "../support/steps.ts";

const FRESH = [1, 2, 3, 4].map((n) =>
  `f000000${n}-2222-4222-8222-00000000000${n}`
);

function source(path: string, more: Partial<OpenSource> = {}): OpenSource {
  return {
    identity: `inode of ${path}`,
    kind: "file",
    path,
    resolved: path,
    ...more,
  };
}

function liveDisk(id: string, more: Partial<LiveDisk> = {}): LiveDisk {
  const path = `/srv/${id}.img`;
  return {
    qdev: `/machine/peripheral/${id}/virtio-backend`,
    id,
    backend: {
      qdev: "",
      device: id,
      nodeName: "#block1",
      sizeBytes: 1 << 20,
      file: path,
    },
    drivers: ["raw", "file"],
    direct: false,
    readOnly: false,
    nodes: ["#block1", "#block2"],
    source: source(path),
    ...more,
  };
}

function liveNic(id: string, more: Partial<LiveNic> = {}): LiveNic {
  return {
    id,
    pci: pciDevice(21, { id }),
    mac: "aa:00:00:00:00:77",
    netdev: "net1",
    tap: { name: "tap7", bridge: "br7" },
    ...more,
  };
}

/** What QEMU has. */
interface Live {
  readonly disks?: readonly LiveDisk[];
  readonly nics?: readonly LiveNic[];
  /** Whether QEMU has other data behind what is recorded. @default false */
  readonly moved?: boolean;
}

type Given = Parameters<typeof planAdopt>[0];

function adoptFacts(
  { disks = [], nics = [], moved = false }: Live,
  spec: FactsSpec = {},
): Given {
  const ids = [...disks, ...nics].flatMap(({ id }) => id ?? []);
  const all = facts(spec);
  const drivers = new Map([
    ...all.qemu.drivers,
    ...disks.map(({ id = "" }) => [id, "virtio-blk-pci"] as const),
    ...nics.map(({ id = "" }) => [id, "virtio-net-pci"] as const),
  ]);
  drivers.delete("");
  const whole = {
    ...all,
    qemu: { ...all.qemu, drivers, deviceIds: new Set(drivers.keys()) },
    process: {
      pid: 4711,
      argv: ["qemu", "-S", "-m", "64", "-qmp", "stdio", "-drive", "id=d1"],
    },
    program: "/usr/bin/qemu",
    places: new Map(ids.map((id, i) => [id, { bus: "pci.0", slot: 20 + i }])),
  };
  const uuids = { disks: FRESH, nics: FRESH.slice(disks.length) };
  return {
    facts: whole,
    kinds: [
      {
        kind: DISK,
        adoption: diskAdoption({
          live: disks,
          moved: all.content.runtime.disks.flatMap((entry) => {
            const disk = disks.find(({ id }) => id === entry.hvinfo.id);
            return moved && disk ? [{ entry, disk }] : [];
          }),
        }),
        uuids: uuids.disks,
      },
      { kind: NIC, adoption: nicAdoption(nics), uuids: uuids.nics },
    ],
  };
}

function adoptionOf(given: Given): Adoption {
  const { adoption } = planAdopt(given);
  assert(adoption !== undefined, "no adoption");
  return adoption;
}

function planOf(given: Given): KnownPlan {
  const plan = planAdopt(given);
  assert(plan.steps.length > 0, "there is nothing to do");
  assertEquals(JSON.parse(JSON.stringify(plan)), plan);
  return known(plan, given.facts.paths);
}

/** Why the only device is left alone. */
function reason(live: Live, spec?: FactsSpec): string {
  const { adopted, remaining } = adoptionOf(adoptFacts(live, spec));
  assertEquals(adopted, []);
  return remaining.map(({ message }) => message).join("\n");
}

Deno.test("planAdopt() notes the limits that a disk has", () => {
  const { backend, ...free } = liveDisk("d1");
  const limited = { ...backend, throttles: { bps_rd: 1048576, iops: 0 } };
  const plan = planOf(adoptFacts({ disks: [{ ...free, backend: limited }] }));
  assertEquals(stepNames(plan).at(-1), "own-record");
  const { change } = stepOf(plan, "own-record");
  const limits = { "bps-read": 1048576 };
  assertEquals(change.after, { kind: "disk", limits });
});

/** What is noted of a NIC with these rates, of which this was noted before. */
function rateNotes(
  rates: OpenTap["rates"],
  noted?: Readonly<Record<string, number>>,
) {
  const { tap, ...free } = liveNic("n1");
  const nics = [{
    ...free,
    tap: { ...tap, ...(rates && { rates }) } as OpenTap,
  }];
  const { own } = facts();
  const devices = { [FRESH[0] ?? ""]: { kind: "nic", ...noted } } as const;
  const record = { ...own.record, ...(noted && { devices }) };
  const plan = planOf(adoptFacts({ nics }, { own: { ...own, record } }));
  return stepNames(plan).includes("own-record")
    ? stepOf(plan, "own-record").change.after
    : "as it is";
}

Deno.test("planAdopt() notes the rates of a tap", () => {
  const [rateIn, rateOut] = [65_536, 5000];
  const both = { kind: "nic", rateIn, rateOut };
  assertEquals(rateNotes({ in: rateIn, out: rateOut }), both);
  assertEquals(rateNotes({ in: rateIn, out: null }), { kind: "nic", rateIn });
  // tc does not tell the rate of the policer: it is that of the note.
  assertEquals(rateNotes({ in: rateIn, out: "unknown" }, { rateOut }), both);
  assertEquals(rateNotes({ in: null, out: null }, { rateIn }), null);
  // Nor any rate, if it fails.
  assertEquals(
    rateNotes({ in: "unknown", out: "unknown" }, { rateIn, rateOut }),
    "as it is",
  );
  // No note can have it.
  assertEquals(rateNotes({ in: 1e15, out: 0 }), "as it is");
});

Deno.test("planAdopt() keeps the note about rates that were not read", () => {
  assertEquals(rateNotes(undefined), "as it is");
  assertEquals(rateNotes(undefined, { rateIn: 5000 }), "as it is");
});

Deno.test("planAdopt() records each proven device in one go of its own", () => {
  const plan = planOf(adoptFacts({
    disks: [liveDisk("d1"), liveDisk("d2")],
    nics: [liveNic("n1")],
  }));
  assertEquals(stepNames(plan), [
    ...["stage-state", "commit-state"],
    ...["stage-state", "commit-state"],
    ...["stage-state", "commit-state"],
    "nic-files",
  ]);
  assertEquals(
    plan.adoption?.adopted.map((one) => [one.kind, one.index, one.id]),
    [["disk", 0, "d1"], ["disk", 1, "d2"], ["nic", 0, "n1"]],
  );
});

Deno.test("planAdopt() of nothing new does nothing", () => {
  const decision = planAdopt(adoptFacts({}, { disks: [disk(0, 12)] }));
  assertEquals(decision.steps, []);
});

Deno.test("planAdopt() makes the uuid fit the device id", () => {
  const ids: [string, RegExp][] = [
    ["disk-932df160-7a22-4067", /^932df160-7a22-4067-8222-000000000001$/],
    ["hotdisk-932df160-pci-9", /^932df160-2222-/],
    ["x-932DF160-7A22-4067-8B7E-1F0A5D7C9E11", /^932df160-7a22-4067-8b7e-1f0a/],
    ["disk-932df1607", /^f0000001-/],
    ["data", /^f0000001-/],
    [`disk-${uuidOf("disk", 0)}`, /^d0000000-1111-4111-8222-000000000001$/],
  ];
  for (const [id, expected] of ids) {
    const given = adoptFacts({ disks: [liveDisk(id)] }, {
      disks: [disk(0, 12)],
    });
    assertMatch(String(adoptionOf(given).adopted[0]?.uuid), expected);
  }
});

Deno.test("planAdopt() says of a uuid that its end is invented", () => {
  const { backend, ...free } = liveDisk("disk-932df160-7a22-4067");
  const limited = { ...backend, throttles: { bps_rd: 1048576 } };
  const given = adoptFacts({
    disks: [
      { ...free, backend: limited },
      liveDisk("x-932DF160-7A22-4067-8B7E-1F0A5D7C9E11"),
      liveDisk("data"),
    ],
  });
  const plan = planOf(given);
  assertEquals(plan.warnings.map(({ code }) => code), ["uuid-invented"]);
  const notes = plan.steps.flatMap((one) =>
    one.kind === "own-record" ? [one.change.after] : []
  );
  const limits = { "bps-read": 1048576 };
  assertEquals(notes, [
    { kind: "disk", limits },
    { kind: "disk", limits, invented: true },
  ]);
});

Deno.test("planAdopt() of one uuid records its device alone", () => {
  const uuid = "932df160-7a22-4067-8b7e-1f0a5d7c9e11";
  const live = { disks: [liveDisk("d2"), liveDisk("disk-932df160-7a22-4067")] };
  const { kinds: [disks, nics], ...rest } = adoptFacts(live);
  const uuids = [FRESH[0] ?? "", uuid];
  const given = { ...rest, kinds: [{ ...disks!, uuids }, nics!], given: uuid };
  const { adoption, warnings } = planOf(given);
  assertEquals(adoption?.adopted.map((one) => one.uuid), [uuid]);
  assertEquals([adoption?.remaining, warnings], [[], []]);
  planRefusal(
    "no-such-device",
    given.facts,
    () => planAdopt({ ...given, kinds: [], given: uuid }),
  );
});

Deno.test("planAdopt() gives a uuid to no second device", () => {
  const uuid = "932df160-7a22-4067-8b7e-1f0a5d7c9e11";
  const about = (live: Live, spec: FactsSpec = {}) => {
    const { kinds, ...rest } = adoptFacts(live, spec);
    const all = kinds.map((one) => ({ ...one, uuids: [uuid, uuid] }));
    return { ...rest, kinds: all, given: uuid };
  };
  const second = { disks: [liveDisk("disk-932df160-pci-14")] };
  const taken = about(second, { disks: [disk(0, 12, { uuid })] });
  assertEquals(planAdopt(taken).steps, []);
  const both = about({ ...second, nics: [liveNic("nic-932df160-pci-15")] });
  const refused = () => planAdopt(both);
  const { candidates } = planRefusal("ambiguous-device", both.facts, refused);
  const ids = ["disk-932df160-pci-14", "nic-932df160-pci-15"];
  assertEquals(candidates?.map(({ id }) => id), ids);
  assertEquals(candidates?.map(({ kind }) => kind), ["disk", "nic"]);
});

Deno.test("planAdopt() leaves what is not proven", () => {
  const none = { id: undefined };
  assertMatch(reason({ disks: [liveDisk("d", none)] }), /no device id/);
  assertMatch(reason({ nics: [liveNic("n", none)] }), /no device id/);
  const unseen = { source: { why: "nobody knows" } };
  assertMatch(reason({ disks: [liveDisk("d", unseen)] }), /nobody knows/);
  const { remaining } = adoptionOf(
    adoptFacts({ disks: [liveDisk("d", unseen)] }),
  );
  assertMatch(
    remaining[0]?.hint ?? "",
    /run: kvm-hotplug disk remove vm1 d --force$/,
  );
  const tapless = { tap: { why: "no tap" } };
  assertMatch(reason({ nics: [liveNic("n", tapless)] }), /no tap/);
  const silent = { mac: undefined };
  assertMatch(reason({ nics: [liveNic("n", silent)] }), /MAC/);
});

Deno.test("planAdopt() leaves what two devices have", () => {
  const same = { source: source("/srv/one.img") };
  const disks = [liveDisk("d1", same), liveDisk("d2", same)];
  assertMatch(reason({ disks }), /two disks .*\n.*two disks /);
  const nics = [liveNic("n1"), liveNic("n2")];
  assertMatch(reason({ nics }), /two NICs .*\n.*two NICs /);
});

Deno.test("planAdopt() leaves what another entry is recorded with", () => {
  const taken = liveDisk("d1", { source: source("/srv/d0.img") });
  const text = reason({ disks: [taken] }, { disks: [disk(0, 12)] });
  assertMatch(text, /disk 0 is recorded with the same file/);
  const twin = liveNic("n1", { mac: "aa:00:00:00:00:00" });
  const words = reason({ nics: [twin] }, { nics: [nic(0, 13)] });
  assertMatch(words, /NIC 0 is recorded with the same MAC/);
});

Deno.test("planAdopt() tells an entry which device it is", () => {
  const given = adoptFacts({
    disks: [liveDisk("d1", { source: source("/srv/d0.img") })],
    nics: [liveNic("n1", { mac: "aa:00:00:00:00:00" })],
  }, {
    disks: [disk(0, 12, { hvinfo: {} })],
    nics: [nic(0, 13, { hvinfo: {} })],
    nicFiles: { 0: "tap7" },
  });
  const { adopted, remaining } = adoptionOf(given);
  assertEquals(
    adopted.map((one) => [one.uuid, one.id, one.slot]),
    [[uuidOf("disk", 0), "d1", 20], [uuidOf("nic", 0), "n1", 21]],
  );
  assertEquals(remaining, []);
  assertEquals(stepNames(planOf(given)).length, 4);
});

Deno.test("planAdopt() believes no NIC whose file names another tap", () => {
  const text = reason({ nics: [liveNic("n1", { mac: "aa:00:00:00:00:00" })] }, {
    nics: [nic(0, 13, { hvinfo: {} })],
    nicFiles: { 0: "tap1" },
  });
  assertMatch(text, /names tap tap1, but QEMU uses tap7/);
});

Deno.test("planAdopt() lists entries that nothing is proven to be", () => {
  const entry = disk(0, 12, { hvinfo: {} });
  assertMatch(
    reason({ disks: [] }, { disks: [entry] }),
    new RegExp(
      `disk 0, uuid ${uuidOf("disk", 0)}.*its device in QEMU is not known`,
    ),
  );
});

Deno.test("planAdopt() records no image that a start would open as raw", () => {
  const odd: [Partial<LiveDisk>, RegExp][] = [
    [{ drivers: ["qcow2", "file"] }, /qcow2/],
    [{ readOnly: true }, /read-only/],
  ];
  for (const [more, expected] of odd) {
    const plan = planOf(adoptFacts({ disks: [liveDisk("d1", more)] }));
    assertMatch(saidIn(plan.warnings), expected);
    const [stage] = plan.steps;
    assert(stage?.kind === "stage-state" && stage.change.change === "insert");
    assertMatch(stage.change.entry, /"mode": "ro"/);
  }
});

Deno.test("planAdopt() makes a first file of what the process shows", () => {
  const given = adoptFacts({ disks: [liveDisk("d1", { direct: true })] });
  const paths = { ...given.facts.paths, runtime: "/nowhere/vm1.runtime" };
  const { content } = readRecord({ kind: "instance", paths });
  const none = { ...given.facts, content, diskIdentities: [] };
  const plan = planOf({ ...given, facts: none });
  const [create] = plan.steps;
  assert(create?.kind === "create-state");
  const [command, nics, hvparams, disks] = JSON.parse(create.text);
  assertEquals(command, ["qemu", "-m", 64]);
  assertEquals([nics, disks.length, disks[0][0].mode], [[], 1, "rw"]);
  assertEquals(hvparams.disk_cache, "none");
  assertEquals(hvparams.kvm_path, "/usr/bin/qemu");
  assertEquals(hvparams.kvm_pci_reservations, 12);
});

Deno.test("planAdopt() reserves the slots that QEMU filled at its start", () => {
  const reserved = (pci: ReturnType<typeof pciDevice>[]) => {
    const given = adoptFacts({ disks: [liveDisk("d1")] });
    const paths = { ...given.facts.paths, runtime: "/nowhere/vm1.runtime" };
    const { content } = readRecord({ kind: "instance", paths });
    const qemu = { ...given.facts.qemu, pci };
    const none = { ...given.facts, qemu, content, diskIdentities: [] };
    const [create] = planOf({ ...given, facts: none }).steps;
    assert(create?.kind === "create-state");
    return JSON.parse(create.text)[2].kvm_pci_reservations;
  };
  const filled = (count: number) =>
    Array.from({ length: count }, (_, slot) => pciDevice(slot));
  assertEquals(reserved(filled(3)), 12);
  assertEquals(reserved(filled(15)), 15);
  // What is recorded moves, and what is behind a bridge has other slots.
  const last = (more: Parameters<typeof pciDevice>[1]) =>
    reserved([...filled(15), pciDevice(15, more), pciDevice(16)]);
  assertEquals(last({ id: "d1" }), 15);
  assertEquals(last({ behind: "bridge" }), 15);
  assertEquals(last({ id: "other" }), 17);
});

/** Command and hvparams of the first file of a VM that was started so. */
function firstFile(...words: string[]) {
  const given = adoptFacts({ disks: [liveDisk("d1")] });
  const paths = { ...given.facts.paths, runtime: "/nowhere/vm1.runtime" };
  const { content } = readRecord({ kind: "instance", paths });
  const process = { pid: 4711, argv: ["qemu", ...words] };
  const none = { ...given.facts, content, process, diskIdentities: [] };
  const [create] = planOf({ ...given, facts: none }).steps;
  assert(create?.kind === "create-state");
  const [command, , hvparams] = JSON.parse(create.text);
  return { command, hvparams };
}

Deno.test("planAdopt() reads ACPI, boot order and chroot from the command line", () => {
  const acpi = (...words: string[]) => firstFile(...words).hvparams.acpi;
  assertEquals([acpi(), acpi("-machine", "pc,acpi=on")], [true, true]);
  assertEquals(acpi("-no-acpi"), false);
  assertEquals(acpi("-machine", "pc,acpi=off"), false);
  assertEquals(acpi("-M", "pc,acpi=off"), false);
  const boot = (...words: string[]) => firstFile(...words).hvparams.boot_order;
  assertEquals(boot(), "disk");
  const orders = ["a", "c", "d", "n", "order=dc", "menu=on,order=n", "menu=on"];
  assertEquals(orders.map((order) => boot("-boot", order)), [
    ...["floppy", "disk", "cdrom", "network"],
    ...["cdrom", "network", "disk"],
  ]);
  assertEquals(boot("-boot", "n", "-boot", "d"), "cdrom");
  const chroot = (...words: string[]) =>
    firstFile(...words).hvparams.use_chroot;
  assertEquals([chroot(), chroot("-name", "chroot")], [false, false]);
  assertEquals(chroot("-name", "xchroot=y"), false);
  const ways = [["-chroot", "/x"], ["--chroot", "/x"]]
    .concat([["-run-with", "chroot=/x"], ["-run-with", "user=a,chroot=/x"]]);
  assertEquals(ways.map((words) => chroot(...words)), Array(4).fill(true));
});

Deno.test("planAdopt() writes the memory's size as Ganeti does", () => {
  const words = ["-m", "64", "-smp", "2", "-device", "x,id=64"];
  const { command } = firstFile(...words);
  assertEquals(command, ["qemu", "-m", 64, "-smp", "2", "-device", "x,id=64"]);
  assertEquals(firstFile("-m", "64M").command, ["qemu", "-m", "64M"]);
});

Deno.test("planAdopt() refuses a VM that migrates", () => {
  const { facts, kinds } = adoptFacts({}, { qemu: { runState: "inmigrate" } });
  planRefusal("migrating", facts, (facts) => planAdopt({ facts, kinds }));
});

/** A recorded disk, as QEMU has it. */
function recordedDisk(more: Partial<LiveDisk> = {}): LiveDisk {
  return liveDisk(idOf("disk", 0), { source: source("/srv/d0.img"), ...more });
}

const DISK_0 = { disks: [disk(0, 12)] };

Deno.test("planAdopt() records where a disk's data is now", () => {
  const to = (live: LiveDisk, moved: boolean, spec: FactsSpec = DISK_0) =>
    adoptionOf(adoptFacts({ disks: [live], moved }, spec));
  const there = to(recordedDisk(), false);
  assertEquals([there.adopted, there.remaining], [[], []]);
  const elsewhere = recordedDisk({ source: source("/srv/new.img") });
  const { adopted: [one], remaining } = to(elsewhere, true);
  assertEquals([one?.uuid, remaining], [uuidOf("disk", 0), []]);
  const plan = planOf(adoptFacts({ disks: [elsewhere], moved: true }, DISK_0));
  const [stage] = plan.steps;
  assert(stage?.kind === "stage-state" && stage.change.change === "entry");
  assertStringIncludes(stage.change.entry, "/srv/new.img");
  assertEquals(plan.warnings, []);
  const odd = recordedDisk({
    ...{ source: source("/srv/new.img"), drivers: ["qcow2", "file"] },
  });
  const { warnings } = planOf(
    adoptFacts({ disks: [odd], moved: true }, DISK_0),
  );
  assertMatch(saidIn(warnings), /cannot start or migrate .*qcow2/);
});

Deno.test("planAdopt() takes a block device only where Ganeti takes one", () => {
  const block = (resolved: string) =>
    source("/links/d", { kind: "block", resolved });
  for (const moved of [false, true]) {
    const spec = moved ? DISK_0 : {};
    const live = (resolved: string) => ({
      disks: [
        moved
          ? recordedDisk({ source: block(resolved) })
          : liveDisk("d1", { source: block(resolved) }),
      ],
      moved,
    });
    assertMatch(reason(live("/srv/dev"), spec), /only below \/dev/);
    const { adopted } = adoptionOf(adoptFacts(live("/dev/dm-1"), spec));
    assertEquals(adopted.length, 1);
  }
  // A file is taken from anywhere.
  const { adopted } = adoptionOf(adoptFacts({ disks: [liveDisk("d1")] }));
  assertEquals(adopted.length, 1);
});

Deno.test("planAdopt() leaves a moved disk that is not proven, or a URI", () => {
  const unseen = recordedDisk({ source: { why: "nobody knows" } });
  const moved = { disks: [unseen], moved: true };
  assertMatch(reason(moved, DISK_0), /nobody knows/);
  const { remaining } = adoptionOf(adoptFacts(moved, DISK_0));
  const remove = `kvm-hotplug disk remove vm1 ${idOf("disk", 0)}`;
  assertEquals(remaining[0]?.hint?.endsWith(`run: ${remove}`), true);
  const [entry, , uri] = disk(0, 12);
  const far = [entry, null, "rbd:pool/d0"] as const;
  assertEquals(uri, null);
  const given = { disks: [recordedDisk()], moved: true };
  assertMatch(reason(given, { disks: [far] }), /recorded by a URI/);
});

Deno.test("planAdopt() leaves a device that sits on no bus it knows", () => {
  const given = adoptFacts({ disks: [liveDisk("d1")], nics: [liveNic("n1")] });
  const facts = { ...given.facts, places: new Map() };
  const { adoption } = planAdopt({ ...given, facts });
  const said = adoption?.remaining.map(({ message }) => message).join("\n");
  assertEquals(adoption?.adopted, []);
  assertMatch(String(said), /bus without hotplug.*\n.*bus without hotplug/);
});

Deno.test("diskAdoption() tells the cache mode that all its disks have", () => {
  const [direct, cached] = [
    liveDisk("d1", { direct: true }),
    liveDisk("d2"),
  ] as const;
  const mode = (...ids: string[]) =>
    diskAdoption({ live: [direct, cached], moved: [] })
      .hvparams?.(new Set(ids)).disk_cache;
  assertEquals(
    [mode("d1"), mode("d2"), mode("d1", "d2"), mode()],
    ["none", "default", "default", "default"],
  );
});
