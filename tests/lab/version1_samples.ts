/**
 * The samples of tests/testdata/version1, and the changes they were made of.
 *
 * @module
 */

import {
  DISK,
  diskEntry,
  NAME,
  NEW,
  NIC,
  runtimeText,
} from "./runtime_text.ts";
import type { QemuState } from "./version1_model.ts";
import type { VmState } from "./version1_vm.ts";

/** What was there once the tool had been killed. */
export interface Kill {
  /** How many lines of the journal had been begun, and how far the last. */
  readonly at: string;
  readonly state: VmState;
}

/** A change by release 0.1, whole and killed at every line of its journal. */
export interface Sample {
  readonly command: readonly string[];
  readonly before: VmState;
  /** What a run that nobody killed left. */
  readonly done: VmState;
  readonly kills: readonly Kill[];
}

/** Of a state, what differs from the one before; null: it is gone. */
type Difference = {
  readonly [part in keyof VmState]?: Readonly<Record<string, unknown>>;
};

/** How a sample lies in its file; the first lines of journals stand apart. */
interface Stored {
  readonly command: readonly string[];
  readonly before: VmState;
  readonly done: Difference;
  readonly headers: readonly string[];
  readonly kills: readonly {
    readonly at: string;
    /** Undefined: there is none. An empty one has no header. */
    readonly journal?: {
      readonly header?: number;
      readonly lines: readonly string[];
    };
    readonly state: Difference;
  }[];
}

const FOLDER = new URL("../testdata/version1/", import.meta.url);
const JOURNAL = `kvm-hotplug/${NAME}.journal`;
const PARTS = ["files", "images", "qemu", "taps"] as const;

function differenceOf(before: VmState, after: VmState): Difference {
  return Object.fromEntries(PARTS.flatMap((part) => {
    const [was, is] = [before[part], after[part]] as Record<string, unknown>[];
    const keys = new Set([...Object.keys(was ?? {}), ...Object.keys(is ?? {})]);
    const changed = [...keys].filter((key) =>
      JSON.stringify(was?.[key]) !== JSON.stringify(is?.[key])
    );
    if (changed.length === 0) return [];
    const gone = (key: string) => is !== undefined && !(key in is);
    return [[
      part,
      Object.fromEntries(
        changed.map((key) => [key, gone(key) ? "@gone@" : is?.[key]]),
      ),
    ]];
  }));
}

function applied(before: VmState, difference: Difference): VmState {
  return Object.fromEntries(PARTS.map((part) => {
    const all = { ...before[part], ...difference[part] };
    const there = Object.entries(all).filter(([, value]) => value !== "@gone@");
    return [part, Object.fromEntries(there)];
  })) as unknown as VmState;
}

/** Writes a sample. */
export function store(name: string, sample: Sample): void {
  const headers: string[] = [];
  const kills = sample.kills.map(({ at, state }) => {
    const { [JOURNAL]: text, ...files } = state.files;
    const rest = differenceOf(sample.before, { ...state, files });
    if (text === undefined) return { at, state: rest };
    const [header = "", ...lines] = text.split("\n");
    if (header === "") return { at, journal: { lines: [] }, state: rest };
    if (!headers.includes(header)) headers.push(header);
    const journal = { header: headers.indexOf(header), lines };
    return { at, journal, state: rest };
  });
  const stored: Stored = {
    command: sample.command,
    before: sample.before,
    done: differenceOf(sample.before, sample.done),
    headers,
    kills,
  };
  const text = JSON.stringify(stored, null, 1);
  Deno.writeTextFileSync(new URL(`${name}.json`, FOLDER), `${text}\n`);
}

/** Reads a sample. */
export function load(name: string): Sample {
  const text = Deno.readTextFileSync(new URL(`${name}.json`, FOLDER));
  const { command, before, done, headers, kills }: Stored = JSON.parse(text);
  return {
    command,
    before,
    done: applied(before, done),
    kills: kills.map(({ at, journal, state }) => {
      const whole = applied(before, state);
      if (journal === undefined) return { at, state: whole };
      const { header, lines } = journal;
      const first = header === undefined ? "" : headers[header] ?? "";
      const all = [first, ...lines].join("\n");
      return {
        at,
        state: { ...whole, files: { ...whole.files, [JOURNAL]: all } },
      };
    }),
  };
}

/** Names of all samples. */
export function names(): string[] {
  return [...Deno.readDirSync(FOLDER)].map(({ name }) => name)
    .filter((name) => name.endsWith(".json"))
    .map((name) => name.slice(0, -".json".length)).sort();
}

/** A change that is killed. */
export interface Change {
  readonly command: readonly string[];
  readonly before: VmState;
  /** Commands of release 0.1 that come before. */
  readonly first?: readonly (readonly string[])[];
  /** What is different once they are done. */
  readonly then?: (state: VmState) => VmState;
  /** A command that QEMU refuses. */
  readonly refused?: string;
}

const RUN = "/run/ganeti";
const RUNTIME = `kvm-hypervisor/conf/${NAME}.runtime`;
const MIB = 1 << 20;
const DRIVE = "c0000000-1111-4111-8111-000000000000";
const DRIVE_ID = "disk-c0000000-1111-4111";
const CONTROLLER = "virtio-scsi-pci,id=scsi,bus=pci.0,addr=0xb";

function node(name: string, file: string): QemuState["nodes"][number] {
  const path = `${RUN}/${file}`;
  return { name, filename: path, path, readOnly: false, sizeBytes: MIB };
}

