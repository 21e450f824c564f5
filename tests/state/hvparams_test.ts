import { assertEquals } from "@std/assert";
import { HotplugError } from "../../lib/errors.ts";
import {
  checkHvparams,
  FIRST_HVPARAMS,
  type Hvparams,
  readHvparams,
} from "../../lib/state/hvparams.ts";
import { jsonNode, type Plain } from "../../lib/state/json.ts";
import { parseRuntime } from "../../lib/state/runtime.ts";
import {
  assert,
  type PlainObject,
  refusal,
  runtime,
  sample,
} from "../support/facts.ts";

function read(hvparams: PlainObject): Hvparams {
  return readHvparams(jsonNode(hvparams));
}

Deno.test("readHvparams() fills in Ganeti's defaults", () => {
  assertEquals(read({}), {
    diskType: "paravirtual",
    nicType: "paravirtual",
    scsiController: "lsi",
    diskCache: "default",
    diskAio: "threads",
    diskDiscard: "ignore",
    vhostNet: false,
    vnetHdr: true,
    virtioNetQueues: 1,
    diskIothreads: 0,
    pciReservations: 12,
    useChroot: false,
    acpi: true,
    bootOrder: "disk",
    kernelPath: undefined,
    cdromImage: "",
    cdrom2Image: "",
    floppyImage: "",
    kvmExtra: "",
    keymap: "",
    securityModel: "none",
    securityDomain: "",
    userShutdown: false,
    since216: false,
    origin: "ganeti",
  });
});

Deno.test("readHvparams() takes what the file says", () => {
  const { hvparams } = parseRuntime(sample("08"), "x");
  assertEquals(hvparams, {
    diskType: "scsi-block",
    nicType: "e1000",
    scsiController: "virtio-scsi-pci",
    diskCache: "none",
    diskAio: "native",
    diskDiscard: "unmap",
    vhostNet: true,
    vnetHdr: true,
    virtioNetQueues: 1,
    diskIothreads: 0,
    pciReservations: 8,
    useChroot: true,
    acpi: true,
    bootOrder: "disk",
    kernelPath: "",
    cdromImage: "",
    cdrom2Image: "",
    floppyImage: "",
    kvmExtra: "",
    keymap: "",
    securityModel: "pool",
    securityDomain: "",
    userShutdown: false,
    since216: true,
    origin: "ganeti",
  });
});

Deno.test("readHvparams() gives QEMU no discard word it refuses", () => {
  for (const word of ["default", "ignore", ""]) {
    assertEquals(read({ disk_discard: word }).diskDiscard, "ignore");
  }
  assertEquals(read({ disk_discard: "unmap" }).diskDiscard, "unmap");
});

Deno.test("readHvparams() ignores values of another type", () => {
  const strange = {
    acpi: "no",
    disk_type: 7,
    vhost_net: 1,
    disk_cache: ["none"],
  };
  assertEquals(read(strange), read({}));
  assertEquals(read({ kvm_pci_reservations: "3" }).pciReservations, 12);
});

Deno.test("readHvparams() tells Ganeti 2.16 by its keys", () => {
  assertEquals(read({ kvm_pci_reservations: 12 }).since216, true);
  assertEquals(read({ scsi_controller_type: "lsi" }).since216, true);
  assertEquals(read({ disk_type: "paravirtual" }).since216, false);
});

Deno.test("readHvparams() takes from a master what the file lacks", () => {
  const file = jsonNode({ disk_type: "ide", disk_cache: 7 });
  const master = { disk_type: "scsi", disk_cache: "none", nic_type: "e1000" };
  const { diskType, diskCache, nicType } = readHvparams(
    file,
    jsonNode(master),
  );
  assertEquals([diskType, diskCache, nicType], ["ide", "none", "e1000"]);
});

Deno.test("readHvparams() knows a file that adopt made by its keys", () => {
  const entries = Object.entries(FIRST_HVPARAMS);
  assertEquals(read(FIRST_HVPARAMS).origin, "adopt");
  assertEquals(read({ ...FIRST_HVPARAMS, acpi: false }).origin, "adopt");
  assertEquals(read({ ...FIRST_HVPARAMS, more: 1 }).origin, "ganeti");
  const less = Object.fromEntries(entries.slice(1));
  assertEquals(read(less).origin, "ganeti");
  assertEquals(read(Object.fromEntries(entries.toReversed())).origin, "ganeti");
  assertEquals(readHvparams(jsonNode([])).origin, "ganeti");
});

Deno.test("checkHvparams() takes the numbers at the ends, and none beyond", () => {
  const ends = { kvm_pci_reservations: [0, 32], virtio_net_queues: [1, 32] };
  for (const [key, [min = 0, max = 0]] of Object.entries(ends)) {
    for (const number of [min, max]) checkHvparams(read({ [key]: number }));
    for (const number of [min - 1, max + 1, min + 0.5]) {
      // It means auto.
      if (number === 0) continue;
      const { message } = refusal(
        "bad-state-file",
        () => checkHvparams(read({ [key]: number })),
      );
      assertEquals(
        message,
        `Hvparam ${key} must be ${min} to ${max}: it is ${number}`,
      );
    }
  }
});

Deno.test("readHvparams() tells auto queues from a number and from neither", () => {
  const queues = (virtio_net_queues: Plain) =>
    read({ virtio_net_queues }).virtioNetQueues;
  assertEquals([queues("auto"), queues(0), queues(4)], ["auto", "auto", 4]);
  assertEquals([queues("4"), queues(null), queues(true)], [
    undefined,
    undefined,
    undefined,
  ]);
  assertEquals(read({}).virtioNetQueues, 1);
});

Deno.test("readHvparams() counts iothreads only of the file itself", () => {
  const file = { virtio_disk_iothreads: 2 };
  assertEquals(read(file).diskIothreads, 2);
  const none = readHvparams(jsonNode({}), jsonNode(file));
  assertEquals(none.diskIothreads, 0);
  assertEquals(read({ virtio_disk_iothreads: "x" }).diskIothreads, 0);
});

Deno.test("checkHvparams() lets no number through that is out of range", () => {
  // A planted file must not make slots that do not exist or a million fds:
  // such a number is refused.
  for (const number of [-1, 33, 12.5, 1e9, -1e300]) {
    for (const key of ["kvm_pci_reservations", "virtio_net_queues"]) {
      const found = readOrRefuse({ [key]: number });
      if (found === undefined) continue;
      const { pciReservations: slots, virtioNetQueues: queues } = found;
      assert(Number.isInteger(slots) && slots >= 0 && slots <= 32, `${slots}`);
      if (queues === "auto") continue;
      const count = Number(queues);
      assert(Number.isInteger(count) && count >= 1 && count <= 32, `${count}`);
    }
  }
});

function readOrRefuse(hvparams: PlainObject): Hvparams | undefined {
  try {
    const found = runtime({ hvparams }).hvparams;
    checkHvparams(found);
    return found;
  } catch (error) {
    assert(error instanceof HotplugError && error.code === "bad-state-file");
    return undefined;
  }
}
