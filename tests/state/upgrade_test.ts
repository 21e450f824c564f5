import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { parseJson } from "../../lib/state/json.ts";
import { parseRuntime } from "../../lib/state/runtime.ts";
import { applyChange, inverse } from "../../lib/state/runtime_change.ts";
import { formatRuntime } from "../../lib/state/runtime.ts";
import { upgradeRuntime } from "../../lib/state/upgrade.ts";
import { assert, refusal, sample, sampleNames } from "../support/facts.ts";

/** Text of a file after its upgrade. */
function upgraded(text: string): string {
  const root = parseJson(text);
  assert(root.type === "array");
  return formatRuntime(upgradeRuntime(root), "");
}

// deno-lint-ignore no-explicit-any -- a test reads it as it likes
function data(text: string): any {
  return JSON.parse(upgraded(text));
}

const DISK = '{"dev_type": "plain", "uuid": "d0000001-1-4-8-1", "x": 1.0}';
const NIC = '{"mac": "aa:00:00:00:00:01", "uuid": "a0000001-1-4-8-1"}';

Deno.test("upgradeRuntime() makes of the samples what Ganeti 3.1 does", () => {
  for (const prefix of ["02-2.10", "04-3.0.2"]) {
    const all = sampleNames().filter((one) => one.startsWith(prefix));
    const name = (suffix: string) =>
      all.find((one) => one.includes(suffix)) ?? prefix;
    const original = all.find((one) => !one.includes("upgraded"));
    const ours = data(sample(original ?? prefix));
    const theirs = JSON.parse(sample(name("by-3.1.1")));
    // 3.1 forgets it where there is no -vnc: SPEC 2.4, item 5.
    theirs[2].disk_discard = "ignore";
    assertEquals(ours, theirs);
    const older = JSON.parse(sample(name("by-3.0.2")));
    assertEquals({ ...older[2], disk_discard: "ignore" }, ours[2]);
    assertEquals([older[0], older[1], older[3]], [ours[0], ours[1], ours[3]]);
  }
});

Deno.test("upgradeRuntime() keeps every number and key to the letter", () => {
  const text = sample("02-2.10");
  const after = upgraded(text);
  for (const literal of ["1458000000.25", '"-m", 512', '"stripes": 1']) {
    assertStringIncludes(after, literal);
  }
  const expected = text.trimEnd()
    .replace(
      '"pci": 4',
      '"hvinfo": {"driver": "virtio-blk-pci", "id": "hotdisk-e13df160-pci-4", "addr": "0x4", "bus": "pci.0"}',
    )
    .replace(
      '"pci": 5',
      '"hvinfo": {"driver": "virtio-net-pci", "id": "hotnic-e23df160-pci-5", "addr": "0x5", "bus": "pci.0"}',
    )
    .replace(
      '"vlan": ""}, "uuid": "e33',
      '"vlan": ""}, "hvinfo": {}, "uuid": "e33',
    )
    .replace('"-balloon", "virtio"', '"-device", "virtio-balloon"')
    .replace('"-localtime"', '"-rtc", "base=localtime"')
    .replace(
      '"-vnc", "127.0.0.1:5100,tls,x509verify=/etc/ganeti/vnc-pki"',
      '"-object", "tls-creds-x509,id=vnctls0,endpoint=server,dir=/etc/ganeti/vnc-pki,verify-peer=yes", "-vnc", "127.0.0.1:5100,tls-creds=vnctls0"',
    )
    .replace('"disk_discard": "default"', '"disk_discard": "ignore"');
  assertEquals(after, expected);
});

Deno.test("upgradeRuntime() gives back a file of today as it is", () => {
  for (
    const name of sampleNames().filter((one) => /^(?:05|07|08|10)/.test(one))
  ) {
    const root = parseJson(sample(name));
    assert(root.type === "array");
    assert(upgradeRuntime(root) === root, name);
  }
});

Deno.test("upgradeRuntime() gives a file of three elements its disks", () => {
  assertEquals(upgraded("[[], [], {}]"), "[[], [], {}, []]");
  assertEquals(
    upgraded("[\n [],\n [],\n {}\n]"),
    "[\n [],\n [],\n {},\n []\n]",
  );
  assertEquals(
    upgraded("[[], [], {}, [], 2, null]"),
    "[[], [], {}, [], 2, null]",
  );
});

Deno.test("upgradeRuntime() reads a list once, however many are old", () => {
  const count = 5_000;
  const nics = Array(count).fill('{"uuid": "u", "pci": 4}').join(", ");
  const begin = performance.now();
  const [, list] = data(`[[], [${nics}], {}, []]`);
  assert(performance.now() - begin < 3_000);
  assertEquals(list.length, count);
  assertEquals(list[count - 1].hvinfo.addr, "0x4");
});

