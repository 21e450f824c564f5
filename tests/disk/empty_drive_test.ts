import { assertEquals, assertStringIncludes } from "@std/assert";
import { lacksMedium, planEmptyDrive } from "../../lib/disk/empty_drive.ts";
import type { EmptyDriveAdd } from "../../lib/disk/request.ts";
import { planDiskResize } from "../../lib/disk/resize.ts";
import { planDiskSet } from "../../lib/disk/limits.ts";
import {
  assert,
  disk,
  diskAdd,
  diskAddFacts,
  idOf,
  nic,
  NO_USERS,
  planOf,
  planRefusal,
  runtime,
  stepNames,
  stepOf,
  uuidOf,
} from "../support/facts.ts";

const BUS = {
  name: "scsi.0",
  controller: "virtio-scsi-pci",
  id: "scsi",
  children: [],
};

/** A request to add a drive, nothing given but its driver. */
function wish(more: Partial<EmptyDriveAdd> = {}): EmptyDriveAdd {
  const { source: _, ...add } = diskAdd();
  return {
    ...add,
    driver: "scsi-cd",
    migratable: "not-needed",
    ...more,
    kind: "disk-add-empty",
  };
}

function given(more: Parameters<typeof diskAddFacts>[0] = {}) {
  return diskAddFacts({ scsi: [BUS], ...more });
}

function plan(more: Partial<EmptyDriveAdd> = {}, facts = given()) {
  return planOf(planEmptyDrive(wish(more), facts));
}

function refused(
  code: Parameters<typeof planRefusal>[0],
  more: Partial<EmptyDriveAdd>,
  facts = given(),
) {
  return planRefusal(
    code,
    facts,
    (one) => planEmptyDrive(wish(more), one),
  );
}

Deno.test("planEmptyDrive() opens nothing, and records no source", () => {
  const added = plan();
  assertEquals(stepNames(added), [
    "stage-state",
    "device_add",
    "verify-scsi",
    "commit-state",
  ]);
  const { change } = stepOf(added, "stage-state");
  assert(change.change === "insert");
  const [object, link, uri] = JSON.parse(change.entry);
  assertEquals([object.mode, object.size, link, uri], ["ro", 0, null, null]);
  const [plug] = added.steps.flatMap((one) => one.kind === "qmp" ? [one] : []);
  assertEquals(plug?.arguments.drive, undefined);
  assertEquals(added.device.source, null);
});

Deno.test("planEmptyDrive() brings a controller, too", () => {
  const added = plan({}, given({ scsi: [] }));
  assertEquals(
    stepNames(added).filter((one) => one === "device_add").length,
    2,
  );
});

Deno.test("planEmptyDrive() refuses what needs a medium", () => {
  refused("refused", { driver: "scsi-hd" });
  refused("refused", { driver: undefined });
  refused("refused", { migratable: "required" });
  const { message } = refused("refused", {
    settings: { cache: "none" },
    limits: { iops: 5 },
  });
  assertStringIncludes(message, "--cache, --iops");
  refused("unsupported", {}, given({ driverFault: "no such model" }));
});

Deno.test("planEmptyDrive() knows a drive that is there by its uuid", () => {
  const place = { bus: "scsi.0", channel: 0, "scsi-id": 0, lun: 0 };
  const hvinfo = { driver: "scsi-cd", id: idOf("disk", 0), ...place };
  const there = given({
    disks: [[disk(0, 0, { hvinfo })[0], null, null], disk(1, 13)],
    nics: [nic(0, 14)],
  });
  const asked = (uuid: string) => ({
    uuid: { value: uuid, origin: "given" as const },
  });
  const request = wish(asked(uuidOf("disk", 0)));
  assertEquals(planEmptyDrive(request, there).steps, []);
  const filled = given({ disks: [disk(0, 0, { hvinfo })] });
  const { message } = refused("duplicate", asked(uuidOf("disk", 0)), filled);
  assertStringIncludes(message, "SOURCE is /srv/d0.img (asked: none)");
  refused("duplicate", asked(uuidOf("disk", 1)), there);
  refused("duplicate", asked(uuidOf("nic", 0)), there);
});

Deno.test("lacksMedium() is of a drive that a start could make with one", () => {
  const place = { bus: "scsi.0", channel: 0, "scsi-id": 0, lun: 0 };
  const hvinfo = { driver: "scsi-cd", id: "cd", ...place };
  const [object, link] = disk(0, 0, { hvinfo });
  const entry = (path: typeof link | null) => {
    const [one] = runtime({ disks: [[object, path, null]] }).disks;
    assert(one !== undefined);
    return one;
  };
  const of = (diskType: string, kvmCmd = ["kvm", "-device", "lsi,id=scsi"]) => {
    const { hvparams } = runtime({ hvparams: { disk_type: diskType } });
    return { hvparams, kvmCmd };
  };
  assertEquals(lacksMedium(entry(null), of("paravirtual")), true);
  assertEquals(lacksMedium(entry(null), of("paravirtual", ["kvm"])), false);
  assertEquals(lacksMedium(entry(link), of("paravirtual")), false);
  // Its start would make another device, medium or not.
  for (const word of ["ide", "scsi", "sd", "mtd", "pflash"]) {
    assertEquals(lacksMedium(entry(null), of(word)), false, word);
  }
});

Deno.test("an empty drive is neither limited nor resized", () => {
  const place = { bus: "scsi.0", channel: 0, "scsi-id": 0, lun: 0 };
  const hvinfo = { driver: "scsi-cd", id: idOf("disk", 0), ...place };
  const commands = new Set(["block_resize", "block_set_io_throttle"]);
  const drive = {
    device: "",
    qdev: idOf("disk", 0),
    nodeName: "",
    file: "",
    sizeBytes: undefined,
  };
  const facts = {
    ...given({
      disks: [disk(0, 0, { hvinfo })],
      qemu: { commands, block: [drive] },
    }),
    live: [],
    images: [],
    users: NO_USERS,
    moved: [],
  };
  const about = { instance: "vm1", device: "0" };
  const limits = { iops: 5 };
  planRefusal(
    "refused",
    facts,
    (one) => planDiskSet({ kind: "disk-set", ...about, limits }, one),
  );
  const resize = { kind: "disk-resize", fileGrowth: "refused" } as const;
  planRefusal(
    "refused",
    facts,
    (one) => planDiskResize({ ...resize, ...about }, one),
  );
});
