/** Recording what QEMU has and the runtime file lacks. */
import { saidIn } from "../support/document.ts";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { pause } from "../../lib/sys/pause.ts";
import { eachRelease, host, makeImage } from "../lab/each_release.ts";
import {
  imagesOf,
  machineWith,
  plugFile,
  plugNic,
  rewrite,
  startedDisk,
} from "../lab/live.ts";
import { type ProxyMessage, QmpProxy, refusal } from "../lab/proxy.ts";
import { interfaces, snapshot } from "../lab/snapshot.ts";
import { tool, type ToolResult } from "../lab/tool.ts";
import type { Vm } from "../lab/vm.ts";

const MAC = "aa:00:00:00:01:01";

type Doc = Record<string, unknown>;

/**
 * Fails unless it is a success that says no more than its document.
 *
 * @param words what is said of a uuid of which the id has but the begin
 */
function done({ status, stderr, json }: ToolResult, words = /^$/) {
  assertEquals(status, 0);
  assertMatch(stderr, words);
  return json;
}

const INVENTED =
  /^warning: disk-932df160-7a22-4067 .*the rest is random.*--uuid UUID.*\n$/;

function idsOf(devices: readonly Doc[]): unknown[] {
  return devices.map(({ id }) => id);
}

function remainders(json: Doc): string[] {
  return (json.remaining as { what: string }[]).map(({ what }) => what);
}

async function tuple(vm: Vm) {
  return JSON.parse(await Deno.readTextFile(vm.runtimePath));
}

/** A tap's name that no other test has. */
function tapOf(vm: Vm, number: number): string {
  return `kh${vm.pid % 1_000_000}a${number}`;
}

const BY_HAND = machineWith(
  (runDir) => ["-drive", `file=${runDir}/v.img,format=raw,if=virtio`],
  ["v"],
);

eachRelease(
  "what was plugged by hand is adopted and removed",
  async (vm, t) => {
    const [d1, d2] = [`${vm.runDir}/d1.img`, `${vm.runDir}/d2.img`];
    // Only by size they are told apart in a directory that changes.
    await makeImage(d1, "by hand", { sizeMiB: 9 });
    await makeImage(d2, "as Ganeti names it", { sizeMiB: 10 });
    const [tap, bridge] = [tapOf(vm, 1), tapOf(vm, 9)];
    await host("ip", "link", "add", bridge, "type", "bridge");
    const before = await snapshot(vm);
    await plugFile(vm, "mydisk", { file: d1, slot: 20, node: "data0" });
    await plugFile(vm, "disk-932df160-7a22-4067", { file: d2, slot: 21 });
    await plugNic(vm, "mynic", { netdev: "net7", mac: MAC, tap, slot: 22 });
    await host("ip", "link", "set", tap, "master", bridge, "up");
    await vm.waitGuest(
      `test -b /dev/vdc && grep -qi ${MAC} /sys/class/net/*/address`,
    );

    await t.step("a dry run tells what would be recorded", async () => {
      const now = await snapshot(vm);
      const json = done(
        await tool(vm, "adopt", vm.name, "--dry-run"),
        INVENTED,
      );
      assertEquals([json.dry_run, json.changed], [true, false]);
      assertEquals(json.adopted.length, 3);
      assertEquals(json.plan.length > 0, true);
      assertEquals(await snapshot(vm), now);
    });

    await t.step("what is proven is recorded as Ganeti has it", async () => {
      const json = done(await tool(vm, "adopt", vm.name), INVENTED);
      assertEquals([json.action, json.changed], ["adopt", true]);
      const ids = ["mydisk", "disk-932df160-7a22-4067", "mynic"];
      assertEquals(idsOf(json.adopted), ids);
      const [, nics, , disks] = await tuple(vm);
      const [first, second] = disks;
      assertEquals(first.slice(1), [d1, null]);
      assertEquals(first[0].hvinfo, {
        driver: "virtio-blk-pci",
        id: "mydisk",
        bus: "pci.0",
        addr: "0x14",
      });
      assertMatch(second[0].uuid, /^932df160-7a22-4067-/);
      assertEquals(Object.keys(first[0]), [
        ...["dev_type", "logical_id", "iv_name", "size", "mode", "params"],
        ...["hvinfo", "uuid"],
      ]);
      assertEquals(nics[0].nicparams, {
        mode: "bridged",
        link: bridge,
        vlan: "",
      });
      assertEquals(Object.keys(nics[0]), [
        "mac",
        "nicparams",
        "hvinfo",
        "uuid",
      ]);
      assertEquals(await Deno.readTextFile(`${vm.layout.nic}/0`), tap);
    });

    await t.step("what has no id is left alone, with the reason", async () => {
      const now = await snapshot(vm);
      const json = done(await tool(vm, "adopt", vm.name));
      assertEquals([json.changed, json.adopted], [false, []]);
      const [only = "", ...others] = remainders(json);
      assertEquals(others, []);
      assertMatch(only, /v\.img.*no device id/);
      assertEquals(await snapshot(vm), now);
    });

    await t.step("listed, and removed as any other", async () => {
      const { json } = await tool(vm, "list", vm.name);
      assertEquals(
        json.devices.map(({ id, status }: Doc) => [id, status]),
        [
          ["mydisk", "ok"],
          ["disk-932df160-7a22-4067", "ok"],
          ["mynic", "ok"],
          [null, "not-recorded"],
        ],
      );
      assertEquals(json.devices[2].tap, tap);
      done(await tool(vm, "disk", "remove", vm.name, "932df160"));
      assertEquals(imagesOf(vm), [d1, `${vm.runDir}/v.img`]);
      done(await tool(vm, "disk", "remove", vm.name, "mydisk"));
      done(await tool(vm, "nic", "remove", vm.name, "mynic"));
      assertEquals(interfaces().includes(tap), false);
      await vm.waitGuest("! test -e /dev/vdb");
      assertEquals(await snapshot(vm), before);
    });
    await host("ip", "link", "del", bridge);
  },
  BY_HAND,
);

