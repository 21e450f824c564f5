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
  const cases = [["lsi53c895a", 7], ["virtio-scsi-pci", 16], ["megasas", 16]];
  for (const [controller, count] of cases) {
    const buses = [bus({ controller: String(controller) })];
    const all = Array.from({ length: Number(count) }, (_, n) => scsiDisk(n, n));
    assertEquals(
      chooseTarget(facts(all.slice(1), buses), {}).scsiId,
      0,
    );
    const full = refusal(
      "no-free-slot",
      () => chooseTarget(facts(all, buses), {}),
    );
    assertStringIncludes(full.message, "disk-6");
    refusal(
      "no-free-slot",
      () => chooseTarget(facts([], buses), { target: Number(count) }),
    );
  }
});

Deno.test("chooseTarget() wants a bus that the VM has", () => {
  refusal("unsupported", () => chooseTarget(facts([], []), {}));
  const two = [bus({ name: "extra.0", id: "extra" }), bus()];
  assertEquals(chooseTarget(facts([], two), {}).bus, "scsi.0");
  const chosen = chooseTarget(facts([scsiDisk(0, 0)], two), { bus: "extra.0" });
  assertEquals([chosen.bus, chosen.scsiId], ["extra.0", 0]);
  const error = refusal(
    "unsupported",
    () => chooseTarget(facts([], two), { bus: "pci.0" }),
  );
  assertStringIncludes(error.message, "extra.0, scsi.0");
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
