/** What is asked of QEMU before a change, of one that answers by script. */
import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { rootBus } from "../../lib/device/pci_bus.ts";
import { askBridges } from "../../lib/plan/ask_qemu.ts";
import { readEmptyDriveFacts } from "../../lib/disk/empty_drive.ts";
import { imageFormat, readLiveDisks } from "../../lib/disk/live.ts";
import {
  driverFault,
  modelFault,
  readScsi,
  readScsiBuses,
} from "../../lib/disk/scsi.ts";
import { identityOf } from "../../lib/host/identity.ts";
import { passThroughFault } from "../../lib/host/scsi_device.ts";
import { uriSource } from "../../lib/host/source.ts";
import { QmpClosedError } from "../../lib/qmp/errors.ts";
import type { BlockBackend } from "../../lib/qmp/commands.ts";
import { openFile, statPath } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import {
  assertFailed,
  Instance,
  NAME,
  runtimeText,
} from "../lab/scripted_instance.ts";
import { Peer } from "../lab/session_peer.ts";
import { diskAdd, facts, pciDevice } from "../support/facts.ts";
import { TempDir } from "../sys/support.ts";

type Call = Peer["calls"][number];
type Rule = (call: Call) => { readonly value: unknown } | undefined;

const NO = { class: "GenericError", desc: "no" };

/** Meets each such command by a rule; without an answer it is refused. */
function meet(peer: Pick<Peer, "once">, command: string, rule: Rule): void {
  peer.once(command, (call) => {
    meet(peer, command, rule);
    const met = rule(call);
    return met === undefined ? { refuse: NO } : { ...met, carryOut: "no" };
  });
}

const SCSI = "/machine/peripheral/scsi/virtio-backend";
const EMPTY = "/machine/peripheral/empty";
const ANON = "/machine/peripheral-anon/device[0]";

/** QOM: the members of each object, and the values of properties. */
const QOM: Readonly<Record<string, Record<string, string>>> = {
  "/machine/peripheral": {
    type: "string",
    disk0: "child<virtio-blk-pci>",
    scsi: "child<virtio-scsi-pci>",
    empty: "child<megasas-gen2>",
    busless: "child<pvscsi>",
    almost: "child<virtio-scsi-pci-x>",
    link: "link<lsi53c895a>",
  },
  "/machine/peripheral-anon": { "device[0]": "child<lsi53c895a>" },
  [SCSI]: { iothread: "link<iothread>", "scsi.0": "child<SCSI>" },
  [`${SCSI}/scsi.0`]: {
    "child[0]": "link<scsi-hd>",
    "child[11]": "link<scsi-cd>",
    "child[x]": "link<scsi-hd>",
    realized: "bool",
  },
  [EMPTY]: { "sas.0": "child<SCSI>" },
  [`${EMPTY}/sas.0`]: {},
  "/machine/peripheral/busless": { other: "child<PCI>" },
  [ANON]: { "scsi.1": "child<SCSI>" },
  [`${ANON}/scsi.1`]: { "child[0]": "link<scsi-hd>" },
};
const PROPERTIES: Readonly<Record<string, unknown>> = {
  [`${SCSI}/scsi.0 child[0]`]: "/machine/peripheral/s0",
  [`${SCSI}/scsi.0/child[0] scsi-id`]: 3,
  [`${SCSI}/scsi.0 child[11]`]: "/machine/unattached/device[7]",
  [`${SCSI}/scsi.0/child[11] scsi-id`]: 0,
  [`${ANON}/scsi.1 child[0]`]: "/machine/peripheral/s1",
  [`${ANON}/scsi.1/child[0] scsi-id`]: 1,
};

/** A QEMU with these objects and these device models. */
function scsiPeer(qom: typeof QOM, ...models: readonly string[]): Peer {
  const peer = new Peer();
  meet(peer, "qom-list", ({ args }) => {
    const members = qom[String(args.path)];
    const value = members && Object.entries(members)
      .map(([name, type]) => ({ name, type }));
    return value && { value };
  });
  meet(peer, "qom-get", ({ args }) => {
    const value = PROPERTIES[`${args.path} ${args.property}`];
    return value === undefined ? undefined : { value };
  });
  meet(
    peer,
    "device-list-properties",
    ({ args }) =>
      models.includes(String(args.typename)) ? { value: [] } : undefined,
  );
  return peer;
}

const BUSES = [
  {
    ...{ name: "scsi.0", controller: "virtio-scsi-pci", id: "scsi" },
    children: [
      { scsiId: 3, name: "s0" },
      { scsiId: 0, name: "/machine/unattached/device[7]" },
    ],
  },
  { name: "sas.0", controller: "megasas-gen2", id: "empty", children: [] },
  {
    ...{ name: "scsi.1", controller: "lsi53c895a", id: undefined },
    children: [{ scsiId: 1, name: "s1" }],
  },
];

