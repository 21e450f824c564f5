import { assertEquals, assertStringIncludes } from "@std/assert";
import { optionText } from "../../lib/state/option_text.ts";
import { startDisks } from "../../lib/disk/start.ts";
import {
  type CommandFacts,
  readStartCommand,
  startCommand as commandOf,
} from "../../lib/inspect/start_command.ts";
import { startNics } from "../../lib/nic/start.ts";
import { instancePaths } from "../../lib/state/instance.ts";
import type { Plain } from "../../lib/state/json.ts";
import { parseRuntime, type Runtime } from "../../lib/state/runtime.ts";
import {
  disk,
  facts,
  idOf,
  nic,
  type PlainObject,
  refusal,
  runtime,
  sample,
} from "../support/facts.ts";

/** What the command depends on, before the kinds have given their words. */
type StartFacts = Omit<CommandFacts, "kinds"> & {
  readonly romless: ReadonlySet<string>;
};

function startCommand(facts: StartFacts) {
  const kinds = [startDisks(facts), startNics(facts, facts.romless)];
  return commandOf({ ...facts, kinds });
}

function given(file: Runtime, more: Partial<StartFacts> = {}): StartFacts {
  return {
    paths: instancePaths("/run/g", "vm1"),
    runtime: file,
    qemu: undefined,
    romless: new Set(),
    nicFiles: { "0": "tap7" },
    uid: undefined,
    hasRunWith: false,
    incoming: undefined,
    ...more,
  };
}

/** What a start adds to the fixed part, but for the monitor. */
function added(file: Runtime, more: Partial<StartFacts> = {}): string[] {
  const facts = given(file, more);
  const { argv } = startCommand(facts);
  const words = argv.slice(file.kvmCmd.length);
  const monitor = words.indexOf(
    "unix:/run/g/kvm-hypervisor/ctrl/vm1.qmp,server=on,wait=off",
  );
  assertEquals(words[monitor - 1], "-qmp");
  return words.toSpliced(monitor - 1, 2);
}

const NIC = {
  netdev: `tap,id=${idOf("nic", 0)},ifname=tap7,script=no,downscript=no`,
  device: `virtio-net-pci,id=${idOf("nic", 0)},bus=pci.0,addr=0xd,` +
    `netdev=${idOf("nic", 0)},mac=aa:00:00:00:00:00`,
};

Deno.test("startCommand() puts disks and NICs at their addresses", () => {
  const file = runtime({ disks: [disk(0, 12)], nics: [nic(0, 13)] });
  const id = idOf("disk", 0);
  assertEquals(added(file, { incoming: "tcp:0:4444" }), [
    "-blockdev",
    `driver=raw,node-name=${id},discard=ignore,cache.direct=off,` +
    "cache.no-flush=off,read-only=off,auto-read-only=off,file.driver=file," +
    "file.filename=/srv/d0.img,file.aio=threads,file.cache.direct=off," +
    "file.cache.no-flush=off,file.discard=ignore,file.read-only=off," +
    "file.auto-read-only=off",
    "-device",
    `virtio-blk-pci,id=${id},bus=pci.0,addr=0xc,drive=${id},write-cache=on`,
    "-netdev",
    NIC.netdev,
    "-device",
    NIC.device,
    "-incoming",
    "tcp:0:4444",
  ]);
});

Deno.test("startCommand() gives a NIC what the hvparams say", () => {
  const words = (hvparams: PlainObject, driver = "virtio-net-pci") => {
    const [netdev, , device] = added(
      runtime({
        hvparams,
        nics: [nic(0, 13, {
          hvinfo: { driver, id: idOf("nic", 0), bus: "pci.0", addr: "0xd" },
        })],
      }),
    ).slice(1);
    return [
      netdev?.replace(NIC.netdev, ""),
      device?.replace(/^[^,]*/, "").replace(NIC.device.slice(14), ""),
    ];
  };
  assertEquals(words({}), ["", ""]);
  assertEquals(words({ vhost_net: true }), [",vhost=on", ""]);
  assertEquals(words({ vhost_net: true, virtio_net_queues: 4 }), [
    ",vhost=on,queues=4",
    ",mq=on,vectors=10",
  ]);
  // Several queues only together with vhost: SPEC 6.3.
  assertEquals(words({ virtio_net_queues: 4 }), ["", ""]);
  assertEquals(words({ vnet_hdr: false }), [",vnet_hdr=off", ""]);
  const all = { vhost_net: true, virtio_net_queues: 4, vnet_hdr: false };
  assertEquals(words(all, "e1000"), ["", ""]);
});

