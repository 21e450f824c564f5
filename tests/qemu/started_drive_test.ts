/**
 * Another medium in the CD and floppy drives that a VM was started with, as a
 * real guest reads it: the words of Ganeti up to 3.0 and since 3.1.
 */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Remark } from "../../lib/errors.ts";
import { until } from "../../tools/guest/deadline.ts";
import { eachRelease, host, makeImage } from "../lab/each_release.ts";
import { moved, temporaryFolder } from "../lab/migrate.ts";
import { QmpProxy } from "../lab/proxy.ts";
import { resultOf, spawnTool, tool } from "../lab/tool.ts";
import type { Vm, VmOptions } from "../lab/vm.ts";
import { cacheFolder } from "../../tools/guest/cache.ts";
import { ensureKernel } from "../../tools/guest/kernel.ts";
import { actAt, type KillPoint } from "./kill_points.ts";

const { modules } = await ensureKernel(await cacheFolder(), () => {});

/** The drives as Ganeti words them, and what is in them. */
async function machine(runDir: string): Promise<Partial<VmOptions>> {
  for (const name of ["one", "two", "flop"]) {
    await makeImage(`${runDir}/${name}.iso`, `${name}-medium`, { sizeMiB: 1 });
  }
  const node = ["driver=raw", "cache.direct=off", "cache.no-flush=on"];
  const file = `file.driver=file,file.filename=${runDir}/one.iso`;
  return {
    extraArgs: [
      ...["-device", "virtio-scsi-pci,id=scsi"],
      ...["-drive", `file=${runDir}/one.iso,media=cdrom,format=raw,if=ide`],
      "-blockdev",
      [...node, "read-only=on", "node-name=cdrom1", file].join(),
      ...["-device", "scsi-cd,drive=cdrom1"],
      "-drive",
      `file=${runDir}/flop.iso,format=raw,media=disk,if=floppy`,
    ],
    // Ganeti's own file has more than adopt's.
    runtime: {
      hvparams: {
        cdrom_image_path: `${runDir}/one.iso`,
        kvm_extra: `-drive file=${runDir}/one.iso,media=cdrom`,
      },
    },
  };
}

/** The cloud kernel has the driver, the guest's initrd does not. */
async function loadIde(vm: Vm): Promise<void> {
  for (const name of ["libata", "ata_piix"]) {
    const path = await host("find", modules, "-name", `${name}.ko`);
    const { size } = await Deno.stat(path);
    const words = ["disk", "add", vm.name, path, "--not-migratable"];
    const added = await tool(vm, ...words, "--read-only", "--uuid", MODULE);
    assertEquals(added.status, 0, added.stdout);
    await vm.waitGuest("test -b /dev/vda");
    const read = `head -c ${size} /dev/vda > /tmp/${name}.ko`;
    const { status, output } = await vm.guest(
      `${read} && insmod /tmp/${name}.ko; echo $?`,
    );
    assertEquals([status, output], [0, "0\n"]);
    const gone = await tool(vm, "disk", "remove", vm.name, MODULE);
    assertEquals(gone.status, 0, gone.stdout);
  }
}

const MODULE = "d0000009-1111-4111-8111-000000000009";

/** The block device of the first CD drive of a driver. */
const CD: Readonly<Record<string, string>> = {
  "ide0-cd0": "ata_piix",
  cdrom1: "virtio_scsi",
};

/** The first bytes of what the guest finds in a drive. */
async function readBy(vm: Vm, id: string): Promise<string> {
  const find = `for d in /sys/block/sr*; do
    case $(readlink -f $d/device) in *${
    id === "cdrom1" ? "virtio" : "ata"
  }*) echo /dev/\${d##*/};; esac; done`;
  const read = `dd if=$(${find}) bs=2048 count=1 2>/dev/null | head -c 10`;
  return (await vm.guest(read)).output;
}

/** A guest notices a change of an IDE drive only when it tries to read. */
async function expectRead(vm: Vm, id: string, text: string) {
  const read = async () => await readBy(vm, id) === text || undefined;
  await until(read, { what: `${text} in ${id}` });
}

async function set(vm: Vm, id: string, ...words: string[]) {
  return await tool(vm, "disk", "set", vm.name, id, ...words);
}

async function expectSet(vm: Vm, id: string, ...words: string[]) {
  const ran = await set(vm, id, ...words);
  assertEquals([ran.status, ran.json.changed], [0, true], ran.stdout);
  return ran.json;
}

async function verified(vm: Vm) {
  const { json } = await tool(vm, "state", "show", vm.name, "--verify");
  assertEquals(json.verify, { ok: true, differences: [] });
}

interface Listed {
  readonly id: string;
  readonly source: string | null;
  readonly size_bytes: number | null;
  readonly format: string | null;
  readonly tray: string | null;
  readonly status: string;
  readonly differences: Remark[];
}

