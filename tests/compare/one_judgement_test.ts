/**
 * File, QEMU and node are judged once: what differs is in what `state show
 * --verify`, `list NAME` and `repair --dry-run` tell.
 */
import { assertEquals } from "@std/assert";
import { remarkOf } from "../../lib/errors.ts";
import { startedDrives } from "../../lib/disk/started.ts";
import { comparePresence } from "../../lib/compare/whole.ts";
import { listDevices } from "../../lib/inspect/list.ts";
import { verification } from "../../lib/inspect/state_show.ts";
import { heldDifferences } from "../../lib/plan/compare_own.ts";
import { loadKinds } from "../../lib/kinds.ts";
import { remainingDifferences } from "../../lib/repair/repair.ts";
import { EMPTY_RECORD, type OwnDevice } from "../../lib/state/own_check.ts";
import { libFiles } from "../arch/source.ts";
import {
  compared,
  type ComparisonSpec,
  judged,
} from "../support/comparison.ts";
import {
  assert,
  disk,
  facts,
  idOf,
  NEW_UUID,
  nic,
  pciDevice,
  type PlainObject,
  stepNames,
  uuidOf,
} from "../support/facts.ts";
import { confinement, POOL_USER } from "../support/confinement.ts";
import { known } from "../support/steps.ts";

const KINDS = await loadKinds();

const DISK = idOf("disk", 0);
const NIC = idOf("nic", 0);

/** A disk and a NIC. */
const SPEC = { disks: [disk(0, 12)], nics: [nic(0, 13)] };
const WHOLE = compared(SPEC);
const { drivers, pci, nodeNames, netdevs } = WHOLE.qemu;

/** One kind of difference, and what each of the three makes of it. */
interface Row {
  readonly code: string;
  readonly spec: ComparisonSpec;
  /** Statuses of disk, NIC, and what only QEMU has. @default all are `ok` */
  readonly list?: readonly string[];
  /** The steps of repair. @default it is not for repair */
  readonly mend?: readonly string[];
}

/** QEMU without this, of what it has by id. */
function without<V>(all: ReadonlyMap<string, V>, id: string) {
  return new Map([...all].filter(([one]) => one !== id));
}

/** QEMU with another device. */
function plugged(id: string, driver: string): ComparisonSpec {
  return { qemu: { drivers: new Map([...drivers, [id, driver]]) } };
}

function moved(id: string): ComparisonSpec {
  const there = pci.map((one) => one.id === id ? pciDevice(20, { id }) : one);
  return { qemu: { pci: there } };
}

function scsiAt(scsiId: number): ComparisonSpec {
  const place = { bus: "scsi.0", channel: 0, lun: 0 };
  const hvinfo = { driver: "scsi-hd", id: DISK, "scsi-id": 2, ...place };
  const at = { ...place, scsiId, bus: "/machine/peripheral/scsi/scsi.0" };
  return {
    disks: [disk(0, 12, { hvinfo })],
    targets: new Map([[DISK, at]]),
  };
}

/** The NIC's entry has this besides; the card has another value. */
function recordedWith(more: PlainObject, live: string): ComparisonSpec {
  const { hvinfo } = nic(0, 13);
  const values = Object.keys(more).map((key) => [key, live] as const);
  return {
    nics: [nic(0, 13, { hvinfo: { ...hvinfo, ...more } })],
    properties: new Map([[NIC, new Map(values)]]),
  };
}

/** The disk has an overlay on top. */
function elsewhere(): NonNullable<ComparisonSpec["moved"]> {
  const [entry] = WHOLE.content.runtime.disks;
  const [backend] = WHOLE.qemu.block;
  assert(entry !== undefined && backend !== undefined);
  const nodes = ["overlay", "#block1"];
  const disk = {
    ...{ qdev: DISK, id: DISK, direct: true, readOnly: false, nodes, backend },
    drivers: ["qcow2", "file"],
    source: { why: "nothing proves it" },
  };
  return [{ entry, disk }];
}

/** A CD drive that the VM was started with is empty now. */
function emptied(): ComparisonSpec {
  const value = "file=/srv/cd.iso,media=cdrom,format=raw,if=ide";
  const kvmCmd = ["kvm", "-drive", value];
  const [drive] = startedDrives({ kvmCmd });
  assert(drive !== undefined);
  const live = {
    ...{ qdev: "/machine/unattached/device[3]", device: "ide0-cd0" },
    ...{ nodeName: "", sizeBytes: undefined, file: "" },
  };
  const none = { lead: undefined, there: undefined, open: undefined };
  const qemu = { block: [...WHOLE.qemu.block, live] };
  return { kvmCmd, qemu, media: [{ drive, live, ...none }] };
}

