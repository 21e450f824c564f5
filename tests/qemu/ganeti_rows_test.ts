/**
 * `state command` beside Ganeti's own start of the same instance, word for
 * word, for a table of hvparams. docs/ganeti.md has what differs, and why.
 */
import { assertEquals } from "@std/assert";
import { readStartCommand } from "../../lib/inspect/start_command.ts";
import type { Ganeti } from "../../tools/guest/ganeti.ts";
import type { QemuRelease } from "../../tools/guest/types.ts";
import { temporaryFolder } from "../lab/migrate.ts";
import { type Doc, fileDisk, instanceObject, witness } from "../lab/noded.ts";
import { testTools } from "../lab/vm.ts";
import { unless } from "../support/left_out.ts";

const { ganeti, leftOut } = await witness();
const tools = await testTools();
const SCRIPT = new URL("ganeti_rows.py", import.meta.url).pathname;

/** Changes of Ganeti's defaults; each row is an instance. */
const HVPARAMS: readonly Doc[] = [
  {},
  { kernel_path: "" },
  { kernel_path: "", boot_order: "network" },
  { kernel_path: "", boot_order: "cdrom", cdrom_image_path: "/srv/cd.iso" },
  { kernel_path: "", boot_order: "floppy", floppy_image_path: "/srv/f.img" },
  { initrd_path: "/boot/initrd" },
  { keymap: "de" },
  { keymap: "fr", vnc_bind_address: "127.0.0.1" },
  { disk_type: "ide" },
  { disk_type: "ide", disk_cache: "none" },
  { disk_type: "ide", cdrom_image_path: "/srv/cd.iso" },
  { disk_type: "scsi-hd" },
  { disk_type: "scsi-hd", scsi_controller_type: "virtio-scsi-pci" },
  { disk_type: "scsi-hd", scsi_controller_type: "megasas" },
  { disk_type: "scsi-cd" },
  { disk_type: "scsi-block" },
  { disk_type: "scsi-generic" },
  { disk_type: "scsi" },
  { disk_type: "sd" },
  { disk_type: "mtd" },
  { disk_type: "pflash" },
  { disk_cache: "none" },
  { disk_cache: "writethrough" },
  { disk_cache: "writeback" },
  { disk_cache: "none", disk_aio: "native" },
  { disk_aio: "io_uring" },
  { disk_discard: "unmap" },
  { disk_discard: "unmap", disk_cache: "none", disk_type: "scsi-hd" },
  { nic_type: "e1000" },
  { nic_type: "rtl8139" },
  { nic_type: "ne2k_pci" },
  { nic_type: "ne2k_isa" },
  { nic_type: "pcnet" },
  { nic_type: "i82551" },
  { vhost_net: true },
  { vhost_net: false },
  { vhost_net: true, virtio_net_queues: 4 },
  { vhost_net: false, virtio_net_queues: 4 },
  { vnet_hdr: false },
  { vnet_hdr: false, vhost_net: false },
  { use_chroot: true },
  { security_model: "user", security_domain: "nobody" },
  { security_model: "user", security_domain: "nobody", use_chroot: true },
  { user_shutdown: true },
  { use_guest_agent: true },
  { acpi: false },
  { kvm_flag: "enabled" },
  { machine_version: "q35" },
  { machine_version: "pc-i440fx-7.2" },
  { cpu_type: "host" },
  { cpu_cores: 2, cpu_threads: 2, cpu_sockets: 1 },
  { mem_path: "/dev/hugepages" },
  { serial_console: false },
  { vnc_bind_address: "127.0.0.1" },
  { spice_bind: "127.0.0.1" },
  { vga: "std" },
  { usb_mouse: "tablet" },
  { usb_devices: "tablet,mouse" },
  { soundhw: "hda" },
  { use_localtime: true },
  { kvm_extra: "-global kvm-pit.lost_tick_policy=discard" },
  { floppy_image_path: "/srv/f.img" },
  { cdrom_image_path: "/srv/cd.iso" },
  {
    ...{ cdrom_image_path: "/srv/cd.iso", cdrom2_image_path: "/srv/2.iso" },
    cdrom_disk_type: "ide",
  },
  { cdrom_image_path: "/srv/cd.iso", cdrom_disk_type: "scsi-cd" },
  { reboot_behavior: "exit" },
  { kvm_pci_reservations: 0 },
  { kvm_pci_reservations: 20 },
];

/** Other devices than two disks and two NICs. */
const DEVICES: readonly Doc[] = [
  { nics: [] },
  { disks_info: [] },
  { nics: [], disks_info: [] },
];

const uuid = (letter: string, n: number) =>
  `${letter}000000${n}-1111-4111-8111-00000000000${n}`;