eachRelease("look-alikes are not adopted", async (vm, t) => {
  const path = (name: string) => `${vm.runDir}/${name}.img`;
  for (const name of ["a", "b", "c", "d"]) await makeImage(path(name), name);
  const link = `${vm.runDir}/link`;
  await Deno.symlink(path("c"), link);
  // The guest has nothing to do with what is proven.
  await plugFile(vm, "swapped", { file: link, slot: 20 });
  await plugFile(vm, "replaced", { file: path("a"), slot: 21 });
  await plugNic(vm, "twin", {
    ...{ netdev: "t1", mac: MAC, tap: tapOf(vm, 1), slot: 22 },
  });
  await plugNic(vm, "other", {
    ...{ netdev: "t2", mac: MAC, tap: tapOf(vm, 2), slot: 23 },
  });
  await Deno.remove(link);
  await Deno.symlink(path("d"), link);
  await Deno.copyFile(path("a"), path("copy"));
  await Deno.rename(path("copy"), path("a"));
  const before = await snapshot(vm);

  await t.step("a link that was changed, a file that was copied", async () => {
    const json = done(await tool(vm, "adopt", vm.name));
    assertEquals(json.adopted, []);
    const left = remainders(json).join("\n");
    assertMatch(left, /disk swapped .*a different file/);
    assertMatch(left, /disk replaced .*a different file/);
    assertMatch(left, /NIC twin .*two NICs/);
    assertMatch(left, /NIC other .*two NICs/);
    assertEquals(await snapshot(vm), before);
  });

  await t.step("links exchanged between two open files", async () => {
    const other = `${vm.runDir}/other`;
    await Deno.symlink(path("b"), other);
    await plugFile(vm, "exchanged", { file: other, slot: 24 });
    await Deno.remove(other);
    await Deno.symlink(path("c"), other);
    await Deno.remove(link);
    await Deno.symlink(path("b"), link);
    const json = done(await tool(vm, "adopt", vm.name));
    assertEquals(json.adopted, []);
    const left = remainders(json).join("\n");
    assertMatch(left, /disk swapped .*same size.*path was changed/);
    assertMatch(
      left,
      /disk exchanged .*same size.*path was changed/,
    );
  });

  await t.step("files exchanged by rename", async () => {
    for (const [at, name] of ["e", "f"].entries()) {
      await makeImage(path(name), name, { sizeMiB: 11 });
      await plugFile(vm, `renamed-${name}`, {
        file: path(name),
        slot: 25 + at,
      });
    }
    await Deno.rename(path("e"), path("x"));
    await Deno.rename(path("f"), path("e"));
    await Deno.rename(path("x"), path("f"));
    const now = await snapshot(vm);
    const json = done(await tool(vm, "adopt", vm.name));
    assertEquals([json.changed, json.adopted], [false, []]);
    const left = remainders(json).join("\n");
    assertMatch(left, /disk renamed-e .*same size.*path was changed/);
    assertMatch(left, /disk renamed-f .*same size.*path was changed/);
    const hints = json.remaining.map(({ hint }: Doc) => hint).join("\n");
    const remove = `disk remove ${vm.name} renamed-e --force`;
    assertStringIncludes(hints, remove);
    assertEquals(await snapshot(vm), now);
  });

  await t.step("an entry that claims what another disk has", async () => {
    const uuid = "d0000001-1111-4111-8111-000000000001";
    const claim = [
      { dev_type: "file", size: 8, mode: "rw", hvinfo: {}, uuid },
      path("a"),
      null,
    ];
    await rewrite(vm, ([a, b, c]) => [a, b, c, [claim]]);
    const json = done(await tool(vm, "adopt", vm.name));
    assertEquals(json.adopted, []);
    assertMatch(
      remainders(json).join("\n"),
      /disk 0, uuid d0000001.*device in QEMU is not known/,
    );
    const remove = await tool(vm, "disk", "remove", vm.name, uuid);
    assertEquals(remove.json.error.code, "unsupported");
    assertMatch(remove.json.error.hint, /adopt/);
  });
}, { guest: "none" });

