import {
  assertEquals,
  assertObjectMatch,
  assertStringIncludes,
} from "@std/assert";
import { planDiskRemove } from "../../lib/disk/remove.ts";
import type { DiskRemove } from "../../lib/disk/request.ts";
import type { BlockBackend } from "../../lib/qmp/commands.ts";
import { instancePaths } from "../../lib/state/instance.ts";
import { formatJson } from "../../lib/state/json.ts";
import {
  assert,
  disk,
  facts,
  type FactsSpec,
  idOf,
  NEW_UUID,
  nic,
  type PlainObject,
  planOf,
  planRefusal,
  present,
  qmpStep,
  refusal,
  stepNames,
  stepOf,
  uuidOf,
} from "../support/facts.ts";
import { known } from "../support/steps.ts";

const TWO_DISKS = { disks: [disk(0, 12), disk(1, 13)], nics: [nic(0, 14)] };

function request(device: string, more: Partial<DiskRemove> = {}): DiskRemove {
  return {
    kind: "disk-remove",
    instance: "vm1",
    device,
    bootDisk: "kept",
    ...more,
  };
}

function plan(device: string, given: FactsSpec = TWO_DISKS) {
  return planOf(planDiskRemove(request(device), facts(given)));
}

function refused(
  code: Parameters<typeof planRefusal>[0],
  device: string,
  given: FactsSpec = TWO_DISKS,
) {
  return planRefusal(
    code,
    facts(given),
    (one) => planDiskRemove(request(device), one),
  );
}

Deno.test("planDiskRemove() goes from the guest over QEMU to the file", () => {
  const removed = plan("1");
  assertEquals(stepNames(removed), [
    "stage-state",
    "unplug",
    "blockdev-del",
    "await-release",
    "commit-state",
  ]);
  assertEquals(qmpStep(removed, "blockdev-del").arguments, {
    "node-name": idOf("disk", 1),
  });
  assertEquals(stepOf(removed, "unplug"), {
    kind: "unplug",
    id: idOf("disk", 1),
    title: "disk 1",
    runState: "running",
    ledger: { uuid: uuidOf("disk", 1), kind: "disk", note: "pending" },
  });
  assertEquals(stepOf(removed, "await-release"), {
    kind: "await-release",
    pid: 4711,
    identity: "inode of /srv/d1.img",
  });
});

Deno.test("planDiskRemove() can put the entry back where it was", () => {
  const given = facts(TWO_DISKS);
  const removed = planOf(planDiskRemove(request("0"), given));
  assertEquals(stepOf(removed, "commit-state").change, {
    change: "delete",
    list: "disks",
    uuid: uuidOf("disk", 0),
  });
  const node = present(given.content.runtime.disks[0]?.node);
  assertEquals(stepOf(removed, "commit-state").inverse, {
    change: "insert",
    list: "disks",
    uuid: uuidOf("disk", 0),
    entry: formatJson(node),
    index: 0,
  });
});

Deno.test("planDiskRemove() tells which disk it takes", () => {
  const removed = plan("-1");
  assertEquals(
    [removed.action, removed.instance, removed.title],
    ["remove", "vm1", "disk 1"],
  );
  assertEquals(
    [removed.device.uuid, removed.device.index, removed.device.slot],
    [uuidOf("disk", 1), 1, 13],
  );
});

Deno.test("planDiskRemove() does not wait for a guest that stands still", () => {
  const given = { ...TWO_DISKS, qemu: { runState: "paused" } };
  assertEquals(stepOf(plan("1", given), "unplug").runState, "paused");
});

Deno.test("planDiskRemove() unplugs nothing that QEMU does not have", () => {
  const qemu = { deviceIds: new Set<string>() };
  assertEquals(stepNames(plan("1", { ...TWO_DISKS, qemu })), [
    "stage-state",
    "blockdev-del",
    "await-release",
    "commit-state",
  ]);
  const none = { ...qemu, nodeNames: new Set<string>() };
  assertEquals(stepNames(plan("1", { ...TWO_DISKS, qemu: none })), [
    "stage-state",
    "await-release",
    "commit-state",
  ]);
});