Deno.test("startCommand() takes from the live VM what only it knows", () => {
  const spec = { nics: [nic(0, 13)] };
  const { qemu } = facts(spec);
  const id = idOf("nic", 0);
  const live = { ...qemu, netdevs: new Map([[id, { tap: "t9", queues: 2 }]]) };
  const words = added(runtime(spec), { qemu: live, romless: new Set([id]) });
  assertEquals(words[1], NIC.netdev.replace("tap7", "t9") + ",queues=2");
  assertEquals(words[3], `${NIC.device},romfile=,mq=on,vectors=6`);
});

Deno.test("startCommand() says which tap it does not know", () => {
  const file = runtime({ nics: [nic(0, 13)] });
  const { argv, warnings } = startCommand(given(file, { nicFiles: {} }));
  assertStringIncludes(argv.join(" "), "ifname=tap0,");
  assertEquals(warnings.length, 1);
});

Deno.test("startCommand() gives shared storage no cache", () => {
  const file = runtime({
    disks: [disk(0, 12, { dev_type: "sharedfile" })],
    hvparams: { disk_cache: "writethrough", disk_aio: "native" },
  });
  const [, node = "", , device = ""] = added(file);
  assertStringIncludes(node, "file.driver=file,");
  assertStringIncludes(node, "cache.direct=on,");
  assertStringIncludes(device, "write-cache=on");
});

Deno.test("startCommand() refuses settings that do not go together", () => {
  const start = (hvparams: PlainObject, dev_type = "file") => () =>
    startCommand(
      given(runtime({ disks: [disk(0, 12, { dev_type })], hvparams })),
    );
  const native = { disk_aio: "native", disk_cache: "default" };
  const { message } = refusal("refused", start(native));
  assertStringIncludes(message, "aio native needs cache none or directsync");
  start(native, "sharedfile")();
  start({ ...native, disk_cache: "none" })();
  refusal("unsupported", start({ disk_aio: "quick" }));
  const { qemu } = facts();
  const old = { ...qemu, version: { ...qemu.version, major: 4 } };
  const file = runtime({
    disks: [disk(0, 12)],
    hvparams: { disk_aio: "io_uring" },
  });
  refusal("unsupported", () => startCommand(given(file, { qemu: old })));
  startCommand(given(file, { qemu }));
});

Deno.test("startCommand() understands every kind of Ganeti's disks", () => {
  const words = (name: string) => {
    const all = added(parseRuntime(sample(name), "x"));
    return all.slice(all.indexOf("-blockdev"));
  };
  const userspace = words("07");
  assertStringIncludes(
    userspace[1] ?? "",
    "file.driver=rbd,file.pool=rbd,file.image=9b1f.rbd.disk0",
  );
  assertStringIncludes(
    userspace[5] ?? "",
    "file.driver=gluster,file.volume=gv0,file.path=ganeti/9b1f.1," +
      "file.server.0.type=inet,file.server.0.host=127.0.0.1,file.server.0.port=24007",
  );
  const scsi = words("08");
  assertStringIncludes(scsi[1] ?? "", "file.driver=host_device,");
  assertEquals(
    scsi[3],
    "scsi-block,id=disk-c32df160-7a22-4067,bus=scsi.0,channel=0,scsi-id=0," +
      "lun=0,drive=disk-c32df160-7a22-4067",
  );
  assertStringIncludes(scsi.join(" "), "-device e1000,id=nic-3adb4b5e");
});

Deno.test("startCommand() gives interfaces drives, and IDE a device", () => {
  const words = (driver: string, disk_cache: string) => {
    const hvinfo = { driver, id: "disk-x", bus: "pci.0", addr: "0xc" };
    const hvparams = { disk_type: driver, disk_cache };
    return added(runtime({ disks: [disk(0, 12, { hvinfo })], hvparams }));
  };
  assertEquals(words("scsi", "none"), [
    "-drive",
    "file=/srv/d0.img,format=raw,if=scsi,id=disk-x,cache=none,aio=threads," +
    "discard=ignore,auto-read-only=off",
  ]);
  const [option, node = "", ...device] = words("ide", "writethrough");
  assertEquals([option, device], [
    "-blockdev",
    ["-device", "ide-hd,drive=disk-x,write-cache=off"],
  ]);
  assertStringIncludes(node, "node-name=disk-x,");
});