Deno.test("readScsiBuses() finds each bus and who sits on it", async () => {
  await using peer = scsiPeer(QOM);
  using qmp = await peer.open();
  assertEquals(await readScsiBuses(qmp), BUSES);
  assertEquals(await readScsi(qmp, facts(), {}), { scsi: BUSES });
});

Deno.test("readScsi() tells whether a controller could come", async () => {
  const none = { "/machine/peripheral": {}, "/machine/peripheral-anon": {} };
  await using peer = scsiPeer(none, "lsi53c895a", "megasas");
  using qmp = await peer.open();
  const look = async (
    controller: string | undefined,
    hvparams: Parameters<typeof facts>[0],
  ) => await readScsi(qmp, facts(hvparams), { controller });
  assertEquals(await look(undefined, {}), { scsi: [] });
  const hvparams = { scsi_controller_type: "pvscsi" };
  const { controllerFault = "" } = await look(undefined, { hvparams });
  assertStringIncludes(controllerFault, "no device model pvscsi");
  assertEquals(await look("megasas", { hvparams }), { scsi: [] });
  assertMatch((await look("dc390", {})).controllerFault ?? "", /dc390/);
  const { source: _, ...add } = diskAdd();
  const drive = { ...add, kind: "disk-add-empty" } as const;
  const fitting = { ...drive, controller: "megasas" } as const;
  for (const request of [drive, fitting]) {
    const given = facts({ hvparams });
    const found = await readEmptyDriveFacts(given, { request, qmp });
    assertEquals(found.controllerFault === undefined, request === fitting);
    assertMatch(found.driverFault ?? "", /no device model scsi-cd/);
  }

  // One that is there will do, whatever could come.
  await using other = scsiPeer({
    ...{ ...none, "/machine/peripheral": { empty: "child<pvscsi>" } },
    ...{ [EMPTY]: { "sas.0": "child<SCSI>" }, [`${EMPTY}/sas.0`]: {} },
  });
  using its = await other.open();
  const found = await readScsi(its, facts(), {});
  assertEquals([found.scsi.length, found.controllerFault], [1, undefined]);
});

Deno.test("driverFault() says why a driver cannot serve a source", async () => {
  await using peer = scsiPeer({}, "scsi-hd", "scsi-block");
  using qmp = await peer.open();
  using pinned = openFile("/dev/null", O.PATH);
  const source = { ...uriSource("/dev/null"), kind: "block" } as const;
  const block = { source, pinned, qmp };
  assertEquals(await driverFault("scsi-hd", block), undefined);
  assertEquals(
    await driverFault("scsi-cd", block),
    "This QEMU has no device model scsi-cd",
  );
  const file = { ...source, kind: "file" } as const;
  for (
    const one of [{ ...block, source: file }, { ...block, pinned: undefined }]
  ) {
    assertMatch(
      await driverFault("scsi-block", one) ?? "",
      /^Cannot use \/dev\/null as scsi-block: it must be a SCSI block device/,
    );
  }
  assertEquals(
    await driverFault("scsi-block", block),
    "Cannot use /dev/null as scsi-block: it does not accept SCSI commands (ENOTTY)",
  );
  const generic = await passThroughFault(pinned, "scsi-generic");
  assertEquals(generic, "it does not accept SCSI commands (ENOTTY)");
});

Deno.test("modelFault() takes no answer for no", async () => {
  await using peer = new Peer();
  peer.once("device-list-properties", { close: "before-reply" });
  using qmp = await peer.open();
  await assertRejects(() => modelFault(qmp, "scsi-hd"), QmpClosedError);
});

Deno.test("askBridges() asks each bridge for the bus behind it", async () => {
  const at = (id: string) => `/machine/peripheral/${id}`;
  const members: Readonly<Record<string, Record<string, string>>> = {
    // The slot is not 0, and query-pci does not show it yet.
    [`${at("br")}/br`]: { type: "string", "child[3]": "link<virtio-blk-pci>" },
    [`${at("rp")}/rp`]: { type: "string", "child-bus": "link<x>" },
  };
  const properties: Readonly<Record<string, unknown>> = {
    [`${at("br")} shpc`]: true,
    [`${at("br")}/br hotplug-handler`]: "/machine/pm",
    [`${at("br")}/br acpi-pcihp-bsel`]: 3,
    [`${at("rp")} hotplug`]: true,
    [`${at("rp")}/rp hotplug-handler`]: at("rp"),
    [`${at("rp")} port`]: 19,
    [`${at("off")} hotplug`]: false,
    [`${at("off")}/off hotplug-handler`]: "/machine/pm",
    [`${at("off")}/off acpi-pcihp-bsel`]: "no number",
  };
  await using peer = new Peer();
  meet(peer, "qom-list", ({ args }) => {
    const found = members[String(args.path)];
    return found && {
      value: Object.entries(found).map(([name, type]) => ({ name, type })),
    };
  });
  meet(peer, "qom-get", ({ args }) => {
    const value = properties[`${args.path} ${args.property}`];
    return value === undefined ? undefined : { value };
  });
  using qmp = await peer.open();
  const bridge = (slot: number, id: string, more = {}) =>
    pciDevice(slot, { id, secondary: 0, ...more });
  const buses = await askBridges(qmp, [
    bridge(4, "br", { vendor: 0x1b36, device: 1 }),
    bridge(5, "rp"),
    bridge(6, "off"),
    bridge(7, "silent"),
  ], { root: rootBus("pc-q35-7.2"), acpi: "on" });
  assertEquals(
    buses.map(({ name, kind, hotplug, unplug, devices, number, above }) =>
      [name, kind, hotplug, unplug, devices, number, above?.slot].join(" ")
    ),
    [
      "br bridge on on hidden  4",
      "rp port on on none 19 5",
      "off port off off none 6 6",
      "silent bridge off off none  7",
    ],
  );
});