Deno.test("planDiskRemove() deletes no node of a disk started by -drive", () => {
  const qemu = { nodeNames: new Set(["#block123"]) };
  assertEquals(stepNames(plan("1", { ...TWO_DISKS, qemu })), [
    "stage-state",
    "unplug",
    "await-release",
    "commit-state",
  ]);
});

/** A backend as query-block shows it. */
function backend(qdev: string, more: Partial<BlockBackend>): BlockBackend {
  return {
    qdev,
    device: "",
    nodeName: "",
    sizeBytes: 1,
    file: "/srv/d1.img",
    ...more,
  };
}

function pathOf(id: string): string {
  return `/machine/peripheral/${id}/virtio-backend`;
}

const DRIVE = { device: idOf("disk", 1), nodeName: "#block123" };

Deno.test("planDiskRemove() makes sure that a drive goes with its device", () => {
  for (const qdev of [pathOf(idOf("disk", 1)), idOf("disk", 1)]) {
    const qemu = {
      nodeNames: new Set(["#block123"]),
      block: [backend(qdev, DRIVE)],
    };
    const removed = plan("1", { ...TWO_DISKS, qemu });
    assertEquals(stepNames(removed), [
      "stage-state",
      "unplug",
      "drop-drive",
      "await-release",
      "commit-state",
    ]);
    assertEquals(stepOf(removed, "drop-drive").drive, idOf("disk", 1));
  }
});

Deno.test("planDiskRemove() drops a drive that lost its device", () => {
  const qemu = { deviceIds: new Set<string>(), block: [backend("", DRIVE)] };
  assertEquals(stepNames(plan("1", { ...TWO_DISKS, qemu }))[1], "drop-drive");
});

Deno.test("planDiskRemove() leaves a drive that another device uses", () => {
  const qemu = { block: [backend(pathOf("other"), DRIVE)] };
  const names = stepNames(plan("1", { ...TWO_DISKS, qemu }));
  assert(!names.includes("drop-drive"));
});

Deno.test("planDiskRemove() finds a node that is not named after the disk", () => {
  const qemu = {
    nodeNames: new Set(["data0"]),
    block: [backend(pathOf(idOf("disk", 1)), { nodeName: "data0" })],
  };
  const removed = plan("1", { ...TWO_DISKS, qemu });
  assertEquals(qmpStep(removed, "blockdev-del").arguments, {
    "node-name": "data0",
  });
});

Deno.test("planDiskRemove() takes down what lies under the disk alone", () => {
  const node = (id: number, name: string) => ({
    id,
    type: "block-driver",
    name,
  });
  const graph = {
    nodes: [
      node(1, "base"),
      node(2, "raw1"),
      node(3, "#block9"),
      node(4, idOf("disk", 1)),
      node(5, "another"),
    ],
    edges: [
      { parent: 4, child: 2, name: "file" },
      { parent: 2, child: 3, name: "file" },
      { parent: 2, child: 1, name: "backing" },
      { parent: 5, child: 1, name: "backing" },
    ],
  };
  const users = { graph, jobs: [], exports: [] };
  const given = { ...facts(TWO_DISKS), users };
  const removed = planOf(planDiskRemove(request("1"), given));
  assertEquals(
    removed.steps.flatMap((one) => one.kind === "drop-node" ? [one.name] : []),
    ["raw1"],
  );
});

/** A block graph of `name: its children`. */
function graphOf(all: { readonly [name: string]: readonly string[] }) {
  const names = Object.keys(all);
  return {
    nodes: names.map((name, id) => ({ id, type: "block-driver", name })),
    edges: names.flatMap((name, parent) =>
      (all[name] ?? []).map((child) => ({
        ...{ parent, child: names.indexOf(child), name: "file" },
      }))
    ),
  };
}

