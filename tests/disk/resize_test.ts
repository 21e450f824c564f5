import { saidIn } from "../support/document.ts";
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { HotplugError } from "../../lib/errors.ts";
import type { LiveDisk, OpenSource } from "../../lib/disk/live.ts";
import type { DiskResize } from "../../lib/disk/request.ts";
import { type DiskResizeFacts, planDiskResize } from "../../lib/disk/resize.ts";
import { courseOf } from "../../lib/engine/recover_course.ts";
import {
  disk,
  facts,
  type FactsSpec,
  idOf,
  planOf,
  planRefusal,
  stepNames,
  stepOf,
  uuidOf,
} from "../support/facts.ts";
import { STEPS } from "../support/steps.ts";

const MIB = 1024 * 1024;
const ID = idOf("disk", 0);

function request(more: Partial<DiskResize> = {}): DiskResize {
  const fileGrowth = "refused";
  return {
    kind: "disk-resize",
    instance: "vm1",
    device: "0",
    fileGrowth,
    ...more,
  };
}

const FILE: OpenSource = {
  identity: "inode of /srv/d0.img",
  kind: "file",
  path: "/srv/d0.img",
  resolved: "/srv/d0.img",
  sizeBytes: 96 * MIB,
};

/** A disk of 64 MiB whose file has 96 MiB by now. */
function live(
  more: Partial<LiveDisk> = {},
  spec: FactsSpec = {},
): DiskResizeFacts {
  const one: LiveDisk = {
    qdev: `/machine/peripheral/${ID}/virtio-backend`,
    id: ID,
    backend: {
      qdev: `/machine/peripheral/${ID}/virtio-backend`,
      device: "",
      nodeName: ID,
      sizeBytes: 64 * MIB,
      file: "/dev/fdset/1",
    },
    drivers: ["raw", "file"],
    direct: false,
    readOnly: false,
    nodes: [ID, "#block1"],
    source: FILE,
    ...more,
  };
  const base = facts({
    disks: [disk(0, 12)],
    qemu: { commands: new Set(["block_resize"]) },
    ...spec,
  });
  return { ...base, live: [one], images: [], moved: [] };
}

Deno.test("planDiskResize() takes the size of a file that has grown", () => {
  const plan = planOf(planDiskResize(request(), live()));
  assertEquals(stepNames(plan), ["stage-state", "resize-disk", "commit-state"]);
  assertEquals(plan.warnings, []);
  const commands = new Set(["block_resize"]);
  const paused = live({}, { qemu: { commands, runState: "paused" } });
  const [warning] = planDiskResize(request(), paused).warnings;
  assertEquals(warning?.code, "paused");
  assertEquals(stepOf(plan, "resize-disk"), {
    kind: "resize-disk",
    target: { "node-name": ID },
    from: 64 * MIB,
    to: 96 * MIB,
  });
  const { change, inverse } = stepOf(plan, "commit-state");
  const about = { change: "members", list: "disks", uuid: uuidOf("disk", 0) };
  assertEquals([change, inverse], [
    { ...about, members: { size: "96" } },
    { ...about, members: { size: "64" } },
  ]);
  assertEquals(plan.device.size_bytes, 96 * MIB);
});

Deno.test("planDiskResize() finds nothing to do where the sizes are the same", () => {
  const same = { ...FILE, sizeBytes: 64 * MIB };
  for (const sizeBytes of [undefined, 64 * MIB]) {
    const decision = planDiskResize(
      request({ sizeBytes }),
      live({ source: same }),
    );
    assertEquals(decision.steps, []);
  }
});

Deno.test("planDiskResize() refuses an overlay over what was plugged", () => {
  const overlay = { drivers: ["qcow2", "file"], nodes: ["s", "#block9"] };
  const resize = (nodeNames: ReadonlySet<string>) =>
    planDiskResize(
      request({ sizeBytes: 128 * MIB }),
      live(overlay, {
        disks: [disk(0, 12)],
        qemu: { commands: new Set(["block_resize"]), nodeNames },
      }),
    );
  const { message } = assertThrows(
    () => resize(new Set([ID, "s"])),
    HotplugError,
  );
  assertMatch(message, /in an overlay, \/srv\/d0\.img \(qcow2\)/);
  assertEquals(planOf(resize(new Set(["s"]))).action, "resize");
});

Deno.test("planDiskResize() refuses a disk that is on its way out", () => {
  const requestedAt = "2026-11-22T21:00:00Z";
  const pending = { id: ID, title: "disk 0", requestedAt };
  const devices = { [uuidOf("disk", 0)]: { kind: "disk", pending } };
  const record = { qemu: null, devices, more: {} };
  const own = { ...facts().own, record };
  const error = planRefusal(
    "refused",
    live({}, { own }),
    (given) => planDiskResize(request(), given),
  );
  assertMatch(error.message, /^Cannot resize disk 0: it is being removed/);
});