Deno.test("upgradeRuntime() gives a NIC without uuid one that stays", () => {
  const text =
    '[["a"], [{"mac": "aa:00:00:00:00:01"}, {"mac": "aa:00:00:00:00:02"}], {}]';
  const [, nics] = data(text);
  const uuids = nics.map((nic: { uuid: string }) => nic.uuid);
  for (const uuid of uuids) {
    assertMatch(
      uuid,
      /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  }
  assert(uuids[0] !== uuids[1]);
  assertEquals(Object.keys(nics[0]), ["mac", "hvinfo", "uuid"]);
  assertEquals(upgraded(text), upgraded(text));
  const other = data(text.replace('["a"]', '["b"]'));
  assert(other[1][0].uuid !== uuids[0], "another instance");
});

Deno.test("upgradeRuntime() takes the driver from the hvparams", () => {
  const text = `[[], [${
    NIC.replace("}", ', "pci": 9}')
  }], {"nic_type": "e1000", "disk_type": "scsi-hd"}, [[${
    DISK.replace("}", ', "hvinfo": {"id": "disk-1", "bus": "scsi.0"}}')
  }, null, null]]]`;
  const [, [nic], , [[disk]]] = data(text);
  assertEquals(nic.hvinfo, {
    driver: "e1000",
    id: "hotnic-a0000001-pci-9",
    addr: "0x9",
    bus: "pci.0",
  });
  assertEquals(Object.entries(disk.hvinfo)[0], ["driver", "scsi-hd"]);
  const bare = `[[], [${
    NIC.replace("}", ', "hvinfo": {"id": "n"}}')
  }], {"nic_type": "e1000"}, []]`;
  assertEquals(data(bare)[1][0].hvinfo, { driver: "e1000", id: "n" });
  // Nothing is known of a device that was not made for hotplug.
  assertEquals(data(`[[], [${NIC}], {}, []]`)[1][0].hvinfo, {});
});

Deno.test("upgradeRuntime() leaves old words of other versions alone", () => {
  const kept =
    '[[], [], {}, [[{"dev_type": "lvm", "hvinfo": {}, "odd": 1e2}, "/x", null, 7]]]';
  assertEquals(upgraded(kept), kept);
  const short = '[[], [], {}, [[{"dev_type": "drbd8", "hvinfo": {}}, "/x"]]]';
  assertEquals(upgraded(short), short.replace('"/x"', '"/x", null'));
});

Deno.test("upgradeRuntime() rewrites the options QEMU gave up", () => {
  const cases: [string[], string[]][] = [
    [["-balloon", "virtio,id=b"], ["-device", "virtio-balloon,id=b"]],
    [["-balloon", "none"], ["-balloon", "none"]],
    [["-localtime"], ["-rtc", "base=localtime"]],
    [["-chroot", "/c", "-S"], ["-S"]],
    [["-S", "-chroot", "/c"], ["-S"]],
    [["-chroot"], ["-chroot"]],
    [["-append", "-localtime"], ["-append", "-localtime"]],
    [["-vnc", ":1,password"], ["-vnc", ":1,password"]],
    [["-vnc", ":1,tls"], [
      "-object",
      "tls-creds-anon,id=vnctls0,endpoint=server",
      "-vnc",
      ":1,tls-creds=vnctls0",
    ]],
    [["-vnc", ":1,tls,x509=/p,password"], [
      "-object",
      "tls-creds-x509,id=vnctls0,endpoint=server,dir=/p,verify-peer=no",
      "-vnc",
      ":1,tls-creds=vnctls0,password",
    ]],
  ];
  for (const [before, after] of cases) {
    const [command] = data(JSON.stringify([before, [], {}, []]));
    assertEquals(command, after, before.join(" "));
  }
});

Deno.test("upgradeRuntime() mends disk_discard with and without -vnc", () => {
  for (const command of [[], ["-vnc", ":1"]]) {
    const text = JSON.stringify([command, [], { disk_discard: "default" }, []]);
    assertEquals(data(text)[2], { disk_discard: "ignore" });
  }
});

Deno.test("parseRuntime() refuses a slot that is none, naming the device", () => {
  for (const pci of ["32", "-1", '"5"', "1.5", "[]"]) {
    const text = `[[], [${NIC.replace("}", `, "pci": ${pci}}`)}], {}, []]`;
    const error = refusal("bad-state-file", () => parseRuntime(text, "/f"));
    assertStringIncludes(error.message, "pci of NIC 0");
  }
});

Deno.test("inverse() of a change of an old file gives back its old form", () => {
  const text = sample("02-2.10");
  const before = parseRuntime(text, "x");
  const uuid = before.disks[0]?.uuid ?? "";
  const changes = [
    { change: "upgrade" },
    { change: "delete", list: "disks", uuid },
    { change: "insert", list: "nics", uuid: "n", entry: '{"uuid": "n"}' },
  ] as const;
  for (const change of changes) {
    const after = applyChange(before.root, change);
    assert(formatRuntime(after) !== text, change.change);
    const back = JSON.parse(JSON.stringify(inverse(change, before)));
    assertEquals(formatRuntime(applyChange(after, back)), text);
    // Something else has changed meanwhile: only our change is taken back.
    const other = applyChange(after, {
      change: "insert",
      list: "nics",
      uuid: "o",
      entry: '{"uuid": "o", "hvinfo": {}}',
    });
    const kept = formatRuntime(applyChange(other, back));
    assertStringIncludes(kept, '{"uuid": "o", "hvinfo": {}}');
  }
});
