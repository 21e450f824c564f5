/**
 * Ganeti's own code starts the target of a migration from the file: the guest
 * finds there what was plugged here, a SCSI controller included.
 */
import { assertEquals } from "@std/assert";
import { kvmExtra } from "../../lib/plan/kvm_extra.ts";
import type { Ganeti } from "../../tools/guest/ganeti.ts";
import { eachRelease, makeImage } from "../lab/each_release.ts";
import { migrate, temporaryFolder } from "../lab/migrate.ts";
import { type Doc, instanceObject, witness } from "../lab/noded.ts";
import { GANETI_PORTS } from "../lab/pcie.ts";
import { tool } from "../lab/tool.ts";
import { type MachineOptions, Vm } from "../lab/vm.ts";

const { ganeti, leftOut } = await witness();

/** What one of the scripts beside this file answers, in a virtual cluster. */
async function ask(
  { python, modules }: Ganeti,
  root: string,
  [script = "", ...args]: readonly string[],
): Promise<Doc> {
  await Deno.mkdir(`${root}/var/run/ganeti`, { recursive: true });
  const { success, stdout, stderr } = await new Deno.Command(python, {
    args: [new URL(script, import.meta.url).pathname, ...args],
    env: {
      PYTHONPATH: modules,
      PYTHONDONTWRITEBYTECODE: "1",
      GANETI_ROOTDIR: root,
      GANETI_HOSTNAME: root.slice(root.lastIndexOf("/") + 1),
    },
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** What Ganeti would run, in a virtual cluster below a folder. */
async function startedBy(
  ganeti: Ganeti,
  { vm, root, instance, how = "incoming" }: {
    vm: Vm;
    root: string;
    instance: Doc;
    how?: "incoming" | "reboot" | "start";
  },
): Promise<string[]> {
  const words = [vm.runtimePath, JSON.stringify(instance), how];
  return await ask(ganeti, root, ["ganeti_start.py", ...words]);
}

/** The same at places of the test's own, with its monitors. */
function elsewhere(
  argv: readonly string[],
  { vm, root, uri }: { vm: Vm; root: string; uri: string },
): string[] {
  const before = (at: number) => argv[at - 1];
  const monitor = (name: string) =>
    `unix:${root}/kvm-hypervisor/ctrl/${vm.name}.${name},server=on,wait=off`;
  return [
    ...argv
      .map((word, at) => before(at) === "-incoming" ? uri : word)
      .filter((word, at) => word !== "-qmp" && before(at) !== "-qmp")
      .map((word) => word.replaceAll(vm.runDir, root)),
    ...["-qmp", monitor("qmp"), "-qmp", monitor("test")],
  ];
}

const DISKS = [
  ["--driver", "scsi-hd", "--controller", "virtio-scsi-pci"],
  ["--queues", "2", "--iothread", "io7"],
  ["--driver", "scsi-cd"],
];

/** As if the VM had been started with an iothread. */
async function startIothread(vm: Vm) {
  const iothread = { "qom-type": "iothread", id: "io7" };
  await vm.qmp.execute("object-add", iothread);
  const [command, ...rest] = JSON.parse(Deno.readTextFileSync(vm.runtimePath));
  const words = [...command, "-object", "iothread,id=io7"];
  Deno.writeTextFileSync(vm.runtimePath, JSON.stringify([words, ...rest]));
}

/** Queues and iothread of the virtio disk. */
async function propertiesOf(vm: Vm) {
  const [, , , disks] = JSON.parse(Deno.readTextFileSync(vm.runtimePath));
  const path = `/machine/peripheral/${disks[1][0].hvinfo.id}`;
  const get = (property: string) =>
    vm.qmp.execute("qom-get", { path, property });
  return [await get("num-queues"), await get("iothread")];
}

/** What each of them begins with. */
const READ =
  "for d in /dev/sda /dev/vda /dev/sr0; do dd if=$d bs=2048 count=1 iflag=direct 2>/dev/null | head -c 6; done";

async function addDisks(vm: Vm, folder: string) {
  for (const [n, more] of DISKS.entries()) {
    const image = `${folder}/d${n}.img`;
    await makeImage(image, `data-${n}`);
    const ran = await tool(vm, "disk", "add", vm.name, image, ...more);
    assertEquals([ran.status, ran.json.changed], [0, true], ran.stdout);
  }
  await vm.waitGuest(
    "test -b /dev/sda && test -b /dev/vda && test -b /dev/sr0",
  );
}

const MACHINES: readonly [string, Partial<MachineOptions>][] = [
  ["pc", {}],
  ["q35", GANETI_PORTS],
];

for (const [title, machine] of MACHINES) {
  eachRelease(`Ganeti starts the target of a ${title}`, async (vm) => {
    if (ganeti === undefined) throw new Error("no Ganeti: was not ignored");
    await using folder = await temporaryFolder();
    await using other = await temporaryFolder();
    await startIothread(vm);
    await addDisks(vm, folder.path);
    assertEquals(await propertiesOf(vm), [2, "/objects/io7"]);
    const [command] = JSON.parse(await Deno.readTextFile(vm.runtimePath));
    const release = { name: "", version: "", binary: command[0], dataArgs: [] };
    const place = { vm, root: other.path, uri: `unix:${other.path}/migration` };
    const instance = instanceObject(vm.name, release);
    const argv = await startedBy(ganeti, { ...place, instance });
    await using target = await Vm.target({
      name: vm.name,
      runDir: other.path,
      argv: elsewhere(argv, place),
    });
    await Deno.copyFile(vm.runtimePath, target.runtimePath);
    await migrate(vm, target, place.uri);
    assertEquals(await propertiesOf(target), [2, "/objects/io7"]);
    assertEquals((await target.guest(READ)).output, "data-0data-1data-2");
    const write = "printf moved | dd of=/dev/sda bs=512 seek=8 conv=fsync";
    assertEquals((await target.guest(write)).status, 0);
    const { json } = await tool(target, "state", "show", vm.name, "--verify");
    assertEquals(json.verify, { ok: true, differences: [] });
  }, { ...machine, leftOut });
}

/** Each option, and what Ganeti's reboot gives QEMU of it. */
const KEPT: readonly (readonly [readonly string[], readonly string[]])[] = [
  [["disk", "--serial", "S1", "--logical-block-size", "4096"], [
    ...["serial=S1", "logical_block_size=4096", "physical_block_size=4096"],
  ]],
  [["disk", "--bootindex", "5", "--queues", "2", "--werror", "stop"], [
    ...["bootindex=5", "num-queues=2", "werror=stop"],
  ]],
  [["disk", "--rerror", "ignore", "--iops", "500", "--limit-group", "g"], [
    "rerror=ignore",
  ]],
  [["disk", "--driver", "scsi-hd", "--wwn", "5000c50015ea71ac"], [
    "wwn=0x5000c50015ea71ac",
  ]],
  [["disk", "--driver", "scsi-hd", "--rotation-rate", "1"], [
    "rotation_rate=1",
  ]],
  [["nic", "--mtu", "1400", "--rate-in", "1M"], ["host_mtu=1400"]],
];

eachRelease(
  "Ganeti's reboot keeps properties, its start does not",
  async (vm) => {
    if (ganeti === undefined) throw new Error("no Ganeti: was not ignored");
    await using folder = await temporaryFolder();
    for (const [n, [[kind = "", ...more]]] of KEPT.entries()) {
      const image = `${folder.path}/d${n}.img`;
      await makeImage(image, `data-${n}`);
      const source = kind === "disk" ? [image] : [];
      const words = [kind, "add", vm.name, ...source, ...more];
      const ran = await tool(vm, ...words);
      assertEquals([ran.status, ran.json.changed], [0, true], ran.stdout);
      // Whoever adds it is told, unless it is no property.
      const codes = ran.json.warnings.map(({ code }: Doc) => code);
      assertEquals(codes.includes("until-stop"), true, codes.join());
    }
    const [command] = JSON.parse(await Deno.readTextFile(vm.runtimePath));
    const release = { name: "", version: "", binary: command[0], dataArgs: [] };
    const sample = instanceObject(vm.name, release);
    const instance = {
      ...sample,
      hvparams: { ...(sample.hvparams as Doc), kernel_path: "" },
    };
    const about = { vm, root: folder.path, instance };
    const of = async (how: "reboot" | "start") => {
      const argv = await startedBy(ganeti, { ...about, how });
      return argv.filter((_, at) => argv[at - 1] === "-device").join("\n")
        .split(/[,\n]/);
    };
    const rebooted = await of("reboot");
    const started = await of("start");
    for (const property of KEPT.flatMap(([, properties]) => properties)) {
      assertEquals(
        [property, rebooted.includes(property), started.includes(property)],
        [property, true, false],
      );
    }
    // Neither has limits: they are no properties of the device.
    for (const words of [rebooted, started]) {
      assertEquals(words.filter((word) => /iops|throttl/.test(word)), []);
    }
  },
  { guest: "none", leftOut },
);

const EXTRA = kvmExtra([
  { option: "smp", value: "maxcpus=4" },
  { option: "m", value: "slots=2" },
  { option: "m", value: "maxmem=1G" },
])?.split(" ");

/** What Ganeti reads of a process that has these words, and ends with us. */
async function readOf(
  ganeti: Ganeti,
  root: string,
  words: readonly string[],
): Promise<Doc> {
  const child = new Deno.Command("sh", {
    args: ["-c", "read line", "kvm", ...words],
    stdin: "piped",
  }).spawn();
  try {
    return await ask(ganeti, root, ["ganeti_pid_info.py", `${child.pid}`]);
  } finally {
    await child.stdin.close();
    await child.status;
  }
}

async function expectTool(vm: Vm, ...words: readonly string[]): Promise<void> {
  const { status, stdout } = await tool(vm, ...words);
  assertEquals(status, 0, stdout);
}

eachRelease("words for kvm_extra mean something to QEMU alone", async (vm) => {
  if (ganeti === undefined) throw new Error("no Ganeti: was not ignored");
  await using folder = await temporaryFolder();
  const places = await vm.qmp.execute("query-hotpluggable-cpus") as Doc[];
  assertEquals(places.length, 4);
  const [before] = JSON.parse(await Deno.readTextFile(vm.runtimePath));
  await expectTool(vm, "vcpu", "set", vm.name, "4");
  await expectTool(vm, "memory", "add", vm.name, "128M");
  await expectTool(vm, "memory", "add", vm.name, "128M");
  const [command] = JSON.parse(await Deno.readTextFile(vm.runtimePath));
  const recorded = command.slice(before.length);
  const check = await tool(vm, "check", vm.name);
  const next: string = check.json.kvm_extra;
  assertEquals(next, "--smp maxcpus=8 --m slots=4");
  const pid = Deno.readTextFileSync(
    `${vm.runDir}/kvm-hypervisor/pid/${vm.name}`,
  );
  const read = await ask(ganeti, folder.path, [
    "ganeti_pid_info.py",
    pid.trim(),
  ]);
  assertEquals(read, [vm.name, 160, 1]);
  const own = ["-name", "vm1", "-m", "160", "-smp", "1"];
  for (const more of [recorded, next.split(" ")]) {
    assertEquals(await readOf(ganeti, folder.path, [...own, ...more]), [
      ...["vm1", 160, 1],
    ]);
  }
  const one = (EXTRA ?? []).map((word) => word.replace(/^--/, "-"));
  assertEquals(await readOf(ganeti, folder.path, [...own, ...EXTRA ?? []]), [
    ...["vm1", 160, 1],
  ]);
  assertEquals(
    await readOf(ganeti, folder.path, [...own, ...one]),
    "ValueError",
  );
}, { guest: "none", extraArgs: EXTRA ?? [], leftOut });