/** What the backend steps of removing disk 1 take down, by kind and name. */
function takenDown(given: FactsSpec, word = "1"): string[] {
  const removed = planDiskRemove(
    request(word, { unrecorded: "forced" }),
    facts({ ...TWO_DISKS, ...given }),
  );
  return known(removed, instancePaths("/run/g", "vm1")).steps.flatMap((
    step,
  ) =>
    step.kind === "drop-node"
      ? [`node ${step.name}`]
      : step.kind === "drop-drive"
      ? [`drive ${step.drive}`]
      : step.kind === "qmp"
      ? [`${step.execute} ${step.arguments["node-name"]}`]
      : []
  );
}

Deno.test("planDiskRemove() takes down what was plugged under a drive", () => {
  const id = idOf("disk", 1);
  const graph = graphOf({
    ...{ "#block123": ["limits", "#file"], limits: [], "#file": [] },
  });
  const given = {
    qemu: { block: [backend(pathOf(id), DRIVE)] },
    users: { graph, jobs: [], exports: [] },
  };
  assertEquals(takenDown(given), [`drive ${id}`, "node limits"]);
});

Deno.test("planDiskRemove() takes down what a mirror put on top, and the rest", () => {
  const id = idOf("disk", 1);
  const graph = graphOf({
    mirror: [id, "side"],
    [id]: ["low"],
    low: [],
    side: [],
  });
  const given = {
    qemu: {
      nodeNames: new Set(["mirror", id]),
      block: [backend(pathOf(id), { nodeName: "mirror" })],
    },
    users: { graph, jobs: [], exports: [] },
  };
  assertEquals(takenDown(given), [
    ...["node mirror", `node ${id}`, "node side", "node low"],
  ]);
});

Deno.test("planDiskRemove() refuses what somebody else uses, recorded or not", () => {
  const id = idOf("disk", 1);
  const stray = "disk-932df160-7a22-4067";
  for (const one of [id, stray]) {
    const spec = {
      ...TWO_DISKS,
      qemu: { nodeNames: new Set([one]) },
      users: {
        graph: graphOf({}),
        jobs: [],
        exports: [{ id: "e1", type: "nbd", node: one }],
      },
    };
    const { message } = planRefusal(
      "in-use",
      facts(spec),
      (given) => planDiskRemove(request(one, { unrecorded: "forced" }), given),
    );
    assertStringIncludes(message, "nbd export e1");
  }
  const qemu = { nodeNames: new Set([stray]) };
  assertEquals(takenDown({ qemu }, stray), [`blockdev-del ${stray}`]);
});

Deno.test("planDiskRemove() waits for no fd that another disk has open", () => {
  const given = { ...TWO_DISKS, diskIdentities: ["one inode", "one inode"] };
  assert(!stepNames(plan("1", given)).includes("await-release"));
});

Deno.test("planDiskRemove() waits for no fd where none can be seen", () => {
  const cases: FactsSpec[] = [
    { ...TWO_DISKS, qemu: { process: undefined } },
    { ...TWO_DISKS, diskIdentities: [undefined, undefined] },
  ];
  for (const given of cases) {
    assert(!stepNames(plan("1", given)).includes("await-release"));
  }
});

Deno.test("planDiskRemove() keeps the id a device was recorded with", () => {
  const hvinfo = { id: "hotdisk-d0000001-pci-13", addr: "0xd", bus: "pci.0" };
  const given = { disks: [disk(0, 12), disk(1, 13, { hvinfo })] };
  assertEquals(stepOf(plan("1", given), "unplug").id, hvinfo.id);
});

const BOOTED = {
  ...TWO_DISKS,
  qemu: {
    process: {
      pid: 4711,
      argv: ["kvm", "-device", `virtio-blk-pci,id=${idOf("disk", 0)}`],
    },
  },
};

