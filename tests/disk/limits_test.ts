import { assertEquals, assertMatch } from "@std/assert";
import { planDiskAdd } from "../../lib/disk/add.ts";
import { planDiskRemove } from "../../lib/disk/remove.ts";
import { planDiskSet } from "../../lib/disk/limits.ts";
import type { Facts } from "../../lib/plan/facts.ts";
import type { DiskSet } from "../../lib/disk/request.ts";
import { type IoLimits, limitArguments } from "../../lib/device/io_limits.ts";
import { EMPTY_RECORD, type OwnDevice } from "../../lib/state/own_check.ts";
import {
  disk,
  diskAdd,
  diskAddFacts,
  facts,
  idOf,
  NEW_UUID,
  NO_USERS,
  planOf,
  planRefusal,
  stepNames,
  stepOf,
  uuidOf,
} from "../support/facts.ts";

const ID = idOf("disk", 0);
const QDEV = `/machine/peripheral/${ID}/virtio-backend`;
const UUID = uuidOf("disk", 0);

function request(limits: IoLimits): DiskSet {
  return { kind: "disk-set", instance: "vm1", device: "0", limits };
}

function own(devices: Record<string, OwnDevice>) {
  return {
    place: { runDir: "/run/g", lockKey: "vm1" },
    qemu: null,
    record: { ...EMPTY_RECORD, devices },
  };
}

const COMMANDS = new Set([
  ...["add-fd", "remove-fd", "query-fdsets", "blockdev-add", "blockdev-del"],
  ...["device_add", "device_del", "block_set_io_throttle"],
]);

/** A disk that QEMU limits so. */
function limited(
  limits: IoLimits,
  noted?: OwnDevice,
  commands: ReadonlySet<string> = COMMANDS,
): Facts {
  const block = [{
    qdev: QDEV,
    device: "",
    nodeName: ID,
    sizeBytes: 512,
    file: "/dev/fdset/1",
    throttles: limitArguments(limits),
  }];
  return {
    ...facts({
      disks: [disk(0, 12)],
      qemu: { block, commands },
      own: own(noted === undefined ? {} : { [UUID]: noted }),
    }),
  };
}

Deno.test("planDiskSet() changes what is named and keeps the rest", () => {
  const plan = planOf(
    planDiskSet(request({ bps: 1024 }), limited({ iops: 100, "bps": 7 })),
  );
  assertEquals(stepNames(plan), ["own-record", "limit-disk"]);
  assertEquals(stepOf(plan, "limit-disk"), {
    kind: "limit-disk",
    id: ID,
    qdev: QDEV,
    limits: { iops: 100, bps: 1024 },
    before: { iops: 100, bps: 7 },
  });
  assertEquals(stepOf(plan, "own-record").change, {
    uuid: UUID,
    before: null,
    after: { kind: "disk", limits: { iops: 100, bps: 1024 } },
  });
  assertEquals(plan.device.limits, { iops: 100, bps: 1024 });
});

Deno.test("planDiskSet() ends a limit by 0, and its note with it", () => {
  const noted: OwnDevice = { kind: "disk", limits: { iops: 100 } };
  const plan = planOf(
    planDiskSet(request({ iops: 0 }), limited({ iops: 100 }, noted)),
  );
  assertEquals(stepOf(plan, "limit-disk").limits, {});
  assertEquals(stepOf(plan, "own-record").change.after, null);
  assertEquals(plan.device.limits, null);
  const via = { ...noted, via: "path" } as const;
  const kept = planOf(
    planDiskSet(request({ iops: 0 }), limited({ iops: 100 }, via)),
  );
  assertEquals(stepOf(kept, "own-record").change.after, {
    kind: "disk",
    via: "path",
  });
});

Deno.test("planDiskSet() finds nothing to do where it is so already", () => {
  const noted: OwnDevice = { kind: "disk", limits: { iops: 100 } };
  const decision = planDiskSet(
    request({ iops: 100, bps: 0 }),
    limited({ iops: 100 }, noted),
  );
  assertEquals(decision.steps, []);
});

Deno.test("planDiskSet() refuses what QEMU would not take together", () => {
  const error = planRefusal(
    "refused",
    limited({ iops: 100 }),
    (given) => planDiskSet(request({ "iops-read": 5 }), given),
  );
  assertMatch(error.message, /iops-read/);
  const commands = new Set<string>();
  planRefusal(
    "unsupported",
    limited({}, undefined, commands),
    (given) => planDiskSet(request({ iops: 5 }), given as Facts),
  );
  const gone = {
    ...limited({}),
    ...facts({ disks: [disk(0, 12)], qemu: { commands: COMMANDS } }),
  };
  planRefusal(
    "no-such-device",
    gone,
    (given) => planDiskSet(request({ iops: 5 }), given),
  );
});

Deno.test("planDiskSet() refuses a disk that is on its way out", () => {
  const requestedAt = "2026-11-22T21:00:00Z";
  const pending = { id: ID, title: "disk 0", requestedAt };
  const error = planRefusal(
    "refused",
    limited({}, { kind: "disk", pending }),
    (given) => planDiskSet(request({ iops: 5 }), given),
  );
  assertMatch(error.message, /^Cannot change disk 0: it is being removed/);
  assertMatch(error.hint ?? "", new RegExp(`disk remove vm1 ${ID}`));
  // One of another device that had the uuid before.
  const other = { kind: "disk", pending: { ...pending, id: "disk-x" } };
  const plan = planDiskSet(request({ iops: 5 }), limited({}, other));
  assertEquals(plan.steps.at(-1)?.kind, "limit-disk");
});

Deno.test("planDiskAdd() limits a disk once it is plugged, and notes it first", () => {
  const given = diskAddFacts({ qemu: { commands: COMMANDS } });
  const plan = planOf(
    planDiskAdd(diskAdd({ limits: { "bps-read": 9, iops: 0 } }), given),
  );
  const names = stepNames(plan);
  assertEquals(names.indexOf("limit-disk"), names.indexOf("device_add") + 1);
  assertEquals(names.includes("own-record"), true);
  assertEquals(names.indexOf("own-record") < names.indexOf("device_add"), true);
  assertEquals(stepOf(plan, "limit-disk").limits, { "bps-read": 9 });
  assertEquals(plan.device.limits, { bps_read: 9 });
});

Deno.test("planDiskRemove() keeps the limits, planDiskAdd() sets them again", () => {
  const noted: OwnDevice = { kind: "disk", via: "path", limits: { iops: 100 } };
  const given = limited({ iops: 100 }, noted);
  const removal = planOf(planDiskRemove({
    kind: "disk-remove",
    instance: "vm1",
    device: UUID,
    bootDisk: "kept",
  }, { ...given, users: NO_USERS }));
  const kept = stepOf(removal, "own-record").change.after;
  assertEquals(kept, { kind: "disk", limits: { iops: 100 } });
  const note: OwnDevice = { kind: "disk", limits: { iops: 100 } };
  const back = diskAddFacts({
    qemu: { commands: COMMANDS },
    own: own({ [NEW_UUID]: note }),
  });
  const again = planOf(planDiskAdd(diskAdd(), back));
  assertEquals(stepOf(again, "limit-disk").limits, { iops: 100 });
  assertEquals(stepNames(again).includes("own-record"), false);
});

Deno.test("planDiskSet() without limits changes nothing and tells them", () => {
  const noted = { kind: "disk", limits: { iops: 7 } } as const;
  const plan = planDiskSet(request({}), limited({ iops: 9 }, noted));
  assertEquals(plan.steps, []);
  assertEquals(plan.device?.limits, { iops: 9 });
});