/** Questions that a QEMU may refuse: the device is known without the answer. */
const OPTIONAL = [
  ...["query-hotpluggable-cpus", "query-memory-devices"],
  ...["acpi-index", "serial", "bootindex", "iothread", "host_mtu"],
  ...["hotplug-handler", "acpi-pcihp-bsel"],
];

/** Each is needed for the proof of a disk or a NIC. */
const NEEDED = ["x-debug-query-block-graph", "parent_bus", "mac"];

/** The property that is asked for, or the name of the command. */
function questionOf({ direction, message }: ProxyMessage): string {
  if (direction === "to-client") return "";
  return message.arguments?.property ?? message.execute;
}

eachRelease(
  "entries without device id learn which device they are",
  async (vm, t) => {
    const d1 = `${vm.runDir}/d1.img`;
    await makeImage(d1, "d1");
    const [tap, bridge] = [tapOf(vm, 1), tapOf(vm, 9)];
    await host("ip", "link", "add", bridge, "type", "bridge");
    await plugFile(vm, "hotdisk-d0000001-pci-20", { file: d1, slot: 20 });
    await plugNic(vm, "net0", { netdev: "n0", mac: MAC, tap, slot: 21 });
    await host("ip", "link", "set", tap, "master", bridge, "up");
    const disk = {
      ...{ dev_type: "file", size: 8, mode: "rw", hvinfo: {}, "7": 1.5 },
      uuid: "d0000001-1111-4111-8111-000000000001",
    };
    const nic = {
      ...{
        mac: MAC.toUpperCase(),
        nicparams: { mode: "bridged", link: bridge },
      },
      ...{ hvinfo: {}, uuid: "a0000001-1111-4111-8111-000000000001" },
    };
    await rewrite(vm, ([a, , c]) => [a, [nic], c, [[disk, d1, null]]]);
    const ids = ["hotdisk-d0000001-pci-20", "net0"];
    const before = await snapshot(vm);

    await t.step("a QEMU that always refuses a question", async () => {
      await using proxy = QmpProxy.start(vm.qmpPath);
      const refused = new Set<string>();
      const refuseAll = (...questions: readonly string[]) => {
        proxy.hook = (one) => {
          const question = questionOf(one);
          if (!questions.includes(question)) return "pass";
          refused.add(question);
          return refusal(one, "not today");
        };
      };
      refuseAll(...OPTIONAL);
      const json = done(await tool(vm, "adopt", vm.name, "--dry-run"));
      assertEquals([idsOf(json.adopted), json.remaining], [ids, []]);
      for (const question of NEEDED) {
        refuseAll(question);
        const { status, json } = await tool(vm, "adopt", vm.name);
        assertEquals([status, json.error.code], [5, "qmp-error"]);
        assertEquals(json.error.qmp.desc, "not today");
        assertEquals(await snapshot(vm), before);
      }
      // No question of the lists is one that adopt never asks.
      assertEquals([...refused].sort(), [...OPTIONAL, ...NEEDED].sort());
    });

    const json = done(await tool(vm, "adopt", vm.name));
    assertEquals(idsOf(json.adopted), ids);
    assertEquals(json.remaining, []);
    const [, nics, , disks] = await tuple(vm);
    const driver = "virtio-blk-pci";
    assertEquals(disks, [[
      {
        ...disk,
        hvinfo: {
          ...{ driver, id: "hotdisk-d0000001-pci-20" },
          ...{ bus: "pci.0", addr: "0x14" },
        },
      },
      ...[d1, null],
    ]]);
    assertEquals(nics[0].hvinfo.id, "net0");
    const statuses = async () => {
      const { json: listed } = await tool(vm, "list", vm.name);
      return listed.devices.map((one: Doc) => one.status);
    };
    // Its NIC file is there as little as before.
    assertEquals(await statuses(), ["ok", "differs"]);
    done(await tool(vm, "repair", vm.name));
    assertEquals(await statuses(), ["ok", "ok"]);
    await host("ip", "link", "del", bridge);
  },
  { guest: "none" },
);