function instances(release: QemuRelease): Doc[] {
  const nics = [0, 1].map((n) => ({
    mac: `aa:00:00:00:00:0${n}`,
    nicparams: { mode: "bridged", link: "br0", vlan: "" },
    uuid: uuid("a", n),
  }));
  const disks_info = [0, 1].map((n) => fileDisk(uuid("d", n), `/srv/${n}`, n));
  const rows = [
    ...HVPARAMS.map((hvparams) => ({ hvparams })),
    ...DEVICES.map((devices) => ({ hvparams: {}, ...devices })),
  ];
  return rows.map(({ hvparams, ...devices }, n) => {
    const whole = { nics, disks_info, ...devices };
    const instance = instanceObject(`vm${n}`, release, whole);
    return { ...instance, hvparams: { ...instance.hvparams, ...hvparams } };
  });
}

/** What Ganeti writes and runs for each of them, in a virtual cluster. */
async function startedBy(
  { python, modules }: Ganeti,
  { root, rows }: { root: string; rows: readonly Doc[] },
): Promise<Doc[]> {
  const process = new Deno.Command(python, {
    args: [SCRIPT],
    env: {
      PYTHONPATH: modules,
      PYTHONDONTWRITEBYTECODE: "1",
      GANETI_ROOTDIR: root,
      GANETI_HOSTNAME: root.slice(root.lastIndexOf("/") + 1),
    },
    ...{ stdin: "piped", stdout: "piped", stderr: "piped" },
  }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(rows)));
  await writer.close();
  const { stdout, stderr } = await process.output();
  const [lines = "", faults] = [stdout, stderr]
    .map((one) => new TextDecoder().decode(one));
  const answers = lines.trimEnd().split("\n").map((line) => JSON.parse(line));
  assertEquals(answers.length, rows.length, faults);
  return answers;
}

/** The parts of an option's value that both may say in their own way. */
function partsOf(option: string, value: string): string[] {
  const [first = "", ...rest] = value.split(",")
    .map((part) =>
      part.replace(/^server$/, "server=on").replace(/^nowait$/, "wait=off")
    );
  switch (option) {
    case "-netdev": {
      // Ganeti passes descriptors; a line for people names the tap.
      const taps =
        /^(?:fds?|vhostfds?|ifname|script|downscript|queues|vnet_hdr)=/;
      return [
        first.replace(/^type=/, ""),
        ...rest.filter((part) => !taps.test(part)),
      ];
    }
    case "-blockdev": {
      // The same for the file below, said at length: it must not depend on it.
      const below =
        /^(?:file\.(?:cache\.|discard|auto-read|read-only)|read-only=off)/;
      return [first, ...rest.filter((part) => !below.test(part))];
    }
  }
  return [first, ...rest];
}

/** The options of a command line, in one order. */
function optionsOf([, ...words]: readonly string[]): string[] {
  const options: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const [word = "", value] = [words[at], words[at + 1]];
    if (value === undefined || value.startsWith("-")) {
      options.push(word);
      continue;
    }
    at++;
    // kvmd's monitor: nobody connects unless user_shutdown is on.
    if (word === "-qmp" && value.includes(".kvmd,")) continue;
    const [first, ...rest] = partsOf(word, value);
    options.push(`${word} ${[first, ...rest.sort()].join()}`);
  }
  return options.sort();
}

/** Disk types with which ours differs, for the reasons in docs/ganeti.md. */
const OTHERWISE: Readonly<Record<string, RegExp>> = {
  "scsi-cd": /,read-only=on/,
  "scsi-block": /,write-cache=on/,
  "scsi-generic": /,write-cache=on/,
};
const NOT_STARTED_BY_GANETI = ["scsi", "sd", "mtd", "pflash"];

function comparable(argv: readonly string[], { hvparams }: Doc): string[] {
  const options = optionsOf(argv);
  const type = hvparams.disk_type;
  if (NOT_STARTED_BY_GANETI.includes(type)) {
    return options.filter((one) =>
      !/^-(?:blockdev|drive) /.test(one) && !one.startsWith(`-device ${type},`)
    );
  }
  const different = OTHERWISE[type];
  return options.map((one) => different ? one.replace(different, "") : one);
}

for (const release of tools.qemus) {
  const title = `QEMU ${release.name}: state command says what Ganeti starts`;
  Deno.test(unless(leftOut, title), async () => {
    if (ganeti === undefined) throw new Error("no Ganeti: was not ignored");
    await using folder = await temporaryFolder();
    const root = folder.path;
    const runDir = `${root}/var/run/ganeti`;
    const conf = `${runDir}/kvm-hypervisor/conf`;
    await Deno.mkdir(conf, { recursive: true });
    const rows = instances(release);
    const answers = await startedBy(ganeti, { root, rows });
    for (const [n, { runtime, argv, error }] of answers.entries()) {
      const row = rows[n];
      assertEquals(error, undefined, JSON.stringify(row.hvparams));
      await Deno.writeTextFile(`${conf}/${row.name}.runtime`, runtime);
      const ours = await readStartCommand(row.name, {
        runDir,
        ...{ timeoutMs: 1000, unplugTimeoutMs: 0, lockTimeoutMs: 0 },
        incoming: "tcp:127.0.0.1:1",
      });
      assertEquals(
        comparable(ours.argv, row),
        comparable(argv, row),
        JSON.stringify(HVPARAMS[n] ?? DEVICES[n - HVPARAMS.length]),
      );
    }
  });
}