async function listed(vm: Vm, id: string): Promise<Listed> {
  const { json } = await tool(vm, "list", vm.name);
  const devices: Listed[] = json.devices;
  const found = devices.find((one) => one.id === id);
  if (found === undefined) throw new Error(`no ${id}: ${JSON.stringify(json)}`);
  return found;
}

async function kvmCmd(vm: Vm): Promise<string> {
  const [words] = JSON.parse(await Deno.readTextFile(vm.runtimePath));
  return words.join(" ");
}

/** The nodes of ours for a drive. */
async function nodes(vm: Vm, id: string): Promise<string[]> {
  const all = await vm.qmp.execute<{ "node-name": string }[]>(
    "query-named-block-nodes",
  );
  return all.map((one) => one["node-name"])
    .filter((name) => name.startsWith(`medium-${id}-`)).sort();
}

/** Kills the tool at a point while it puts a medium into the IDE drive. */
async function killedAt(
  vm: Vm,
  point: KillPoint,
  { medium, proxy }: { medium: string; proxy: QmpProxy },
): Promise<void> {
  const words = ["disk", "set", vm.name, "ide0-cd0", "--medium", medium];
  const process = spawnTool(vm, words);
  const reached = await actAt({ proxy }, point, {
    during: resultOf(process),
    async act() {
      process.kill("SIGKILL");
      await process.status;
    },
  });
  assertEquals(reached, true, point.message);
}

/** Releases that were tested. */
let tested = 0;

/** Where the drive changes, and its node comes and goes. */
const POINTS: readonly KillPoint[] = [
  "blockdev-add",
  "blockdev-add 2",
  "blockdev-open-tray",
  "blockdev-remove-medium",
  "blockdev-insert-medium",
  "blockdev-close-tray",
  "remove-fd",
  "blockdev-del",
].map((message) => ({ when: "after", message }));

