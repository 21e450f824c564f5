import { assertEquals, assertMatch } from "@std/assert";
import { planDiskAdd } from "../../lib/disk/add.ts";
import { planDiskRemove } from "../../lib/disk/remove.ts";
import { planDiskSet } from "../../lib/disk/limits.ts";
import type { Facts } from "../../lib/plan/facts.ts";
import type { DiskSet } from "../../lib/disk/request.ts";
import { type IoLimits, limitArguments } from "../../lib/device/io_limits.ts";
import { EMPTY_RECORD, type OwnDevice } from "../../lib/state/own_check.ts";
import {
  assert,
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
  // What was not given is named with its value.
  const kept = limited({ iops: 50, "iops-max": 60 });
  const burst = (limits: IoLimits) => {
    const { message, hint } = planRefusal(
      "refused",
      kept,
      (given) => planDiskSet(request(limits), given),
    );
    return [message, hint];
  };
  const cannot = "Cannot set these limits: iops-max must not be below iops";
  assertEquals(burst({ iops: 77 }), [
    `${cannot}; iops-max is kept: it is 60`,
    "to change it, too, add --iops-max N, or --iops-max 0 to remove it",
  ]);
  assertEquals(burst({ "iops-max": 40 }), [
    `${cannot}; iops is kept: it is 50`,
    "to change it, too, add --iops N",
  ]);
  assertEquals(burst({ iops: 77, "iops-max": 60 }), [cannot, undefined]);
  const long = { iops: 50, "iops-max": 60, "iops-max-length": 9 };
  const high = planRefusal(
    "refused",
    limited(long),
    (given) => planDiskSet(request({ "iops-max": 5e14 }), given),
  );
  assertMatch(high.message, /iops-max-length is kept: it is 9$/);
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
  assertMatch(error.message, /^Cannot limit disk 0: it is being removed/);
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

/** Further disks of QEMU, each with the limits of a group. */
function together(
  groups: readonly (string | undefined)[],
  limits: IoLimits,
  notes: Record<string, OwnDevice> = {},
): Facts {
  const block = groups.map((group, index) => {
    const id = idOf("disk", index);
    return {
      qdev: `/machine/peripheral/${id}/virtio-backend`,
      ...{ device: "", nodeName: id, sizeBytes: 512, file: "/dev/fdset/1" },
      throttles: limitArguments(group === undefined ? {} : limits),
      throttleGroup: group,
    };
  });
  const disks = groups.map((_, index) => disk(index, 12 + index));
  const qemu = { block, commands: COMMANDS };
  return facts({ disks, qemu, own: own(notes) });
}

function grouped(
  limitGroup: string | null | undefined,
  limits: IoLimits = {},
): DiskSet {
  return { ...request(limits), limitGroup };
}

Deno.test("planDiskSet() enters a group with the limits that it has", () => {
  const given = together([undefined, "g"], { iops: 100 });
  const plan = planOf(planDiskSet(grouped("g"), given));
  assertEquals(stepNames(plan), ["own-record", "limit-disk"]);
  assertEquals(stepOf(plan, "limit-disk"), {
    ...{ kind: "limit-disk", id: ID, qdev: QDEV },
    ...{ limits: { iops: 100 }, before: {}, group: "g" },
  });
  assertEquals(stepOf(plan, "own-record").change.after, {
    kind: "disk",
    limits: { iops: 100 },
    limitGroup: "g",
  });
  assertEquals(plan.device.limit_group, "g");
  const [{ code, message } = { code: "", message: "" }] = plan.warnings;
  assertEquals(code, "limits-shared");
  assertMatch(message, /^disk 0 shares its limits with disk 1: limit group g$/);
  const shared = (id: string) => {
    const [mine, other] = given.qemu.block;
    assert(mine !== undefined && other !== undefined);
    const qdev = `/machine/peripheral/${id}/virtio-backend`;
    const block = [mine, { ...other, qdev }];
    const qemu = { ...given.qemu, block };
    const { warnings } = planDiskSet(grouped("g"), { ...given, qemu });
    return warnings[0]?.message;
  };
  const unrecorded = idOf("disk", 7);
  const says = "disk 0 shares its limits with";
  assertEquals(shared(unrecorded), `${says} ${unrecorded}: limit group g`);
  assertEquals(shared("data"), `${says} disk data: limit group g`);
});

Deno.test("planDiskSet() changes a group before a disk enters it", () => {
  const given = together(["x", "g", "g"], { iops: 100 });
  const plan = planOf(planDiskSet(grouped("g", { iops: 7 }), given));
  const [first, second] = plan.steps.filter(({ kind }) =>
    kind === "limit-disk"
  );
  assertEquals(first, {
    ...{ kind: "limit-disk", id: idOf("disk", 1) },
    qdev: `/machine/peripheral/${idOf("disk", 1)}/virtio-backend`,
    ...{ limits: { iops: 7 }, before: { iops: 100 } },
  });
  assertEquals(second, {
    ...{ kind: "limit-disk", id: ID, qdev: QDEV, limits: { iops: 7 } },
    ...{ before: { iops: 100 }, group: "g", groupBefore: "x" },
  });
  const noted = plan.steps.flatMap((step) =>
    "change" in step ? [Object(step.change).uuid] : []
  );
  assertEquals(noted, [0, 1, 2].map((index) => uuidOf("disk", index)));
});

Deno.test("planDiskSet() changes and notes the limits of all in the group", () => {
  const given = together(["g", "g"], { iops: 100 });
  const plan = planOf(planDiskSet(grouped(undefined, { iops: 7 }), given));
  assertEquals(stepNames(plan), ["own-record", "own-record", "limit-disk"]);
  assertEquals(stepOf(plan, "limit-disk"), {
    ...{ kind: "limit-disk", id: ID, qdev: QDEV },
    ...{ limits: { iops: 7 }, before: { iops: 100 } },
  });
  assertEquals(plan.warnings.map(({ code }) => code), [
    ...["limits-shared", "until-qemu-ends"],
  ]);
});

Deno.test("planDiskSet() leaves a group with its limits, or without", () => {
  const given = together(["g", "g"], { iops: 100 });
  const plan = planOf(planDiskSet(grouped(null), given));
  assertEquals(stepNames(plan), ["own-record", "limit-disk"]);
  assertEquals(stepOf(plan, "limit-disk"), {
    ...{ kind: "limit-disk", id: ID, qdev: QDEV, limits: { iops: 100 } },
    ...{ before: { iops: 100 }, group: QDEV, groupBefore: "g" },
  });
  assertEquals(plan.device.limit_group, null);
  assertEquals(plan.warnings.map(({ code }) => code), ["until-qemu-ends"]);
  const bare = planOf(planDiskSet(grouped(null, { iops: 0 }), given));
  assertEquals(bare.warnings, []);
  assertEquals(stepOf(bare, "limit-disk"), {
    ...{ kind: "limit-disk", id: ID, qdev: QDEV, limits: {} },
    ...{ before: { iops: 100 }, groupBefore: "g" },
  });
  const nowhere = together([QDEV], { iops: 100 }, {
    [UUID]: { kind: "disk", limits: { iops: 100 } },
  });
  assertEquals(planDiskSet(grouped(null), nowhere).steps, []);
});

Deno.test("planDiskSet() refuses groups without limits, and names in use", () => {
  const refused = (given: Facts, asked: DiskSet, objects?: Set<string>) =>
    planRefusal(
      "refused",
      given,
      (all) =>
        planDiskSet(asked, { ...all as Facts, throttleObjects: objects }),
    ).message;
  const two = together(["g", "g"], { iops: 100 });
  assertMatch(
    refused(two, grouped(undefined, { iops: 0 })),
    /^Cannot remove the limits of disk 0: it shares them with disk 1/,
  );
  const none = together([undefined], {});
  assertMatch(refused(none, grouped("g")), /has no limits to share/);
  assertMatch(
    refused(none, grouped("g", { iops: 5 }), new Set(["g"])),
    /object of type throttle-group/,
  );
  // Another program put disk 1 into the group that QEMU made for disk 0.
  const guest = together([QDEV, QDEV], { iops: 100 });
  assertMatch(refused(guest, grouped(null)), /after the disk itself/);
  // The last disk may remove the limits of its group.
  const last = together(["g"], { iops: 100 });
  const plan = planOf(planDiskSet(grouped(undefined, { iops: 0 }), last));
  assertEquals(stepOf(plan, "limit-disk").limits, {});
  assertEquals(plan.device.limit_group, null);
});

Deno.test("planDiskAdd() puts a disk into its group", () => {
  const there = together(["g"], { iops: 100 });
  const given = diskAddFacts({
    disks: [disk(0, 12)],
    qemu: { block: there.qemu.block, commands: COMMANDS },
  });
  const added = (limits: IoLimits | undefined, more = given) =>
    planOf(planDiskAdd(diskAdd({ limits, limitGroup: "g" }), more));
  const plan = added(undefined);
  const { limits, group, before } = stepOf(plan, "limit-disk");
  assertEquals([limits, group, before], [{ iops: 100 }, "g", null]);
  assertEquals(plan.device.limit_group, "g");
  assertEquals(
    plan.warnings.some(({ code }) => code === "limits-shared"),
    true,
  );
  // Other limits are the limits of all.
  const steps = added({ iops: 9 }).steps.filter(({ kind }) =>
    kind === "limit-disk"
  );
  assertEquals(steps.map((step) => Object(step).id)[0], ID);
  assertEquals(steps.map((step) => Object(step).limits), [
    { iops: 9 },
    { iops: 9 },
  ]);
  const alone = diskAddFacts({ qemu: { commands: COMMANDS } });
  assertMatch(
    planRefusal(
      "refused",
      alone,
      (all) => planDiskAdd(diskAdd({ limitGroup: "g" }), all),
    ).message,
    /has no limits to share/,
  );
});

Deno.test("planDiskAdd() brings a disk back into its group as it is now", () => {
  const note: OwnDevice = {
    ...{ kind: "disk", limits: { iops: 5 }, limitGroup: "g" },
  };
  const { qemu: { block } } = together(["g"], { iops: 100 });
  const back = (blocks: typeof block) =>
    planOf(planDiskAdd(
      diskAdd(),
      diskAddFacts({
        disks: [disk(0, 12)],
        qemu: { block: blocks, commands: COMMANDS },
        own: own({ [NEW_UUID]: note }),
      }),
    ));
  const joined = stepOf(back(block), "limit-disk");
  assertEquals([joined.group, joined.limits], ["g", { iops: 100 }]);
  const alone = stepOf(back([]), "limit-disk");
  assertEquals([alone.group, alone.limits], ["g", { iops: 5 }]);
});

Deno.test("planDiskRemove() keeps the group with the limits", () => {
  const noted: OwnDevice = {
    ...{ kind: "disk", via: "path", limits: { iops: 1 }, limitGroup: "g" },
  };
  const removal = planOf(planDiskRemove({
    ...{ kind: "disk-remove", instance: "vm1", device: UUID, bootDisk: "kept" },
  }, { ...together(["g"], { iops: 1 }, { [UUID]: noted }), users: NO_USERS }));
  const { via: _, ...kept } = noted;
  assertEquals(stepOf(removal, "own-record").change.after, kept);
});
