import { assertEquals, assertStringIncludes } from "@std/assert";
import { verify, type VerifyFacts } from "../../lib/inspect/verify.ts";
import {
  assert,
  disk,
  facts,
  type FactsSpec,
  idOf,
  nic,
  pciDevice,
} from "./support.ts";

const SPEC = { disks: [disk(0, 12)], nics: [nic(0, 13)] };
const DISK = idOf("disk", 0);
const NIC = idOf("nic", 0);

/** A node where file and QEMU agree, but for what is given. */
function given(
  more: Partial<VerifyFacts> = {},
  spec: FactsSpec = SPEC,
): VerifyFacts {
  const { paths, content, qemu } = facts(spec);
  const { runtime } = content;
  const block = runtime.disks.map(({ hvinfo: { id = "" } }) => ({
    qdev: `/machine/peripheral/${id}/virtio-backend`,
    device: "",
    nodeName: id,
    sizeBytes: 1,
    file: "/dev/fdset/1",
  }));
  const all = [...runtime.disks, ...runtime.nics];
  return {
    paths,
    runtime,
    qemu: { ...qemu, block },
    drivers: new Map(
      all.map(({ hvinfo: { id = "", driver = "" } }) => [id, driver]),
    ),
    properties: new Map(
      runtime.nics.map((one) => [one.hvinfo.id ?? "", { mac: one.mac }]),
    ),
    drift: {
      links: runtime.disks.map((_, i) => ({ leadsTo: `disk ${i}`, named: [] })),
      open: undefined,
    },
    nicFiles: { "0": "tap0" },
    process: [],
    ...more,
  };
}

/** The only difference there is. */
function difference(value: VerifyFacts): string {
  const all = verify(value);
  assertEquals(all.length, 1, JSON.stringify(all));
  assert(all[0] !== undefined && all[0].hint !== "");
  return all[0].what;
}

Deno.test("verify() finds nothing where all agree", () => {
  assertEquals(verify(given()), []);
  assertEquals(verify(given({ nicFiles: undefined })), []);
});

Deno.test("verify() finds a recorded device that QEMU lacks", () => {
  const drivers = new Map([[NIC, "virtio-net-pci"]]);
  assertStringIncludes(difference(given({ drivers })), `no device ${DISK}`);
});

Deno.test("verify() finds a device in another place", () => {
  const { qemu } = given();
  const moved = (slot: number, behind: string) =>
    difference(given({
      qemu: {
        ...qemu,
        pci: qemu.pci.map((one) =>
          one.id === DISK ? pciDevice(slot, { id: DISK, behind }) : one
        ),
      },
    }));
  assertStringIncludes(moved(14, ""), "slot 14 of pci.0");
  assertStringIncludes(moved(12, "bridge"), "slot 12 of bridge");
});

Deno.test("verify() finds another driver and another MAC", () => {
  const drivers = new Map([[NIC, "e1000"], [DISK, "virtio-blk-pci"]]);
  assertStringIncludes(difference(given({ drivers })), "e1000");
  const properties = new Map([[NIC, { mac: "aa:00:00:ff:ff:ff" }]]);
  assertStringIncludes(difference(given({ properties })), "ff:ff:ff");
});

Deno.test("verify() takes a MAC in either case", () => {
  const properties = new Map([[NIC, { mac: "AA:00:00:00:00:00" }]]);
  assertEquals(verify(given({ properties })), []);
});

Deno.test("verify() finds a SCSI disk with another id", () => {
  const hvinfo = {
    driver: "scsi-hd",
    id: DISK,
    bus: "scsi.0",
    channel: 0,
    "scsi-id": 2,
    lun: 0,
  };
  const spec = { disks: [disk(0, 12, { hvinfo })] };
  const live = (id: number, bus = "scsi.0") => {
    const at = { channel: 0, "scsi-id": id, lun: 0 };
    const parent_bus = `/machine/peripheral/scsi/virtio-backend/${bus}`;
    return given({
      properties: new Map([[DISK, { ...at, parent_bus }]]),
      nicFiles: {},
    }, spec);
  };
  assertEquals(verify(live(2)), []);
  assertStringIncludes(difference(live(2, "scsi.1")), "as 2 of scsi.1");
  assertStringIncludes(difference(live(3)), "QEMU has it as 3");
});

Deno.test("verify() finds a NIC without backend and a wrong NIC file", () => {
  const { qemu } = given();
  const none = given({ qemu: { ...qemu, netdevs: new Map() } });
  assertStringIncludes(difference(none), "no network backend");
  const wrong = difference(given({ nicFiles: { "0": "tap9" } }));
  assertStringIncludes(wrong, "names tap9");
  assertStringIncludes(difference(given({ nicFiles: {} })), "names nothing");
  const left = difference(given({ nicFiles: { "0": "tap0", "3": "tap7" } }));
  assertStringIncludes(left, "/3 belongs to no recorded NIC");
});

Deno.test("verify() finds a disk without a block node", () => {
  const { qemu } = given();
  const what = difference(given({ qemu: { ...qemu, block: [] } }));
  assertStringIncludes(what, "no block node");
});

Deno.test("verify() finds what only QEMU has", () => {
  const { drivers } = given();
  const more = new Map([...drivers, ["extra", "virtio-rng-pci"]]);
  assertStringIncludes(difference(given({ drivers: more })), "extra");
  const { runtime } = given();
  const kvmCmd = ["/usr/bin/kvm", "-device", "virtio-rng-pci,id=extra"];
  const started = { ...runtime, kvmCmd };
  assertEquals(verify(given({ drivers: more, runtime: started })), []);
});

Deno.test("verify() finds a file that starts another machine", () => {
  const { runtime } = given();
  const cases: [string[], boolean][] = [
    [["-machine", "pc-i440fx-7.2"], true],
    [["-machine", "pc"], true],
    [["-M", "pc,accel=tcg"], true],
    [["-machine", "accel=kvm", "-machine", "type=pc"], true],
    [["-machine", "accel=kvm"], true],
    [["-M", "pc-i440fx-6.0"], false],
    [["-machine", "q35"], false],
  ];
  for (const [words, same] of cases) {
    const kvmCmd = ["/usr/bin/kvm", ...words];
    const found = verify(given({ runtime: { ...runtime, kvmCmd } }));
    assertEquals(found.length === 0, same, words.join(" "));
  }
});

Deno.test("verify() finds drifted links and wrong process files", () => {
  const drift = { links: [{ leadsTo: undefined, named: [] }], open: undefined };
  assertStringIncludes(difference(given({ drift })), "leads nowhere");
  const process = [{ what: "pid file", hint: "h" }];
  assertEquals(difference(given({ process })), "pid file");
});
