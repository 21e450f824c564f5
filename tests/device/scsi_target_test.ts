import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  chooseTarget,
  type ScsiBus,
  startsWith,
} from "../../lib/device/scsi_target.ts";
import { disk, refusal, runtime } from "../support/facts.ts";

/** An entry on a SCSI bus. */
function scsiDisk(number: number, target: number, bus = "scsi.0") {
  const id = `disk-${number}`;
  const place = { bus, channel: 0, "scsi-id": target, lun: 0 };
  return disk(number, 0, { hvinfo: { driver: "scsi-hd", id, ...place } });
}

function bus(more: Partial<ScsiBus> = {}): ScsiBus {
  return {
    name: "scsi.0",
    controller: "virtio-scsi-pci",
    id: "scsi",
    children: [],
    ...more,
  };
}

function facts(
  disks: Parameters<typeof runtime>[0]["disks"] = [],
  buses: readonly ScsiBus[] = [bus()],
) {
  return { recorded: runtime({ disks }).disks, buses };
}

Deno.test("chooseTarget() takes what neither file nor QEMU has", () => {
  const live = bus({ children: [{ scsiId: 1, name: "cdrom" }] });
  const given = facts([scsiDisk(0, 0), scsiDisk(1, 3), disk(2, 2)], [live]);
  const place = { bus: "scsi.0", channel: 0, lun: 0 };
  assertEquals(chooseTarget(given, {}), { ...place, scsiId: 2 });
  assertEquals(chooseTarget(given, { target: 15 }), { ...place, scsiId: 15 });
});

Deno.test("chooseTarget() names who has the target", () => {
  const live = bus({ children: [{ scsiId: 1, name: "cdrom" }] });
  const given = facts([scsiDisk(0, 0)], [live]);
  for (const [target, holder] of [[0, "disk-0"], [1, "cdrom"]] as const) {
    const error = refusal(
      "no-free-slot",
      () => chooseTarget(given, { target }),
    );
    assertStringIncludes(error.message, holder);
  }
});

Deno.test("chooseTarget() keeps to the controller's targets and to Ganeti's", () => {
  const cases = Object.entries({
    ...{ lsi53c895a: 7, lsi53c810: 7, dc390: 7, am53c974: 7, mptsas1068: 8 },
    ...{ "virtio-scsi-pci": 16, megasas: 16 },
  });
  for (const [controller, count] of cases) {
    const buses = [bus({ controller })];
    const all = Array.from({ length: count }, (_, n) => scsiDisk(n, n));
    assertEquals(
      chooseTarget(facts([], buses), { target: count - 1 }).scsiId,
      count - 1,
    );
    const beyond = refusal(
      "no-free-slot",
      () => chooseTarget(facts([], buses), { target: count }),
    );
    assertEquals(
      beyond.message,
      `Target ${count} of scsi.0 (${controller}) cannot be used: 0 to ${
        count - 1
      } can`,
    );
    assertEquals(
      chooseTarget(facts(all.slice(1), buses), {}).scsiId,
      0,
    );
    const full = refusal(
      "no-free-slot",
      () => chooseTarget(facts(all, buses), {}),
    );
    assertStringIncludes(
      full.message,
      `All targets of scsi.0 (${controller}) are in use (0 to ${
        count - 1
      }): 0 disk-0, 1 disk-1, `,
    );
  }
});

Deno.test("chooseTarget() wants a bus that the VM has", () => {
  const none = refusal("unsupported", () => chooseTarget(facts([], []), {}));
  assertStringIncludes(none.hint ?? "", "disk_type scsi-hd");
  const other = [bus({ name: "sas.0" }), bus({ name: "sas.1" })];
  assertEquals(chooseTarget(facts([], other), {}).bus, "sas.0");
  const two = [bus({ name: "extra.0", id: "extra" }), bus()];
  assertEquals(chooseTarget(facts([], two), {}).bus, "scsi.0");
  const chosen = chooseTarget(facts([scsiDisk(0, 0)], two), { bus: "extra.0" });
  assertEquals([chosen.bus, chosen.scsiId], ["extra.0", 0]);
  const error = refusal(
    "unsupported",
    () => chooseTarget(facts([], two), { bus: "pci.0" }),
  );
  assertStringIncludes(error.message, "extra.0, scsi.0");
  assertStringIncludes(error.hint ?? "", "omit --bus");
});

Deno.test("startsWith() looks for the controller in the fixed part", () => {
  const lsi = bus({ controller: "lsi53c895a" });
  assertEquals(startsWith(["kvm", "-device", "lsi,id=scsi"], lsi), true);
  assertEquals(startsWith(["kvm", "-device", "lsi53c895a,id=scsi"], lsi), true);
  assertEquals(startsWith(["kvm", "-device", "lsi,id=other"], lsi), false);
  assertEquals(startsWith(["kvm", "-device", "megasas,id=scsi"], lsi), false);
  const json = '{"driver":"virtio-scsi-pci","id":"scsi"}';
  assertEquals(startsWith(["kvm", "-device", json], bus()), true);
  const anonymous = bus({ id: undefined });
  const word = "virtio-scsi-pci,num_queues=2";
  assertEquals(startsWith(["kvm", "-device", word], anonymous), true);
  assertEquals(startsWith(["kvm"], bus()), false);
});
