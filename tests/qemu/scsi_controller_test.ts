/**
 * The first SCSI disk of a guest that was started without a controller: one
 * comes with it, is in the file, and stays.
 */
import { saidIn } from "../support/document.ts";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { eachRelease, makeImage } from "../lab/each_release.ts";
import { moved, temporaryFolder } from "../lab/migrate.ts";
import { GANETI_PORTS } from "../lab/pcie.ts";
import { QmpProxy, refusal } from "../lab/proxy.ts";
import { snapshot } from "../lab/snapshot.ts";
import { tool } from "../lab/tool.ts";
import type { Vm } from "../lab/vm.ts";

const uuid = (n: number) => `d000000${n}-1111-4111-8111-00000000000${n}`;

/** The guest's kernel has a driver for this one alone. */
const SCSI = ["--driver", "scsi-hd", "--controller", "virtio-scsi-pci"];

async function add(vm: Vm, n: number, folder: string, ...more: string[]) {
  const image = `${folder}/s${n}.img`;
  await makeImage(image, `scsi-${n}`);
  const words = ["disk", "add", vm.name, image, "--uuid", uuid(n), ...SCSI];
  return await tool(vm, ...words, ...more);
}

/** The end of `kvm_cmd`. */
async function lastWords(vm: Vm): Promise<string> {
  const [command] = JSON.parse(await Deno.readTextFile(vm.runtimePath));
  return command.slice(-2).join(" ");
}

async function inOrder(vm: Vm) {
  const { json } = await tool(vm, "state", "show", vm.name, "--verify");
  assertEquals(json.verify, { ok: true, differences: [] });
}

/** The guest reads the disk on this target, and writes to it. */
async function useDisk(vm: Vm, target: number, n: number, image: string) {
  const disk =
    `/dev/$(ls -d /sys/class/scsi_device/*:0:${target}:0/device/block/* | sed s,.*/,,)`;
  await vm.waitGuest(`test -b ${disk}`);
  const read = `dd if=${disk} bs=6 count=1 iflag=direct 2>/dev/null`;
  assertEquals((await vm.guest(read)).output, `scsi-${n}`);
  const write = `printf guest | dd of=${disk} bs=512 seek=8 conv=fsync`;
  assertEquals((await vm.guest(write)).status, 0);
  const bytes = (await Deno.readFile(image)).subarray(4096, 4101);
  assertEquals(new TextDecoder().decode(bytes), "guest");
}

eachRelease("a SCSI controller comes with the first disk", async (vm, t) => {
  await using folder = await temporaryFolder();
  await using other = await temporaryFolder();
  const image = (n: number) => `${folder.path}/s${n}.img`;
  const words = "-device virtio-scsi-pci,id=scsi,bus=pci.0,addr=0xb";

  await t.step("a dry run shows it and changes nothing", async () => {
    const before = await snapshot(vm);
    const dry = await add(vm, 1, folder.path, "--dry-run");
    assertEquals([dry.status, dry.json.changed], [0, false], dry.stdout);
    const plugged = dry.json.plan
      .map(({ qmp }: { qmp: { execute: string } | null }) => qmp)
      .filter((qmp: { execute: string } | null) =>
        qmp?.execute === "device_add"
      );
    assertEquals(plugged[0].arguments.id, "scsi");
    assertEquals(plugged.length, 2);
    assertEquals(await snapshot(vm), before);
  });

  await t.step("the guest uses the disk, the next one finds it", async () => {
    const first = await add(vm, 1, folder.path);
    assertEquals([first.status, first.json.changed], [0, true], first.stdout);
    const { bus, scsi_id } = first.json.device;
    assertEquals([bus, scsi_id], ["scsi.0", 0]);
    assertStringIncludes(saidIn(first.json.warnings), "slot 11 of pci.0");
    const second = await add(vm, 2, folder.path);
    assertEquals([second.status, second.json.warnings], [0, []]);
    assertEquals(second.json.device.scsi_id, 1);
    assertEquals(await lastWords(vm), words);
    await useDisk(vm, 0, 1, image(1));
    await useDisk(vm, 1, 2, image(2));
    await inOrder(vm);
  });

  await t.step("both move into a target from the file; it stays", async () => {
    await using target = await moved(vm, other.path);
    await useDisk(target, 0, 1, image(1));
    await inOrder(target);
    for (const n of [1, 2]) {
      const ran = await tool(target, "disk", "remove", vm.name, uuid(n));
      assertEquals([ran.status, ran.json.changed], [0, true], ran.stdout);
    }
    await inOrder(target);
    const again = await add(target, 3, folder.path);
    assertEquals([again.status, again.json.warnings], [0, []], again.stdout);
    assertEquals(await lastWords(target), words);
    await useDisk(target, 0, 3, image(3));
  });
});

