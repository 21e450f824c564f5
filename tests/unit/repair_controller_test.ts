import { assertEquals, assertStringIncludes } from "@std/assert";
import { findAll } from "../../lib/repair/findings.ts";
import { disk, facts, idOf, present } from "./support.ts";

const CONTROLLER = {
  name: "scsi.0",
  controller: "virtio-scsi-pci",
  id: "scsi",
  children: [],
};

/** A VM that was started without a controller, and has one. */
function found(
  more: {
    readonly scsi?: NonNullable<ReturnType<typeof facts>["qemu"]["scsi"]>;
    readonly kvmCmd?: readonly string[];
    readonly argv?: readonly string[];
  } = {},
) {
  const place = { bus: "scsi.0", channel: 0, "scsi-id": 0, lun: 0 };
  const hvinfo = { driver: "scsi-hd", id: idOf("disk", 0), ...place };
  const { scsi = [CONTROLLER], kvmCmd = ["kvm"], argv = ["kvm"] } = more;
  const all = facts({ disks: [disk(0, 0, { hvinfo })] });
  const deviceIds = new Set([...all.qemu.deviceIds, "scsi"]);
  const runtime = { ...all.content.runtime, kvmCmd };
  return findAll({
    ...all,
    content: { ...all.content, runtime },
    qemu: { ...all.qemu, process: { pid: 1, argv }, deviceIds, scsi },
    leftovers: [],
    heldTaps: undefined,
    confinement: undefined,
    taps: new Set(),
    inUse: new Set(),
    drift: [],
  }, (words) => ["kvm-hotplug", ...words].join(" "));
}

Deno.test("findAll() tells of a SCSI controller that the file lacks", () => {
  const [one, ...others] = found();
  assertEquals(others, []);
  const { what, hint, plan } = present(one);
  assertStringIncludes(what, "virtio-scsi-pci");
  assertEquals(hint, "kvm-hotplug qmp vm1 device_del id=scsi");
  assertEquals(plan, undefined);
});

Deno.test("findAll() leaves a SCSI controller alone that is accounted for", () => {
  const words = ["kvm", "-device", "virtio-scsi-pci,id=scsi"];
  assertEquals(found({ kvmCmd: words }), []);
  assertEquals(found({ argv: words }), []);
  // Another kind of device of that name is none of ours.
  assertEquals(found({ scsi: [{ ...CONTROLLER, id: "other" }] }), []);
  const children = [{ scsiId: 0, name: idOf("disk", 0) }];
  assertEquals(found({ scsi: [{ ...CONTROLLER, children }] }), []);
});