Deno.test("planDiskRemove() keeps the disk the VM was started from", () => {
  const error = refused("refused", "0", BOOTED);
  assertStringIncludes(error.hint ?? "", "--force");
  const forced = request("0", { bootDisk: "forced" });
  planOf(planDiskRemove(forced, facts(BOOTED)));
});

Deno.test("planDiskRemove() takes a disk the VM was not started from", () => {
  plan("1", BOOTED);
  plan("0");
  plan("0", { ...BOOTED, hvparams: { boot_order: "cdrom" } });
});

const LIST = "to see its devices, run: kvm-hotplug list vm1";

Deno.test("planDiskRemove() finds nothing by an index or a name", () => {
  for (const word of ["2", "nope", "d000000"]) {
    const error = refused("no-such-device", word);
    // None is named that one could be led to remove.
    assertEquals(
      [error.message, error.hint, error.details.choice?.known],
      [`No device "${word}" in this instance`, LIST, []],
    );
  }
});

Deno.test("planDiskRemove() finds nothing in a VM without any disk", () => {
  const none = { nics: [nic(0, 14)] };
  for (const word of ["0", "-1", "nope"]) {
    const error = refused("no-such-device", word, none);
    assertStringIncludes(error.message, "this instance has no disk");
    assertEquals(error.hint, LIST);
  }
  const { steps } = planDiskRemove(request(NEW_UUID), facts(none));
  assertEquals(steps, []);
});

Deno.test("planDiskRemove() says that an id is of a NIC", () => {
  const word = idOf("nic", 0);
  const error = refused("no-such-device", word);
  assertEquals(error.message, `${word} is not a disk: it is NIC 0`);
  assertEquals(error.hint, `nic remove vm1 ${word}`);
  const gone = { deviceIds: new Set<string>(), netdevs: new Map() };
  const given = facts({ ...TWO_DISKS, qemu: gone });
  assertEquals(planDiskRemove(request(word), given).steps, []);
});

Deno.test("planDiskRemove() of a uuid or an id that is gone does nothing", () => {
  for (const word of [NEW_UUID, "disk-932df160-7a22-4067"]) {
    const plan = planDiskRemove(request(word), facts(TWO_DISKS));
    assertObjectMatch(plan, { action: "remove", instance: "vm1" });
    const { steps, device, warnings } = plan;
    assertEquals([steps, device, warnings], [[], null, []]);
  }
});

Deno.test("planDiskRemove() refuses what only QEMU has", () => {
  const ganeti = "disk-932df160-7a22-4067";
  const design = "disk-932df160-pci-13";
  const cases = [
    { id: ganeti, word: NEW_UUID },
    { id: ganeti, word: ganeti },
    { id: design, word: NEW_UUID },
    { id: design, word: design },
  ];
  for (const { id, word } of cases) {
    for (const key of ["deviceIds", "nodeNames"] as const) {
      const qemu = { [key]: new Set([id]) };
      const code = key === "deviceIds" ? "refused" : "leftover";
      const error = refused(code, word, { ...TWO_DISKS, qemu });
      assertStringIncludes(error.message, id);
    }
  }
});

Deno.test("planDiskRemove() of a leftover takes out no device", () => {
  const id = "disk-932df160-7a22-4067";
  const made = (
    device: string,
    key: "deviceIds" | "nodeNames",
    set?: number,
  ) => {
    const given = facts({ ...TWO_DISKS, qemu: { [key]: new Set([id]) } });
    const strayFdsets = new Map(set === undefined ? [] : [[id, set]]);
    const plan = planDiskRemove(
      request(device, { unrecorded: "leftover" }),
      { ...given, strayFdsets },
    );
    return plan.steps.length === 0 ? [] : stepNames(plan);
  };
  assertEquals(made(NEW_UUID, "nodeNames"), ["blockdev-del"]);
  // Whoever failed left the file open, too.
  const both = ["blockdev-del", "remove-fd"];
  assertEquals(made(NEW_UUID, "nodeNames", 3), both);
  assertEquals(made(NEW_UUID, "deviceIds"), []);
  // It was recorded since.
  assertEquals(made(uuidOf("disk", 0), "nodeNames"), []);
});