/** A directory that nobody has changed for longer than its times are coarse. */
async function oldImages(runDir: string) {
  const folder = `${runDir}/old`;
  await Deno.mkdir(folder);
  for (const name of ["a", "b"]) await makeImage(`${folder}/${name}.img`, name);
  // The clock is the event: QEMU is started that much later.
  await pause(1100);
  return { guest: "none" } as const;
}

eachRelease(
  "images of one size are adopted where no name changed",
  async (vm) => {
    const path = (name: string) => `${vm.runDir}/old/${name}.img`;
    await plugFile(vm, "first", { file: path("a"), slot: 20 });
    await plugFile(vm, "second", { file: path("b"), slot: 21 });
    const json = done(await tool(vm, "adopt", vm.name, "--dry-run"));
    assertEquals(
      json.adopted.map(({ id, source }: Doc) => [id, source]),
      [["first", path("a")], ["second", path("b")]],
    );
    await makeImage(path("c"), "changes the directory");
    const later = done(await tool(vm, "adopt", vm.name));
    assertEquals(later.adopted, []);
    assertMatch(
      remainders(later).join("\n"),
      /disk first .*same size[^]*disk second .*same size/,
    );
  },
  oldImages,
);

const ALONE = machineWith(
  (runDir) => startedDisk("data", { file: `${runDir}/d1.img`, slot: 20 }),
  ["d1"],
);

eachRelease("a QEMU that Ganeti never started", async (vm, t) => {
  const state = `${vm.runDir}/my.runtime`;
  const at = ["--qmp", vm.qmpPath, "--state", state];
  const d2 = `${vm.runDir}/d2.img`;
  await makeImage(d2, "added");
  await Deno.remove(vm.runtimePath);
  // Listed as QEMU has it; there is nothing yet that could be changed.
  const { json: listed } = await tool(vm, "list", vm.name, ...at);
  assertEquals(
    listed.devices.map(({ id, status }: Doc) => [id, status]),
    [["data", "not-recorded"]],
  );
  assertMatch(saidIn(listed.warnings), /no runtime file/);
  const none = await tool(vm, "disk", "add", vm.name, d2, ...at);
  assertEquals(none.json.error.code, "no-such-instance");

  await t.step("adopt makes its first runtime file", async () => {
    const json = done(await tool(vm, "adopt", vm.name, ...at));
    assertEquals(idsOf(json.adopted), ["data"]);
    assertEquals((await Deno.stat(state)).mode! & 0o7777, 0o600);
    const [command, nics, hvparams, disks] = JSON.parse(
      await Deno.readTextFile(state),
    );
    assertEquals([nics, disks.length], [[], 1]);
    assertEquals(command.includes("-qmp"), false);
    assertEquals(command.includes("-drive"), false);
    assertEquals(command.join(" ").includes("data"), false);
    assertEquals(command.includes("virtio-balloon"), true);
    assertMatch(hvparams.machine_version, /^pc-i440fx-/);
  });

  await t.step("devices come and go by it", async () => {
    const image = done(await tool(vm, "disk", "add", vm.name, d2, ...at));
    assertEquals(image.device.slot, 12);
    const card = done(await tool(vm, "nic", "add", vm.name, ...at));
    await vm.waitGuest(
      `test -b /dev/vdb && grep -qi ${card.device.mac} /sys/class/net/*/address`,
    );
    const { json } = await tool(vm, "list", vm.name, ...at);
    assertEquals(
      json.devices.map((one: Doc) => one.status),
      ["ok", "ok", "ok"],
    );
    done(await tool(vm, "nic", "remove", vm.name, "0", ...at));
    done(await tool(vm, "disk", "remove", vm.name, "1", ...at));
    done(await tool(vm, "disk", "remove", vm.name, "data", "--force", ...at));
    assertEquals(imagesOf(vm), []);
    await vm.waitGuest("! ls /dev/vd*");
  });

  await t.step("settings no start could repeat are taken", async () => {
    const words = ["disk", "add", vm.name, d2, "--read-only"];
    done(await tool(vm, ...words, "--quiet", ...at));
    const [, , , disks] = JSON.parse(await Deno.readTextFile(state));
    assertEquals(disks[0][0].mode, "ro");
  });
}, ALONE);