Deno.test("startCommand() boots as the Ganeti does that wrote the file", () => {
  const devices = { disks: [disk(0, 12), disk(1, 14)], nics: [nic(0, 13)] };
  const words = (
    hvparams: PlainObject,
    { kvmCmd = ["kvm", "-name", "vm1"], spec = devices } = {},
  ) => {
    const { argv } = startCommand(
      given({ ...runtime({ ...spec, hvparams }), kvmCmd }),
    );
    return argv.flatMap((word, at) =>
      ["-boot", "-net", "-k"].includes(word)
        ? [`${word} ${argv[at + 1]}`]
        : /^[^,]+,id=(.*?),.*bootindex=1/.exec(word)?.[1] ?? []
    );
  };
  const disks = { kernel_path: "", boot_order: "disk" };
  const net = { kernel_path: "", boot_order: "network" };
  const next = { kvmCmd: ["kvm", "-name", "vm1,debug-threads=on"] };
  assertEquals(words(disks), ["-boot order=c"]);
  assertEquals(words(disks, next), [idOf("disk", 0)]);
  assertEquals(words(net, next), [idOf("nic", 0)]);
  // Up to 3.1 the fixed part has it; so it may in any.
  assertEquals(words(net), []);
  const own = { kvmCmd: ["kvm", "-boot", "order=n"] };
  assertEquals(words(disks, own), ["-boot order=n"]);
  assertEquals(words({ ...disks, kernel_path: "/boot/vmlinuz" }), []);
  assertEquals(words({ ...disks, boot_order: "cdrom" }), []);
  assertEquals(words({ boot_order: "disk" }), [], "of adopt");
  const none = { spec: { disks: [], nics: [] } };
  assertEquals(words({ ...disks, keymap: "de" }, none), ["-k de", "-net none"]);
  assertEquals(words({}, none), [], "of adopt");
});

Deno.test("startCommand() gives every key of hvinfo, each once", () => {
  const place = { bus: "pci.0", addr: "0xc" };
  const hvinfo = (more: PlainObject) => ({
    ...{ driver: "virtio-blk-pci", id: "disk-x", ...place },
    ...more,
  });
  const words = (more: PlainObject) =>
    added(runtime({ disks: [disk(0, 12, { hvinfo: hvinfo(more) })] })).at(-1);
  const more = { serial: "a b", "num-queues": 2, iothread: "io0" };
  assertEquals(
    words({ ...more, drive: "other", "write-cache": "off" }),
    "virtio-blk-pci,id=disk-x,bus=pci.0,addr=0xc,serial=a b,num-queues=2," +
      "iothread=io0,drive=disk-x,write-cache=on",
  );
  for (const bad of [{ serial: "a,b" }, { serial: 'a"' }, { "a,b": 1 }]) {
    const error = refusal("unsupported", () => words(bad));
    assertStringIncludes(error.message, "a comma or a quote");
  }
  for (const bad of [{ x: null }, { mq: true }, { x: [1] }]) {
    const error = refusal("unsupported", () => words(bad));
    assertStringIncludes(error.message, "a text or a number");
  }
  const card = { driver: "virtio-net-pci", id: "n", ...place, host_mtu: 9000 };
  assertStringIncludes(
    added(runtime({ nics: [nic(0, 13, { hvinfo: card })] })).join(" "),
    "addr=0xc,host_mtu=9000,netdev=n,mac=",
  );
});