Deno.test("planDiskResize() refuses sizes that are not told to the byte", () => {
  const [{ backend }] = live().live as [LiveDisk];
  const huge = { backend: { ...backend, sizeBytes: 2n ** 60n + 512n } };
  const long = { source: { ...FILE, sizeBytes: 2 ** 53 + 512 } };
  for (const more of [huge, long]) {
    const { message } = planRefusal(
      "refused",
      live(more),
      (given) => planDiskResize(request(), given),
    );
    assertMatch(
      message,
      /it has (?:1024|8) PiB, and the largest size is 90071992547404/,
    );
  }
  const most = { ...FILE, sizeBytes: 2 ** 53 - 600 };
  const plan = planOf(planDiskResize(request(), live({ source: most })));
  assertEquals(stepOf(plan, "resize-disk").to, 2 ** 53 - 512);
});

Deno.test("planDiskResize() lets a raw file grow only with --grow", () => {
  const sizeBytes = 128 * MIB;
  const error = planRefusal(
    "refused",
    live(),
    (given) => planDiskResize(request({ sizeBytes }), given),
  );
  assertMatch(error.hint ?? "", /--grow/);
  const plan = planOf(
    planDiskResize(request({ sizeBytes, fileGrowth: "allowed" }), live()),
  );
  assertEquals(stepOf(plan, "resize-disk").to, sizeBytes);
});

Deno.test("planDiskResize() never cuts a file, and never shrinks a disk", () => {
  const grow = { fileGrowth: "allowed" } as const;
  const refused = (sizeBytes: number, more: Partial<LiveDisk> = {}) =>
    planRefusal(
      "refused",
      live(more),
      (given) => planDiskResize(request({ ...grow, sizeBytes }), given),
    ).message;
  assertMatch(refused(80 * MIB), /would shorten the file/);
  assertMatch(refused(32 * MIB), /would shorten the file/);
  const qcow2 = { drivers: ["qcow2", "file"] };
  assertMatch(refused(32 * MIB, qcow2), /Cannot shrink/);
  assertMatch(refused(64 * MIB + 1, qcow2), /multiple of 512/);
  const cut = { source: { ...FILE, sizeBytes: 32 * MIB } };
  const error = planRefusal(
    "refused",
    live(cut),
    (given) => planDiskResize(request(), given),
  );
  assertMatch(error.message, /was cut to 32M \(33554432 bytes\)/);
});

Deno.test("planDiskResize() does not call a file that was cut whole", () => {
  const cut = { source: { ...FILE, sizeBytes: 32 * MIB } };
  const whole = { fileGrowth: "allowed", sizeBytes: 64 * MIB } as const;
  const error = planRefusal(
    "refused",
    live(cut),
    (given) => planDiskResize(request(whole), given),
  );
  assertMatch(error.message, /was cut to 32M \(33554432 bytes\)/);
  assertMatch(error.hint ?? "", /run: truncate -s 67108864 /);
  const qcow2 = live({ ...cut, drivers: ["qcow2", "file"] });
  const decision = planDiskResize(request(whole), qcow2);
  assertEquals(decision.steps, []);
});

Deno.test("planDiskResize() takes a block device's size and no other", () => {
  const source = { ...FILE, kind: "block" } as const;
  const drivers = ["raw", "host_device"];
  const plan = planOf(planDiskResize(request(), live({ source, drivers })));
  assertEquals(stepOf(plan, "resize-disk").to, 96 * MIB);
  for (const sizeBytes of [80 * MIB, 128 * MIB]) {
    const error = planRefusal(
      "refused",
      live({ source, drivers }),
      (given) =>
        planDiskResize(request({ sizeBytes, fileGrowth: "allowed" }), given),
    );
    assertMatch(error.message, /the size of its device/);
  }
});

Deno.test("planDiskResize() for Ganeti gives the guest all of a larger volume", () => {
  const source = { ...FILE, kind: "block" } as const;
  const given = live({ source, drivers: ["raw", "host_device"] });
  const asked = (sizeBytes: number) =>
    request({ sizeBytes, fileGrowth: "allowed", largerDevice: "whole" });
  // LVM rounds up: the volume has more than the configuration says.
  const plan = planOf(planDiskResize(asked(93 * MIB), given));
  assertEquals(stepOf(plan, "resize-disk").to, 96 * MIB);
  planRefusal(
    "refused",
    given,
    (one) => planDiskResize(asked(97 * MIB), one),
  );
  // Of a file QEMU would cut off what is beyond.
  planRefusal("refused", live(), (one) => planDiskResize(asked(93 * MIB), one));
});

