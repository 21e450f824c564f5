import { assertEquals, assertStringIncludes } from "@std/assert";
import { diskDifferences } from "../../lib/disk/compare.ts";
import {
  compared,
  type ComparisonSpec,
  onlyDifference,
} from "../support/comparison.ts";
import { disk, idOf } from "../support/facts.ts";

const CONTROLLER = {
  name: "scsi.0",
  controller: "virtio-scsi-pci",
  id: "scsi",
  children: [],
};

/** A VM that was started without a controller, and has one. */
function given(
  more: {
    readonly scsi?: NonNullable<ComparisonSpec["scsi"]>;
    readonly kvmCmd?: readonly string[];
    readonly argv?: readonly string[];
  } = {},
): ComparisonSpec {
  const place = { bus: "scsi.0", channel: 0, "scsi-id": 0, lun: 0 };
  const hvinfo = { driver: "scsi-hd", id: idOf("disk", 0), ...place };
  const { scsi = [CONTROLLER], kvmCmd = ["kvm"], argv = ["kvm"] } = more;
  const drivers = new Map([
    [idOf("disk", 0), "scsi-hd"],
    ["scsi", "virtio-scsi-pci"],
  ]);
  const qemu = { process: { pid: 1, argv }, drivers };
  return { disks: [disk(0, 0, { hvinfo })], kvmCmd, qemu, scsi };
}

Deno.test("a SCSI controller that the file lacks is told of, once", () => {
  const { code, message, hint, mend } = onlyDifference(given());
  assertEquals(code, "controller");
  assertStringIncludes(message, "virtio-scsi-pci");
  assertEquals(hint, "kvm-hotplug qmp vm1 device_del id=scsi");
  assertEquals(mend, undefined);
});

Deno.test("a SCSI controller that is accounted for is left alone", () => {
  const found = (more: Parameters<typeof given>[0]) =>
    diskDifferences(compared(given(more)));
  const words = ["kvm", "-device", "virtio-scsi-pci,id=scsi"];
  assertEquals(found({ kvmCmd: words }), []);
  assertEquals(found({ argv: words }), []);
  // Another kind of device of that name is none of ours.
  assertEquals(found({ scsi: [{ ...CONTROLLER, id: "other" }] }), []);
  const children = [{ scsiId: 0, name: idOf("disk", 0) }];
  assertEquals(found({ scsi: [{ ...CONTROLLER, children }] }), []);
});

Deno.test("a SCSI controller in use is a device that the file lacks", () => {
  const children = [{ scsiId: 0, name: idOf("disk", 0) }];
  const scsi = [{ ...CONTROLLER, children }];
  const { code, message } = onlyDifference(given({ scsi }));
  assertEquals(code, "not-recorded");
  assertStringIncludes(message, "virtio-scsi-pci scsi");
});