const CARD = [{ name: "mac" }, { name: "netdev" }, { name: "addr" }];

Deno.test("nic add takes a driver for a card if it has all that a card has", async () => {
  await using vm = new Instance({ hvparams: { nic_type: "rtl8139" } });
  const asked: unknown[] = [];
  let properties: unknown = CARD;
  meet(vm.peer, "device-list-properties", ({ args }) => {
    asked.push(args.typename);
    return properties === undefined ? undefined : { value: properties };
  });
  const add = async (...words: string[]) => {
    asked.length = 0;
    const plain = ["nic", "add", NAME, "--mode", "none", "--dry-run"];
    const ran = await vm.cli(...plain, ...words);
    if (ran.status !== 0) return assertFailed(ran, 3, "unsupported").message;
    return (ran.json.device as { driver: string }).driver;
  };
  assertEquals([await add("--driver", "e1000"), asked], [
    "e1000",
    ["e1000", "rtl8139"],
  ]);
  const no = /NIC of type "e1000": this QEMU has no such PCI network card/;
  const less = CARD.map((_, at) => CARD.toSpliced(at, 1));
  for (const value of [...less, [], {}, ["mac", "netdev", "addr"], undefined]) {
    properties = value;
    assertMatch(await add("--driver", "e1000"), no, JSON.stringify(value));
  }
  properties = CARD;
  assertEquals([await add(), asked], ["rtl8139", ["rtl8139"]]);
  Deno.writeTextFileSync(vm.runtimePath, runtimeText());
  assertEquals([await add(), asked], ["virtio-net-pci", []]);
  assertEquals(await add("--driver", "paravirtual"), "virtio-net-pci");
  assertEquals(asked, []);
});

/** A disk of QEMU's on a file, by its path or an fd set. */
interface LiveFile {
  readonly file: string;
  /** The fd sets that QEMU has. @default none */
  readonly sets?: readonly unknown[];
  /** Of the lower of its two nodes. @default "file" */
  readonly driver?: string;
  /** Neither a device nor a job has it. */
  readonly use?: "idle";
}

/** What is told of the disks of a process that has these files open. */
async function liveSources(
  files: readonly LiveFile[],
  opened: readonly string[],
  lock?: "held",
) {
  await using peer = new Peer();
  meet(peer, "query-named-block-nodes", () => ({
    value: files.flatMap(({ file, driver = "file" }, at) => [
      { "node-name": `d${at}`, drv: "raw", file },
      {
        ...{ "node-name": `#f${at}`, drv: driver, file },
        image: { "virtual-size": 1024 },
      },
    ]),
  }));
  const sets = files.flatMap(({ sets = [] }) => sets);
  meet(peer, "query-fdsets", () => ({ value: sets }));
  peer.model.commands.add("x-debug-query-block-graph");
  meet(peer, "x-debug-query-block-graph", () => ({
    value: {
      nodes: files.flatMap(({ use }, at) => [
        ...use ? [] : [{ id: 3 * at, type: "block-backend", name: `b${at}` }],
        { id: 3 * at + 1, type: "block-driver", name: `d${at}` },
        { id: 3 * at + 2, type: "block-driver", name: `#f${at}` },
      ]),
      edges: files.flatMap((_, at) => [
        { parent: 3 * at, child: 3 * at + 1, name: "root" },
        { parent: 3 * at + 1, child: 3 * at + 2, name: "file" },
      ]),
    },
  }));
  using qmp = await peer.open();
  const { commands } = peer.model;
  const block = files.map(({ file }, at): BlockBackend => ({
    ...{ qdev: `/machine/peripheral/v${at}/virtio-backend`, device: "" },
    ...{ nodeName: `d${at}`, sizeBytes: 1024, file },
    cache: { direct: at === 0, writeback: true },
    readOnly: at === 1,
  }));
  const images = opened.map((path, at) => ({
    ...{ identity: identityOf(statPath(path)), kind: "file" as const, path },
    // Of one size: nothing but its path tells which one it is.
    ...{ sizeBytes: 1024, fds: [at], lock },
  }));
  const process = { pid: Deno.pid, argv: [] };
  const [one] = block;
  // What no device has, and a drive without a medium, are no disks.
  const none = one && [{ ...one, qdev: "" }, { ...one, nodeName: "" }];
  const qemu = { ...facts().qemu, commands, block: [...none ?? [], ...block] };
  return await readLiveDisks(qmp, qemu, { process, images });
}