Deno.test("planDiskResize() needs SIZE where no file tells it", () => {
  for (const drivers of [["qcow2", "file"], ["raw", "nbd"], ["rbd"]]) {
    const why = "it is not a file or block device on this node";
    const given = live({ drivers, source: { why } });
    const error = planRefusal(
      "refused",
      given,
      (one) => planDiskResize(request(), one),
    );
    assertEquals(error.hint, "give the new SIZE");
    planOf(planDiskResize(request({ sizeBytes: 128 * MIB }), given));
  }
});

Deno.test("planDiskResize() refuses what nothing proves, or QEMU cannot", () => {
  const resize = (given: DiskResizeFacts) => planDiskResize(request(), given);
  const unproven = live({ source: { why: "two files have its size" } });
  assertMatch(planRefusal("refused", unproven, resize).message, /two files/);
  planRefusal("refused", live({ readOnly: true }), resize);
  planRefusal("no-such-device", { ...live(), live: [] }, resize);
  const old = live({}, { qemu: { commands: new Set() } });
  planRefusal("unsupported", old, resize);
  planRefusal("migrating", live({}, { qemu: { migration: "active" } }), resize);
});

Deno.test("planDiskResize() follows the record to a file QEMU has open", () => {
  const { identity, path, kind } = FILE;
  const images = [{
    identity,
    path,
    kind,
    sizeBytes: 96 * MIB,
    fds: [9],
    lock: "held" as const,
  }];
  const why = "QEMU does not tell which file it has open";
  const given = { ...live({ source: { why } }), images };
  const plan = planOf(planDiskResize(request(), given));
  assertEquals(stepOf(plan, "resize-disk").to, 96 * MIB);
  const [disk] = live().live;
  const other = { ...disk!, id: "other", source: FILE };
  planRefusal(
    "refused",
    { ...given, live: [...given.live, other] },
    (one) => planDiskResize(request(), one),
  );
});

Deno.test("planDiskResize() addresses a disk of -drive by its drive", () => {
  const backend = {
    ...live().live[0]!.backend,
    nodeName: "#block7",
    device: ID,
  };
  const plan = planOf(planDiskResize(request(), live({ backend })));
  assertEquals(stepOf(plan, "resize-disk").target, { device: ID });
});

Deno.test("courseOf() finishes a resize that the guest has seen", () => {
  const plan = planOf(planDiskResize(request(), live()));
  const turn = plan.turn ?? -1;
  assertEquals(plan.steps[turn]?.kind, "resize-disk");
  const course = (turned: "done" | "not-done", undoing: boolean) =>
    courseOf({ plan, begun: turn, undoing }, {
      qemu: "same",
      committed: "not-done",
      turned,
    }, STEPS);
  assertEquals(course("done", false), "finish");
  assertEquals(course("done", true), "finish");
  assertEquals(course("not-done", false), "take-back");
});

Deno.test("planDiskResize() refuses an NVMe disk, as QEMU would", () => {
  const hvinfo = { driver: "nvme", id: ID, bus: "pci.0", addr: "0xc" };
  const disks = [disk(0, 12, { hvinfo })];
  const error = planRefusal(
    "unsupported",
    live({}, { disks }),
    (one) => planDiskResize(request(), one),
  );
  assertMatch(error.message, /nvme/);
});

Deno.test("planDiskResize() says where a guest is not told of it", () => {
  const place = { bus: "scsi.0", channel: 0, "scsi-id": 0, lun: 0 };
  const hvinfo = { driver: "scsi-hd", id: ID, ...place };
  const given = live({}, { disks: [disk(0, 12, { hvinfo })] });
  const warnings = (controller: string) => {
    const { content } = given;
    const kvmCmd = ["kvm", "-device", `${controller},id=scsi`];
    const runtime = { ...content.runtime, kvmCmd };
    const facts = { ...given, content: { ...content, runtime } };
    return planOf(planDiskResize(request(), facts)).warnings;
  };
  assertMatch(saidIn(warnings("lsi")), /rescan/);
  assertEquals(warnings("virtio-scsi-pci"), []);
});

Deno.test("planDiskResize() says a size as it was given", () => {
  const told = (sizeBytes: number, sizeWord?: string) =>
    planRefusal(
      "refused",
      live(),
      (one) => planDiskResize(request({ sizeBytes, sizeWord }), one),
    ).message;
  assertMatch(told(32 * MIB, "32768k"), / to 32768k \(33554432 bytes\): /);
  assertMatch(told(32 * MIB, "33554432"), / to 32M \(33554432 bytes\): /);
  assertMatch(told(1.5 * 1024 * MIB, "1.5G"), / to 1\.5G \(1610612736 bytes\)/);
  assertMatch(told(32 * MIB), / to 32M \(33554432 bytes\): /);
});