eachRelease("a SCSI controller in a port of Ganeti's q35", async (vm) => {
  await using folder = await temporaryFolder();
  await using other = await temporaryFolder();
  const first = await add(vm, 1, folder.path);
  assertEquals([first.status, first.json.changed], [0, true], first.stdout);
  const words = "-device virtio-scsi-pci,id=scsi,bus=rp26,addr=0x0";
  assertEquals(await lastWords(vm), words);
  const image = `${folder.path}/s1.img`;
  await useDisk(vm, 0, 1, image);
  await using target = await moved(vm, other.path);
  await useDisk(target, 0, 1, image);
  await inOrder(target);
}, GANETI_PORTS);

eachRelease("no room for a SCSI controller: refused", async (vm) => {
  await using folder = await temporaryFolder();
  const before = await snapshot(vm);
  const full = await add(vm, 1, folder.path);
  assertEquals([full.status, full.json.error.code], [3, "no-free-slot"]);
  assertStringIncludes(full.json.error.hint, "-device pcie-root-port");
  assertEquals(await snapshot(vm), before);
}, { machine: "q35", guest: "none" });

eachRelease("a SCSI controller that stays behind is told of", async (vm) => {
  await using folder = await temporaryFolder();
  const before = await snapshot(vm);
  await using proxy = QmpProxy.start(vm.qmpPath);
  proxy.hook = (one) =>
    one.message.execute === "device_add" &&
      one.message.arguments.driver === "scsi-hd"
      ? refusal(one, "no")
      : "pass";
  // A paused guest releases nothing.
  await vm.qmp.execute("stop");
  const failed = await add(vm, 1, folder.path, "--unplug-timeout", "1");
  assertEquals([failed.status, failed.json.changed], [7, true], failed.stdout);
  assertEquals(failed.json.error.message.includes("may use it"), false);
  // QEMU 7.2 keeps the fd set until the VM runs again.
  assertEquals((await snapshot(vm)).nodes, before.nodes);
  const told = await tool(vm, "repair", vm.name, "--unplug-timeout", "1");
  const [left, ...others] = told.json.remaining;
  assertEquals([told.status, others], [7, []], told.stdout);
  assertStringIncludes(left.hint, "device_del id=scsi");
  await vm.qmp.execute("cont");
  await vm.qmp.waitEvent("DEVICE_DELETED", { device: "scsi" });
  const done = await tool(vm, "repair", vm.name);
  assertEquals([done.status, done.json.remaining], [0, []], done.stdout);
  assertEquals(await snapshot(vm), before);
});

eachRelease("no such SCSI controller in this QEMU: refused", async (vm) => {
  await using folder = await temporaryFolder();
  await using proxy = QmpProxy.start(vm.qmpPath);
  proxy.hook = (one) =>
    one.message.execute === "device-list-properties" &&
      one.message.arguments.typename === "lsi53c895a"
      ? refusal(one, "no such model")
      : "pass";
  const image = `${folder.path}/s1.img`;
  await makeImage(image, "scsi-1");
  const before = await snapshot(vm);
  const disks = [[image, "--driver", "scsi-hd"], [
    ...["none", "--driver", "scsi-cd", "--not-migratable"],
  ]];
  for (const words of disks) {
    const ran = await tool(vm, "disk", "add", vm.name, ...words);
    const { status, json: { error } } = ran;
    assertEquals([status, error?.code], [3, "unsupported"], ran.stdout);
    assertEquals(error.hint, "--controller virtio-scsi-pci");
  }
  assertEquals(await snapshot(vm), before);

  // Another one comes with an empty drive.
  const words = ["none", ...["--driver", "scsi-cd"], "--not-migratable"];
  const controller = ["--controller", "virtio-scsi-pci"];
  const ran = await tool(vm, "disk", "add", vm.name, ...words, ...controller);
  assertEquals([ran.status, ran.json.changed], [0, true], ran.stdout);
  const { bus, scsi_id, source } = ran.json.device;
  assertEquals([bus, scsi_id, source], ["scsi.0", 0, null]);
  assertStringIncludes(await lastWords(vm), "virtio-scsi-pci,id=scsi,");
  const { devices } = await snapshot(vm);
  assertEquals(devices.length, before.devices.length + 2);
  await inOrder(vm);
}, { guest: "none" });