/** The disk's file is shorter than the disk. */
function cutShort(): NonNullable<ComparisonSpec["cut"]> {
  const [entry] = WHOLE.content.runtime.disks;
  assert(entry !== undefined);
  const source = { kind: "file", path: "/srv/d0.img", sizeBytes: 512 } as const;
  return [{ entry, liveBytes: 1024, source }];
}

/** Of a disk that is neither recorded nor there. */
function lost(inUse: ReadonlySet<string>): ComparisonSpec {
  const path = "/srv/new.img";
  const inode = "0:1 5 0:0";
  const access = { way: "chown", path, inode, from: 0, to: 65534 } as const;
  const noted: OwnDevice = { kind: "disk", via: "chown", access };
  const record = { ...EMPTY_RECORD, devices: { [NEW_UUID]: noted } };
  return { own: { ...facts().own, record }, inUse };
}

/** A tap that another process has open. */
const HELD_TAP = { way: "held", name: "tap5", ifindex: 5 } as const;
const HELD = {
  ...EMPTY_RECORD,
  devices: { [NEW_UUID]: { kind: "nic", access: HELD_TAP } },
};

/** A NIC that was to be plugged anew. */
const ASKED = {
  ...EMPTY_RECORD,
  devices: {
    [uuidOf("nic", 0)]: { kind: "nic", replug: "2026-01-02T03:04:05.678Z" },
  },
};

const LINK = { lead: undefined, named: [] };
const POOL = { hvparams: { security_model: "pool" } };
const CONFINEMENT = confinement({ credentials: POOL_USER });

const DIFFERS = {
  disk: { list: ["differs", "ok"] },
  nic: { list: ["ok", "differs"] },
};