/** One disk and one NIC on a bridge, as a VM was started with them. */
function started(): VmState {
  const link = `${RUN}/started.img`;
  const disk = diskEntry(DISK.uuid, DISK.id, { link, size: 1 });
  return {
    files: {
      [RUNTIME]: runtimeText({ disks: [disk] }),
      [`kvm-hypervisor/nic/${NAME}/0`]: "tap0",
    },
    images: { "started.img": MIB, "new.img": MIB },
    qemu: {
      devices: [
        { ...DISK, driver: "virtio-blk-pci", slot: 12, drive: DISK.id },
        { ...NIC, driver: "virtio-net-pci", slot: 13, netdev: NIC.id },
      ].map(({ uuid: _, ...one }) => one),
      nodes: [node(DISK.id, "started.img")],
      netdevs: [{ id: NIC.id, taps: ["tap0"] }],
      fdsets: [],
      fdNames: {},
      limits: {},
      openTrays: [],
    },
    taps: { tap0: "br0" },
  };
}

/** The same with a CD drive that has a medium. */
function withDrive(): VmState {
  const state = started();
  const link = `${RUN}/one.iso`;
  const hvinfo = {
    ...{ driver: "scsi-cd", id: DRIVE_ID, bus: "scsi.0" },
    ...{ channel: 0, "scsi-id": 2, lun: 0 },
  };
  const disks = [
    diskEntry(DISK.uuid, DISK.id, { link: `${RUN}/started.img`, size: 1 }),
    diskEntry(DRIVE, DRIVE_ID, { link, size: 1, hvinfo }),
  ];
  const text = runtimeText({ disks })
    .replace('"-m"', `"-device","${CONTROLLER}","-m"`);
  const { devices, nodes } = state.qemu;
  return {
    ...state,
    files: { ...state.files, [RUNTIME]: text },
    images: { ...state.images, "one.iso": MIB, "two.iso": 2 * MIB },
    qemu: {
      ...state.qemu,
      devices: [
        { id: "scsi", driver: "virtio-scsi-pci", slot: 11 },
        ...devices,
        { id: DRIVE_ID, driver: "scsi-cd", slot: 2, drive: DRIVE_ID },
      ],
      nodes: [...nodes, node(DRIVE_ID, "one.iso")],
    },
  };
}

/** The state in which nobody has recorded what QEMU has. */
function unrecorded(state: VmState): VmState {
  const text = runtimeText({ disks: [], nics: [] });
  const { [`kvm-hypervisor/nic/${NAME}/0`]: _, ...files } = state.files;
  return { ...state, files: { ...files, [RUNTIME]: text } };
}

/** What a run of old left: a block node, an fd name, files. */
function untidy(state: VmState): VmState {
  const { qemu, files, taps, images } = state;
  return {
    images,
    files: {
      ...files,
      [`kvm-hypervisor/conf/${NAME}.runtimeaaaaaaaa.new`]: "[]\n",
      [`kvm-hypervisor/nic/${NAME}/7`]: "tap7",
    },
    qemu: {
      ...qemu,
      nodes: [...qemu.nodes, node("disk-b1111111-2222-4333", "new.img")],
      fdNames: { "kvm-hotplug-0": "tap9" },
    },
    taps: { ...taps, tap9: null },
  };
}

const disk = ["disk", "add", NAME, `${RUN}/new.img`, "--uuid", NEW];
const nic = [
  ...["nic", "add", NAME, "--uuid", NEW, "--mac", "aa:00:00:00:00:01"],
  ...["--link", "br0", "--tap", "tap1"],
];

/** By the name of the sample. */
export const CHANGES: Readonly<Record<string, Change>> = {
  "disk-add": { command: disk, before: started() },
  "disk-add-refused": {
    command: disk,
    before: started(),
    refused: "device_add",
  },
  "disk-add-limited": {
    command: [...disk, "--iops", "100"],
    before: started(),
  },
  "disk-remove": {
    command: ["disk", "remove", NAME, NEW],
    before: started(),
    first: [disk],
  },
  "disk-resize": {
    command: ["disk", "resize", NAME, NEW],
    before: started(),
    first: [disk],
    then: (state) => ({
      ...state,
      images: { ...state.images, "new.img": 2 * MIB },
    }),
  },
  "disk-set-limits": {
    command: ["disk", "set", NAME, NEW, "--bps", "1M"],
    before: started(),
    first: [[...disk, "--iops", "100"]],
  },
  "disk-set-medium": {
    command: ["disk", "set", NAME, DRIVE, "--medium", `${RUN}/two.iso`],
    before: withDrive(),
  },
  "disk-set-medium-none": {
    command: ["disk", "set", NAME, DRIVE, "--medium", "none"],
    before: withDrive(),
  },
  "nic-add": { command: nic, before: started() },
  "nic-add-refused": { command: nic, before: started(), refused: "device_add" },
  "nic-remove": {
    command: ["nic", "remove", NAME, NEW],
    before: started(),
    first: [nic],
  },
  "nic-modify": {
    command: ["nic", "modify", NAME, NEW, "--link", "br1"],
    before: started(),
    first: [nic],
  },
  "nic-modify-replug": {
    command: ["nic", "modify", NAME, NEW, "--mac", "aa:00:00:00:00:02"],
    before: started(),
    first: [nic],
  },
  "adopt": { command: ["adopt", NAME], before: unrecorded(started()) },
  "repair": { command: ["repair", NAME], before: untidy(started()) },
};