Deno.test("planDiskRemove() takes a uuid in capitals for the same", () => {
  const qemu = { deviceIds: new Set(["disk-932df160-7a22-4067"]) };
  refused("refused", NEW_UUID.toUpperCase(), { ...TWO_DISKS, qemu });
  refused("refused", NEW_UUID.toUpperCase(), {
    ...TWO_DISKS,
    qemu: { deviceIds: new Set(["hotdisk-932df160-pci-13"]) },
  });
});

Deno.test("planDiskRemove() refuses a disk that has no id", () => {
  const legacy = [{ uuid: uuidOf("disk", 1) }, "/srv/d1.img", null];
  const cases = [
    legacy,
    [{ hvinfo: { id: "disk-x" } }, null, null],
    [{ hvinfo: {}, uuid: uuidOf("disk", 1) }, null, null],
  ];
  for (const one of cases) {
    refused("unsupported", "1", { disks: [disk(0, 12), one] });
  }
});

Deno.test("planDiskRemove() refuses a word that means several", () => {
  const named = [disk(0, 12, { name: "x" }), disk(1, 13, { name: "x" })];
  refused("ambiguous-device", "x", { disks: named });
});

Deno.test("planDiskRemove() says why a disk of the command line stays", () => {
  const error = (drive: string, spec: FactsSpec = {}) => {
    const given = facts(spec);
    const { content } = given;
    const kvmCmd = ["kvm", "-drive", drive];
    const old = { ...content, runtime: { ...content.runtime, kvmCmd } };
    return planRefusal(
      "no-such-device",
      { ...given, content: old },
      (one) => planDiskRemove(request("0"), one),
    );
  };
  const fixed = error("file=/dev/vg/lv,if=virtio");
  assertStringIncludes(fixed.message, "kvm_cmd");
  assertEquals(fixed.hint, "stop the instance to remove them");
  // One is not recorded, and could be.
  const qemu = { deviceIds: new Set([idOf("disk", 0)]) };
  const stray = error("file=/dev/vg/lv,if=virtio", { qemu });
  assertStringIncludes(stray.hint ?? "", "adopt vm1");
  const cd = error("file=/srv/a.iso,if=ide,media=cdrom");
  assertStringIncludes(cd.message, "this instance has no disk");
});

Deno.test("planDiskRemove() leaves a disk alone whose device has no id", () => {
  const ide = {
    qdev: "/machine/unattached/device[18]",
    device: idOf("disk", 0),
    nodeName: "#block181",
    sizeBytes: 1,
    file: "/srv/d0.img",
  };
  const qemu = { deviceIds: new Set<string>(), block: [ide] };
  const spec = { disks: [disk(0, 12)], qemu };
  const forced = request("0", { bootDisk: "forced" });
  planRefusal(
    "unsupported",
    facts(spec),
    (given) => planDiskRemove(forced, given),
  );
});

Deno.test("planDiskRemove() knows a disk plugged before a migration", () => {
  const id = idOf("disk", 0);
  const argv = ["kvm", "-device", `virtio-blk-pci,id=${id}`];
  const remove = (words: string[], more: PlainObject) =>
    planDiskRemove(
      request("0"),
      facts({
        disks: [disk(0, 12, more)],
        qemu: { process: { pid: 1, argv: words } },
      }),
    );
  const target = [...argv, "-incoming", "tcp:0:1"];
  planOf(remove(target, {}));
  refusal("refused", () => remove(argv, {}));
  refusal("refused", () => remove(target, { serial_no: 1 }));
});
