/**
 * Disks in PCIe ports and behind bridges move into a target that is started
 * from the file, and go on being used there.
 */
import { assertEquals } from "@std/assert";
import { eachRelease, makeImage } from "../lab/each_release.ts";
import { moved, temporaryFolder } from "../lab/migrate.ts";
import { GANETI_PORTS, OTHER_PORTS, PC_BRIDGES } from "../lab/pcie.ts";
import { tool } from "../lab/tool.ts";
import type { MachineOptions, Vm } from "../lab/vm.ts";

const uuid = (n: number) => `d000000${n}-1111-4111-8111-00000000000${n}`;

/** The guest's name for the disk that begins with this number. */
async function findDisk(vm: Vm, n: number): Promise<string> {
  const find =
    `for d in /dev/vd?; do test "$(dd if=$d bs=6 count=1 iflag=direct 2>/dev/null)" = data-${n} && echo $d; done | grep .`;
  return (await vm.waitGuest(find)).output.trim();
}

async function addDisk(vm: Vm, n: number, folder: string, on: string[]) {
  const image = `${folder}/d${n}.img`;
  await makeImage(image, `data-${n}`);
  const words = ["disk", "add", vm.name, image, "--uuid", uuid(n), ...on];
  const ran = await tool(vm, ...words);
  assertEquals([ran.status, ran.json.changed], [0, true], ran.stdout);
  await findDisk(vm, n);
  return ran.json.device.bus;
}

async function removeDisk(vm: Vm, n: number) {
  const ran = await tool(vm, "disk", "remove", vm.name, uuid(n));
  assertEquals([ran.status, ran.json.changed], [0, true], ran.stdout);
}

interface Layout {
  readonly title: string;
  readonly machine: Partial<MachineOptions>;
  /** Where the disks go of themselves, or are told to go. */
  readonly buses: readonly [string, string];
  readonly on?: string[];
  /** Whether a guest releases by ACPI: PCIe's own hotplug takes 6 s. */
  readonly releases: "at once" | "slowly";
}

const LAYOUTS: readonly Layout[] = [
  {
    title: "Ganeti's ports",
    machine: GANETI_PORTS,
    buses: ["rp11", "rp12"],
    releases: "at once",
  },
  {
    title: "other ports, one behind a switch",
    machine: OTHER_PORTS,
    buses: ["left", "ds1"],
    releases: "slowly",
  },
  {
    title: "a conventional bridge",
    machine: PC_BRIDGES,
    buses: ["br1", "br1"],
    on: ["--bus", "br1"],
    releases: "at once",
  },
];

for (const { title, machine, buses, on = [], releases } of LAYOUTS) {
  eachRelease(`disks in ${title} migrate`, async (vm) => {
    await using folder = await temporaryFolder();
    await using other = await temporaryFolder();
    assertEquals(await addDisk(vm, 1, folder.path, on), buses[0]);
    assertEquals(await addDisk(vm, 2, folder.path, on), buses[1]);
    // A hole in front: the target must not close it.
    if (releases === "at once") await removeDisk(vm, 1);
    const devices = "ls /sys/bus/pci/devices";
    const { output: before } = await vm.guest(devices);
    await using target = await moved(vm, other.path);
    assertEquals((await target.guest(devices)).output, before);
    const disk = await findDisk(target, 2);
    const write = `printf moved | dd of=${disk} bs=512 seek=8 conv=fsync`;
    assertEquals((await target.guest(write)).status, 0);
    const bytes = await Deno.readFile(`${folder.path}/d2.img`);
    const text = new TextDecoder().decode(bytes.subarray(4096, 4101));
    assertEquals(text, "moved");
    const { json } = await tool(target, "state", "show", vm.name, "--verify");
    assertEquals(json.verify, { ok: true, differences: [] });
    if (releases === "slowly") return;
    assertEquals(await addDisk(target, 1, folder.path, on), buses[0]);
    for (const n of [2, 1]) await removeDisk(target, n);
  }, machine);
}