Deno.test("readLiveDisks() believes no path that was changed since the start", async () => {
  using dir = new TempDir();
  const young = ["a", "b"].map((name) => dir.file(name, "x".repeat(1024)));
  // Nobody changed this folder since these tests were begun.
  const old = ["sh", "env"].map((name) =>
    Deno.realPathSync(`/usr/bin/${name}`)
  );
  const sources = async (paths: readonly string[], opened = paths) =>
    (await liveSources(paths.map((file) => ({ file })), opened))
      .map(({ source }) => "why" in source ? source.why : source.path);
  assertEquals(await sources(old), old);
  for (const why of await sources(young)) {
    assertMatch(why, /the path was changed after the VM was started/);
  }
  // Young links lead to what is old.
  const links = old.map((path, at) => {
    Deno.symlinkSync(path, dir.at(`${at}`));
    return dir.at(`${at}`);
  });
  for (const why of await sources(links, old)) assertMatch(why, /was changed/);
  // One alone is proven by its size.
  const [first = "", second = ""] = young;
  assertEquals(await sources([first]), [first]);
  // And by its lock, if the others of its size lock nothing.
  const whys = async (use?: "idle") => {
    const files = [{ file: first }, { file: second, ...(use && { use }) }];
    const live = await liveSources(files, young, "held");
    return live.map(({ source }) => "why" in source);
  };
  assertEquals(await whys(), [true, true]);
  assertEquals((await whys("idle"))[0], false);
});

Deno.test("imageFormat() is that of what the guest does not read raw", () => {
  const formats = ([
    [["raw", "file"], undefined],
    [["throttle", "copy-on-read", "copy-before-write", "raw", "x"], undefined],
    [["throttle", "qcow2", "file"], "qcow2"],
    [["qcow2", "file"], "qcow2"],
    [["file"], undefined],
  ] as const).map(([drivers, format]) => [imageFormat({ drivers }), format]);
  for (const [found, format] of formats) assertEquals(found, format);
});

Deno.test("readLiveDisks() tells how QEMU has each disk", async () => {
  const old = ["sh", "env"].map((name) =>
    Deno.realPathSync(`/usr/bin/${name}`)
  );
  const [sh = "", env = ""] = old;
  const live = await liveSources(
    [{ file: sh }, { file: "/nowhere/x" }],
    [sh, env],
  );
  assertEquals(
    live.map(({ source: _, backend: __, ...rest }) => rest),
    [0, 1].map((at) => ({
      qdev: `/machine/peripheral/v${at}/virtio-backend`,
      id: `v${at}`,
      drivers: ["raw", "file"],
      direct: at === 0,
      readOnly: at === 1,
      nodes: [`d${at}`, `#f${at}`],
    })),
  );
  const [first, second] = live.map(({ source }) => source);
  assertEquals(first, {
    ...{ identity: identityOf(statPath(sh)), kind: "file", path: sh },
    ...{ resolved: sh, sizeBytes: 1024 },
  });
  // What no path leads to is proven by elimination, and found where it lies.
  assertEquals(second && "path" in second && second.path, env);
  // In an fd set the kernel shows what it is.
  using fd = openFile(env, O.RDONLY);
  const sets = [{ "fdset-id": 3, fds: [{ fd: fd.number }] }];
  const passed = await liveSources(
    [{ file: "/dev/fdset/3", sets }, { file: "/dev/fdset/4" }],
    [sh, env],
  );
  assertEquals(
    passed.map(({ source }) => "path" in source ? source.path : source.why),
    [env, sh],
  );
  // As QEMU calls it, if that leads there.
  const [named] = await liveSources([{ file: "/bin/sh" }], [sh]);
  assertEquals(named?.source, { ...first, path: "/bin/sh" });
  const far = { file: "nbd://x", driver: "nbd" };
  const [remote] = await liveSources([far], []);
  assertEquals(remote?.source, {
    why: "it is not a file or block device on this node",
  });
  const [lost] = await liveSources([{ file: sh }], []);
  assertEquals(lost?.source, {
    why: "its path leads to a different file than QEMU has open",
  });
});