const ROWS: Readonly<Record<string, Row>> = {
  "a disk that QEMU lacks": {
    code: "not-in-qemu",
    spec: { qemu: { drivers: without(drivers, DISK), block: [] } },
    list: ["not-in-qemu", "ok"],
    mend: ["stage-state", "blockdev-del", "await-release", "commit-state"],
  },
  "a NIC that QEMU lacks": {
    code: "not-in-qemu",
    spec: {
      qemu: { drivers: without(drivers, NIC), netdevs: without(netdevs, NIC) },
    },
    list: ["ok", "not-in-qemu"],
    mend: ["stage-state", "nic-files", "commit-state"],
  },
  "a disk without a device id": {
    code: "no-device-id",
    spec: {
      disks: [disk(0, 12, { hvinfo: {} })],
      qemu: { drivers: without(drivers, DISK) },
    },
    list: ["not-in-qemu", "ok"],
  },
  "a disk of another driver": {
    code: "driver",
    spec: plugged(DISK, "virtio-scsi-pci"),
    ...DIFFERS.disk,
  },
  "a NIC of another driver": {
    code: "driver",
    spec: plugged(NIC, "e1000"),
    ...DIFFERS.nic,
  },
  "a disk in another slot": {
    code: "place",
    spec: moved(DISK),
    ...DIFFERS.disk,
  },
  "a NIC in another slot": { code: "place", spec: moved(NIC), ...DIFFERS.nic },
  "a SCSI disk on another target": {
    code: "place",
    spec: scsiAt(3),
    ...DIFFERS.disk,
  },
  "a NIC of another MAC": {
    code: "mac",
    spec: { macs: new Map([[NIC, "aa:00:00:ff:ff:ff"]]) },
    ...DIFFERS.nic,
  },
  "a NIC plugged without what is recorded": {
    code: "property",
    spec: recordedWith({ host_mtu: 1400 }, "0"),
    list: ["ok", "differs"],
    mend: ["stage-state", "commit-state"],
  },
  "a NIC with a property that no file can have": {
    code: "property",
    spec: recordedWith({ host_mtu: 1400 }, "a,b"),
    ...DIFFERS.nic,
  },
  "a NIC with a value that Ganeti's start cannot have": {
    code: "hvinfo",
    spec: recordedWith({ host_mtu: true }, "0"),
    ...DIFFERS.nic,
  },
  "a disk without a block node": {
    code: "no-block-node",
    spec: { qemu: { block: [] } },
    ...DIFFERS.disk,
  },
  "a CD drive without its recorded medium": {
    code: "medium",
    spec: emptied(),
    list: ["ok", "differs", "ok"],
    mend: ["stage-state", "commit-state"],
  },
  "a NIC without a backend": {
    code: "no-netdev",
    spec: { qemu: { netdevs: new Map() } },
    ...DIFFERS.nic,
  },
  "a NIC file that names another tap": {
    code: "nic-file",
    spec: { nicFiles: { 0: "tap9" } },
    ...DIFFERS.nic,
    mend: ["nic-files"],
  },
  "no NIC files at all": {
    code: "nic-files",
    spec: { nicFiles: undefined },
    mend: ["nic-files"],
  },
  "a NIC file of no NIC": {
    code: "stray-nic-file",
    spec: { nicFiles: { 0: "tap0", 7: "tap7" } },
    mend: ["nic-files"],
  },
  "a NIC file that names somebody's interface": {
    code: "stray-nic-file",
    spec: { nicFiles: { 0: "tap0", 7: "lo" }, taps: new Set(["tap0", "lo"]) },
  },
  "a node that no device uses": {
    code: "orphan-node",
    spec: { qemu: { nodeNames: new Set([...nodeNames, idOf("disk", 5)]) } },
    mend: ["blockdev-del"],
  },
  "a backend that no NIC uses": {
    code: "orphan-netdev",
    spec: {
      qemu: {
        netdevs: new Map([...netdevs, [idOf("nic", 5), {
          tap: "tap5",
          queues: 1,
        }]]),
      },
    },
    mend: ["netdev_del", "await-tap-gone"],
  },
  "an fd set that nobody needs": {
    code: "fd-set",
    spec: {
      qemu: { fdsets: [{ id: 3, opaques: ["kvm-hotplug x"], fds: 1 }] },
    },
    mend: ["remove-fd"],
  },
  "a tap that was passed and not used": {
    code: "fd-names",
    spec: { heldTaps: new Set(["tap0", "tap5"]) },
    mend: ["drop-fd-names"],
  },
  "a file that an operation left": {
    code: "leftover",
    spec: { leftovers: [`${WHOLE.paths.runtime}abcdefgh.new`] },
    mend: ["remove-leftover"],
  },
  "our record of a disk that is gone": {
    code: "own-record",
    spec: lost(new Set()),
    mend: ["return-owner", "own-record"],
  },
  "a tap that another process has open": {
    code: "held-tap",
    spec: {
      own: { ...facts().own, record: HELD },
      held: heldDifferences(HELD),
    },
  },
  "our record of a disk that is still open": {
    code: "way-in-use",
    spec: lost(new Set([NEW_UUID])),
  },
  "another machine type": {
    code: "machine",
    spec: { kvmCmd: ["/usr/bin/kvm", "-machine", "q35"] },
  },
  "a pid file that leads elsewhere": {
    code: "pid-file",
    spec: { process: { filed: undefined } },
  },
  "a uid file that is not true": {
    code: "uid-file",
    spec: {
      ...POOL,
      confinement: CONFINEMENT,
      process: { uidText: "30001" },
    },
  },
  "a disk that is not recorded": {
    code: "not-recorded",
    spec: plugged(idOf("disk", 5), "virtio-blk-pci"),
    list: ["ok", "ok", "not-recorded"],
  },
  "a NIC that is not recorded": {
    code: "not-recorded",
    spec: plugged(idOf("nic", 5), "virtio-net-pci"),
    list: ["ok", "ok", "not-recorded"],
  },
  "another device that is not recorded": {
    code: "not-recorded",
    spec: plugged("rng9", "virtio-rng-pci"),
  },
  "a controller that is not recorded": {
    code: "controller",
    spec: {
      qemu: {
        drivers: new Map([...drivers, ["scsi", "virtio-scsi-pci"]]),
      },
      scsi: [{
        name: "scsi.0",
        controller: "virtio-scsi-pci",
        id: "scsi",
        children: [],
      }],
    },
  },
  "a disk whose data is elsewhere": {
    code: "moved",
    spec: { moved: elsewhere() },
    ...DIFFERS.disk,
  },
  "a disk whose file was cut": {
    code: "source-shrunk",
    spec: { cut: cutShort() },
    ...DIFFERS.disk,
  },
  "a disk that is limited otherwise": {
    code: "limits",
    spec: {
      qemu: {
        block: WHOLE.qemu.block.map((one) => ({
          ...one,
          throttles: { iops: 100 },
        })),
      },
    },
    ...DIFFERS.disk,
  },
  "a NIC that is cut off from its network": {
    code: "network",
    spec: { cuts: new Map([[NIC, ["is on no bridge, not on br0"]]]) },
    ...DIFFERS.nic,
  },
  "a NIC whose tap somebody set": {
    code: "tap-settings",
    spec: {
      own: {
        ...facts().own,
        record: {
          ...EMPTY_RECORD,
          devices: { [uuidOf("nic", 0)]: { kind: "nic", rateIn: 5000 } },
        },
      },
      tunings: new Map([[NIC, { mtu: 1500, in: null, out: null }]]),
    },
    ...DIFFERS.nic,
  },
  "a NIC that its guest was asked to release": {
    code: "release-asked",
    spec: { own: { ...facts().own, record: ASKED } },
    ...DIFFERS.nic,
  },
  "a NIC whose tap was deleted": {
    code: "no-tap",
    spec: {
      qemu: { netdevs: new Map([[NIC, { tap: undefined, queues: 1 }]]) },
      taps: new Set(),
    },
    ...DIFFERS.nic,
  },
  "a link that leads nowhere": {
    code: "link-leads-nowhere",
    spec: { drift: { links: [LINK], open: undefined } },
    ...DIFFERS.disk,
  },
};