Deno.test("startCommand() runs QEMU as whom it was meant to run", () => {
  const words = (hvparams: PlainObject, uid?: string, hasRunWith = false) =>
    added(runtime({ hvparams }), { uid, hasRunWith });
  assertEquals(words({}), []);
  assertEquals(words({ security_model: "user", security_domain: "kvm" }), [
    "-runas",
    "kvm",
  ]);
  const pool = { security_model: "pool", use_chroot: true };
  const chroot = ["-chroot", "/run/g/kvm-hypervisor/chroot/vm1"];
  assertEquals(words(pool, "4001"), ["-runas", "4001:4001", ...chroot]);
  assertEquals(words({}, undefined, true), []);
  assertEquals(words(pool, "4001", true), [
    "-run-with",
    "user=4001:4001,chroot=/run/g/kvm-hypervisor/chroot/vm1",
  ]);
  for (
    const confined of [
      ["-run-with", "user=x,chroot=/c"],
      ["-runas", "x", "-chroot", "/c"],
    ]
  ) {
    const argv = ["qemu", ...confined, "-S"];
    const qemu = { ...facts().qemu, process: { pid: 1, argv } };
    assertEquals(added(runtime({ hvparams: pool }), { qemu }), confined);
  }
});

Deno.test("startCommand() has each monitor once", () => {
  const { paths } = given(runtime({}));
  const kvmCmd = ["kvm", "-qmp", `unix:${paths.qmp},server,nowait`];
  const file = { ...runtime({}), kvmCmd };
  assertEquals(startCommand(given(file)).argv, kvmCmd);
  const shutdown = added(runtime({ hvparams: { user_shutdown: true } }));
  assertStringIncludes(shutdown.join(" "), "/ctrl/vm1.kvmd,");
});

Deno.test("startCommand() refuses what no start can have", () => {
  const cases: [string, Plain, Plain | undefined][] = [
    ["mode is ro", [...disk(0, 12, { mode: "ro" })], undefined],
    ["neither a link nor a URI", [disk(0, 12)[0], null, null], undefined],
    ["its place in the VM", [...disk(0, 12, { hvinfo: {} })], undefined],
    ["Storage URI", [disk(0, 12)[0], null, "ftp://x"], undefined],
    ["its place in the VM", null, nic(0, 13, { hvinfo: {} })],
  ];
  for (const [why, bad, card] of cases) {
    const file = runtime({
      ...(bad === null ? {} : { disks: [bad] }),
      ...(card === undefined ? {} : { nics: [card] }),
    });
    const error = refusal("unsupported", () => startCommand(given(file)));
    assertStringIncludes(error.message, why);
  }
});

Deno.test("optionText() is what QEMU's parser takes apart", () => {
  assertEquals(
    optionText({ driver: "x", a: true, b: { c: [1, "d,e"] } }, "driver"),
    "x,a=on,b.c.0=1,b.c.1=d,,e",
  );
});

/** What starts a VM as another user, by what its QEMU says of itself. */
async function confinedBy(said: string, hvparams: PlainObject) {
  const runDir = Deno.makeTempDirSync({ prefix: "kvm-hotplug-start-" });
  try {
    const conf = `${runDir}/kvm-hypervisor/conf`;
    Deno.mkdirSync(conf, { recursive: true });
    const program = `${runDir}/qemu`;
    Deno.writeTextFileSync(program, `#!/bin/sh\n${said}\n`, { mode: 0o755 });
    const file = [[program], [], hvparams, []];
    Deno.writeTextFileSync(`${conf}/vm1.runtime`, JSON.stringify(file));
    const { argv } = await readStartCommand("vm1", {
      ...{ runDir, timeoutMs: 1_000, unplugTimeoutMs: 0, lockTimeoutMs: 0 },
      incoming: undefined,
    });
    return argv.filter((word) => /^-(?:runas|run-with|chroot)$/.test(word))
      .join(" ");
  } finally {
    Deno.removeSync(runDir, { recursive: true });
  }
}

Deno.test("readStartCommand() asks the program whether it has -run-with", async () => {
  const user = { security_model: "user", security_domain: "kvm" };
  const version = (text: string) => `echo "QEMU emulator version ${text}"`;
  const words: [string, PlainObject, string][] = [
    [version("9.1.0"), user, "-run-with"],
    [version("10.0.2 (Debian)"), user, "-run-with"],
    [version("9.0.4"), user, "-runas"],
    [version("7.2.22"), { ...user, use_chroot: true }, "-runas -chroot"],
    [version("9.1.0"), { use_chroot: true }, "-run-with"],
    ["exit 1", user, "-runas"],
    ["echo odd", user, "-runas"],
    [version("9.1.0"), {}, ""],
  ];
  for (const [said, hvparams, expected] of words) {
    assertEquals(await confinedBy(said, hvparams), expected, said);
  }
});