eachRelease("media of the drives it was started with", async (vm, t) => {
  const [one, two, flop] = ["one", "two", "flop"]
    .map((name) => `${vm.runDir}/${name}.iso`) as [string, string, string];
  await loadIde(vm);
  await vm.waitGuest("test $(ls -d /sys/block/sr* | wc -l) -eq 2");

  await t.step("they are listed with what lies in them", async () => {
    for (const [id, source] of [["ide0-cd0", one], ["cdrom1", one]] as const) {
      assertEquals(await readBy(vm, id), "one-medium", CD[id]);
      const { tray, status, ...is } = await listed(vm, id);
      assertEquals([is.source, tray, status], [source, "closed", "ok"]);
      const { status: shown, json } = await set(vm, id);
      const { device } = json;
      assertEquals([shown, json.changed], [0, false]);
      assertEquals([device.source, device.tray], [source, "closed"]);
    }
    const floppy = await listed(vm, "floppy0");
    assertEquals([floppy.source, floppy.tray, floppy.status], [
      ...[flop, null, "ok"],
    ]);
    // Without a name only the presence of the drives is asked.
    const { json: { instances } } = await tool(vm, "list");
    assertEquals([instances.length, instances[0].attention], [1, []]);
    await verified(vm);
  });

  for (const id of ["ide0-cd0", "cdrom1"]) {
    await t.step(`${id} is changed, emptied and filled`, async () => {
      const before = await kvmCmd(vm);
      if (id === "ide0-cd0") {
        const dry = await set(vm, id, "--medium", two, "--dry-run");
        assertEquals([dry.status, dry.json.changed], [0, false], dry.stdout);
        const told = dry.json.warnings.map(({ code }: Remark) => code);
        assertEquals(told, ["medium-until-stop"]);
        assertEquals([await kvmCmd(vm), await nodes(vm, id)], [before, []]);
      }
      const { device, warnings } = await expectSet(vm, id, "--medium", two);
      assertEquals([device.source, device.id, device.index], [two, id, null]);
      assertEquals(warnings.map(({ code }: Remark) => code), [
        "medium-until-stop",
      ]);
      const hvparam = id === "cdrom1" ? "cdrom_image_path" : "kvm_extra";
      assertMatch(warnings[0].message, new RegExp(`hvparam ${hvparam} again`));
      await expectRead(vm, id, "two-medium");
      assertEquals(await nodes(vm, id), [`medium-${id}-a`]);
      const again = await set(vm, id, "--medium", two);
      assertEquals([again.status, again.json.changed], [0, false]);
      await expectSet(vm, id, "--medium", "none");
      assertEquals(await readBy(vm, id), "");
      const empty = await listed(vm, id);
      assertEquals([empty.source, empty.status], [null, "ok"]);
      assertEquals([empty.size_bytes, empty.format], [0, null]);
      await expectSet(vm, id, "--medium", one);
      await expectRead(vm, id, "one-medium");
      await verified(vm);
    });
  }

  await t.step("a floppy disk is changed", async () => {
    await expectSet(vm, "floppy0", "--medium", "none");
    const { source, status } = await listed(vm, "floppy0");
    assertEquals([source, status], [null, "ok"]);
    const still = await set(vm, "floppy0", "--medium", "none");
    assertEquals([still.status, still.json.changed], [0, false]);
    await expectSet(vm, "floppy0", "--medium", flop);
  });

  await t.step("a locked tray is told of, and forced", async () => {
    const open = `sleep 60 < $(ls -d /dev/sr* | head -n 1) >/dev/null 2>&1 &`;
    await vm.guest(open);
    const locked = async () => {
      for (const id of ["ide0-cd0", "cdrom1"]) {
        if ((await listed(vm, id)).tray === "locked") return id;
      }
      return undefined;
    };
    const what = "lock of the tray";
    const id = await until(locked, { what });
    const before = await kvmCmd(vm);
    const held = await set(vm, id, "--medium", two, "--unplug-timeout", "0.5");
    assertEquals([held.status, held.json.error?.code], [6, "unplug-rejected"]);
    assertEquals([await kvmCmd(vm), (await listed(vm, id)).source], [
      ...[before, one],
    ]);
    await expectSet(vm, id, "--medium", two, "--force");
    await vm.guest("killall sleep");
    await expectRead(vm, id, "two-medium");
    await expectSet(vm, id, "--medium", one);
  });

  await t.step("what is no medium, and no drive, is refused", async () => {
    const before = await kvmCmd(vm);
    const code = async (...words: Parameters<typeof set>) => {
      const { status, json } = await set(...words);
      return [status, json.error?.code];
    };
    for (const path of [vm.runDir, `${vm.runDir}/missing`]) {
      const ran = await code(vm, "cdrom1", "--medium", path);
      assertEquals(ran, [3, "refused"], path);
    }
    assertEquals(await code(vm, "cdrom9", "--medium", two), [
      ...[3, "no-such-device"],
    ]);
    assertEquals(await code(vm, "cdrom1", "--iops", "5"), [3, "unsupported"]);
    const gone = await tool(vm, "disk", "remove", vm.name, "cdrom1");
    assertEquals([gone.status, gone.json.error.code], [3, "unsupported"]);
    assertEquals(await kvmCmd(vm), before);
  });

  const id = "ide0-cd0";
  const query = { id: "" };
  const behind = async (filename: string) => {
    const all = await vm.qmp.execute<{ device: string; qdev: string }[]>(
      "query-block",
    );
    query.id = all.find(({ device }) => device === id)?.qdev ?? "";
    const change = { ...query, filename, format: "raw", force: true };
    await vm.qmp.execute("blockdev-change-medium", change);
  };

  await t.step("a change from outside is found and recorded", async () => {
    await behind(two);
    const { status, differences: [found] } = await listed(vm, id);
    assertEquals([status, found?.code], ["differs", "medium"]);
    assertStringIncludes(found?.message ?? "", two);
    // The words, and the node of the medium that the tool had put in.
    const { json } = await tool(vm, "repair", vm.name);
    assertEquals([json.repaired.length, json.remaining], [2, []]);
    assertStringIncludes(await kvmCmd(vm), `file=${two},`);
    await verified(vm);
  });

  await t.step("the tool is killed, and repair puts it right", async () => {
    await using proxy = QmpProxy.start(vm.qmpPath);
    const ends = new Set<string>();
    // The releases share the points.
    const isFirst = tested++ % 2 === 0;
    const mine = POINTS.filter((_, k) => (k % 2 === 0) === isFirst);
    for (const point of mine) {
      // A node that QEMU named, as after a start.
      await behind(one);
      await tool(vm, "repair", vm.name);
      await killedAt(vm, point, { medium: two, proxy });
      const { status, stdout } = await tool(vm, "repair", vm.name);
      assertEquals(status, 0, `${point.message}: ${stdout}`);
      const { source, status: is } = await listed(vm, id);
      assertEquals(is, "ok", point.message);
      await expectRead(vm, id, source === two ? "two-medium" : "one-medium");
      const left = source === two ? [`medium-${id}-a`] : [];
      assertEquals(await nodes(vm, id), left, point.message);
      ends.add(source ?? "");
    }
    assertEquals(ends, new Set([one, two]));
  });

  await t.step("a migration target has the same media", async () => {
    await using other = await temporaryFolder();
    for (const name of ["one", "two", "flop"]) {
      const path = `${name}.iso`;
      await Deno.link(`${vm.runDir}/${path}`, `${other.path}/${path}`);
    }
    await set(vm, id, "--medium", two);
    await expectSet(vm, "cdrom1", "--medium", "none");
    await expectSet(vm, "floppy0", "--medium", "none");
    await using target = await moved(vm, other.path);
    await expectRead(target, id, "two-medium");
    assertEquals(await readBy(target, "cdrom1"), "");
    await expectSet(target, "cdrom1", "--medium", two);
    await expectSet(target, id, "--medium", one);
    await expectRead(target, "cdrom1", "two-medium");
    await expectRead(target, id, "one-medium");
    await verified(target);
  });
}, machine);