const AGAIN = "kvm-hotplug repair vm1";

for (
  const [title, { code, spec, list = ["ok", "ok"], mend }] of Object.entries(
    ROWS,
  )
) {
  Deno.test(`one judgement: ${title}`, async () => {
    const { given, differences, plan } = judged({ ...SPEC, ...spec });
    assertEquals(differences.map((one) => one.code), [code]);
    const [one] = differences;
    assert(one !== undefined);
    const told = remarkOf(one);
    const { message, hint } = told;
    assert(message !== "" && hint && !`${message}${hint}`.includes("\n"));

    const { ok, differences: verified } = verification(differences);
    assertEquals([ok, verified], [false, [told]]);

    const listed = listDevices(given.content.runtime, given, {
      differences,
      paths: given.paths,
      kinds: KINDS,
    });
    assertEquals(listed.map(({ status }) => status), list);
    const reasons = listed.filter(({ status }) => status === "differs")
      .map(({ differences }) => differences.map(({ code }) => code));
    assertEquals(reasons, reasons.map(() => [code]));

    const options = { again: AGAIN, refused: new Map() };
    const remaining = remainingDifferences(differences, options);
    const helps = mend === undefined ? hint : AGAIN;
    assertEquals(remaining, [{ ...told, hint: helps }]);
    const refused = new Map([[one, "the VM migrates"]]);
    const [left] = remainingDifferences(differences, { again: AGAIN, refused });
    assertEquals(left?.hint, mend === undefined ? hint : "the VM migrates");

    const planned = await plan(one);
    assertEquals(planned && stepNames(planned), mend);
    if (planned !== undefined) known(planned, given.paths);
  });
}

Deno.test("one judgement: nothing where all agree", () => {
  const { given, differences } = judged(SPEC);
  assertEquals(verification(differences), { ok: true, differences: [] });
  const listed = listDevices(given.content.runtime, given, {
    differences,
    paths: given.paths,
    kinds: KINDS,
  });
  assertEquals(listed.map(({ status }) => status), ["ok", "ok"]);
});

Deno.test("one judgement: no code of a difference is untried", () => {
  const rooms = /^lib\/(?:compare|disk|nic|plan)\//;
  const codes = libFiles().filter(({ path }) => rooms.test(path))
    .flatMap(({ text }) => [...text.matchAll(/\bcode: "([a-z-]+)"/g)])
    .map(([, code]) => code);
  assert(codes.length > 15, "the pattern finds them");
  const tried = new Set(Object.values(ROWS).map(({ code }) => code));
  assertEquals(codes.filter((code) => !tried.has(code ?? "")), []);
});

Deno.test("one judgement: a removal that waits, and what else differs", () => {
  const pending = { id: DISK, requestedAt: "2026-01-02", title: "disk 0" };
  const devices = { [uuidOf("disk", 0)]: { kind: "disk", pending } } as const;
  const own = { ...facts().own, record: { ...EMPTY_RECORD, devices } };
  const status = (spec: ComparisonSpec) => {
    const { given, differences } = judged({ ...SPEC, own, ...spec });
    const [one] = listDevices(given.content.runtime, given, {
      differences,
      paths: given.paths,
      kinds: KINDS,
    });
    return [one?.status, differences.length];
  };
  assertEquals(status({}), ["pending-removal", 0]);
  assertEquals(status(moved(DISK)), ["pending-removal", 1]);
  const gone = { qemu: { drivers: without(drivers, DISK) } };
  assertEquals(status(gone), ["not-in-qemu", 1]);
  const [released] = judged({ ...SPEC, own, ...gone }).differences;
  assertEquals(
    [released?.message, released?.hint, released?.mend?.did],
    [
      `the guest has released disk 0 (${DISK})`,
      "to finish the removal, run: kvm-hotplug repair vm1",
      "its removal is finished",
    ],
  );
});

Deno.test("one judgement: presence says of devices what the whole says", () => {
  for (const [title, { spec }] of Object.entries(ROWS)) {
    const { given, differences } = judged({ ...SPEC, ...spec });
    const name = ({ code, device }: typeof differences[number]) => [
      code,
      device,
    ];
    const there = comparePresence(
      given.content.runtime,
      given.qemu,
      given.paths,
    );
    const absent = differences.filter(({ code }) => code === "not-in-qemu");
    assertEquals(there.map(name), absent.map(name), title);
  }
});
