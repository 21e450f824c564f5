import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  backend,
  compared,
  type ComparisonSpec,
  judged,
  onlyDifference,
} from "../support/comparison.ts";
import { confinement, POOL_USER } from "../support/confinement.ts";
import { disk, idOf, nic, pciDevice } from "../support/facts.ts";

const SPEC = { disks: [disk(0, 12)], nics: [nic(0, 13)] };
const DISK = idOf("disk", 0);
const NIC = idOf("nic", 0);

/** All differences; file and QEMU agree but for what is given. */
function all(more: ComparisonSpec = {}) {
  return judged({ ...SPEC, ...more }).differences;
}

/** What the only difference there is says. */
function difference(more: ComparisonSpec): string {
  return onlyDifference({ ...SPEC, ...more }).message;
}

Deno.test("nothing differs where all agree", () => {
  assertEquals(all(), []);
  const nowhere = { nicFiles: undefined, nicDirectoryPossible: false };
  assertEquals(all(nowhere), []);
});

Deno.test("a recorded device that QEMU lacks differs", () => {
  const deviceIds = new Set([NIC]);
  const { code, message, hint } = onlyDifference({
    ...SPEC,
    qemu: { deviceIds },
  });
  assertEquals(code, "not-in-qemu");
  assertStringIncludes(message, `(${DISK}) is recorded, but QEMU has no such`);
  assertEquals(hint, "kvm-hotplug repair vm1");
});

Deno.test("a device that serves a drive without an id is there", () => {
  const ide = { ...backend(""), device: DISK, qdev: "/machine/unattached/d" };
  const drivers = new Map([[NIC, "virtio-net-pci"]]);
  assertEquals(all({ qemu: { drivers, block: [ide] } }), []);
});

Deno.test("an fd set differs only if all of it is ours", () => {
  const ours = "kvm-hotplug disk-add x";
  const told = (...opaques: string[]) =>
    all({ qemu: { fdsets: [{ id: 3, opaques, fds: 1 }] } }).map(({ code }) =>
      code
    );
  assertEquals(told(ours), ["fd-set"]);
  assertEquals(told(ours, ours), ["fd-set"]);
  // Whoever passed an fd without a text is not known.
  for (const others of [[], ["libvirt"], [ours, "libvirt"], [`x ${ours}`]]) {
    assertEquals(told(...others), [], others.join());
  }
});

Deno.test("a recorded device without an id differs", () => {
  const disks = [disk(0, 12, { hvinfo: {} })];
  const { code, hint } = onlyDifference({ disks });
  assertEquals([code, hint], ["no-device-id", "kvm-hotplug adopt vm1"]);
});

Deno.test("a device in another place differs", () => {
  const { pci } = compared(SPEC).qemu;
  const moved = (slot: number, behind: string) =>
    difference({
      qemu: {
        pci: pci.map((one) =>
          one.id === DISK ? pciDevice(slot, { id: DISK, behind }) : one
        ),
      },
    });
  assertStringIncludes(moved(14, ""), "slot 14 of pci.0");
  assertStringIncludes(moved(12, "bridge"), "slot 12 of bridge");
  const gone = pci.filter(({ id }) => id !== DISK);
  assertStringIncludes(difference({ qemu: { pci: gone } }), "on no PCI bus");
  // Firmware numbers a bridge; until then it hides what is behind.
  const hidden = [...gone, pciDevice(3, { secondary: 0 })];
  assertEquals(all({ qemu: { pci: hidden } }), []);
});

Deno.test("a file that an interrupted change may need is left to repair", () => {
  const { code, hint } = onlyDifference({ ...SPEC, leftovers: ["/g/x.new"] });
  assertEquals([code, hint], ["leftover", "repair removes it"]);
});

Deno.test("another driver and another MAC differ", () => {
  const drivers = new Map([[NIC, "e1000"], [DISK, "virtio-blk-pci"]]);
  assertStringIncludes(difference({ qemu: { drivers } }), "but QEMU has e1000");
  const macs = new Map([[NIC, "aa:00:00:ff:ff:ff"]]);
  const { message, hint } = onlyDifference({ ...SPEC, macs });
  assertStringIncludes(message, "ff:ff:ff");
  const modify = `kvm-hotplug nic modify vm1 ${NIC} --mac aa:00:00`;
  assertStringIncludes(hint, `MAC, run: ${modify}:ff:ff:ff;`);
  assertStringIncludes(hint, `recorded MAC, run: ${modify}:00:00:00`);
});

Deno.test("a MAC is the same in either case", () => {
  const nics = [nic(0, 13, { mac: "Aa:00:00:00:00:00" })];
  const macs = new Map([[NIC, "aA:00:00:00:00:00"]]);
  assertEquals(all({ nics, macs }), []);
});

Deno.test("a SCSI disk with another target differs", () => {
  const hvinfo = {
    driver: "scsi-hd",
    id: DISK,
    bus: "scsi.0",
    channel: 0,
    "scsi-id": 2,
    lun: 0,
  };
  const path = "/machine/peripheral/scsi/virtio-backend";
  const live = (scsiId: number, more = {}): ComparisonSpec => {
    const at = { channel: 0, scsiId, lun: 0, bus: `${path}/scsi.0`, ...more };
    const targets = new Map([[DISK, at]]);
    return { disks: [disk(0, 12, { hvinfo })], nics: [], targets };
  };
  assertEquals(all(live(2)), []);
  const elsewhere = difference(live(2, { bus: `${path}/scsi.1` }));
  assertStringIncludes(elsewhere, "as target 2 of scsi.1");
  assertStringIncludes(difference(live(3)), "QEMU has it as target 3");
  for (const more of [{ lun: 1 }, { channel: 1 }]) {
    assertStringIncludes(difference(live(2, more)), "is recorded as target 2");
  }
});

Deno.test("a NIC without backend and a wrong NIC file differ", () => {
  const none = difference({ qemu: { netdevs: new Map() } });
  assertStringIncludes(none, "no network backend");
  assertStringIncludes(difference({ nicFiles: { 0: "tap9" } }), "names tap9");
  assertStringIncludes(difference({ nicFiles: {} }), "names nothing");
  const left = difference({ nicFiles: { 0: "tap0", 3: "tap7" } });
  assertStringIncludes(left, "/3 belongs to no recorded NIC");
});

Deno.test("a disk without a block node differs", () => {
  assertStringIncludes(difference({ qemu: { block: [] } }), "no block node");
});

Deno.test("what only QEMU has differs", () => {
  const drivers = new Map([
    ...compared(SPEC).qemu.drivers,
    ["extra", "virtio-rng-pci"],
  ]);
  const qemu = { drivers };
  assertStringIncludes(difference({ qemu }), "QEMU has a virtio-rng-pci extra");
  const words = [
    "virtio-rng-pci,id=extra",
    "virtio-rng-pci,bus=pci.0,id=extra,addr=0x3",
    '{"driver":"virtio-rng-pci","id":"extra"}',
  ];
  for (const word of words) {
    const kvmCmd = ["/usr/bin/kvm", "-device", word];
    assertEquals(all({ qemu, kvmCmd }), [], word);
  }
  const ours = new Map([...drivers, [idOf("disk", 5), "virtio-blk-pci"]]);
  ours.delete("extra");
  const { device, hint, message } = onlyDifference({
    ...SPEC,
    qemu: { drivers: ours },
  });
  assertEquals([device?.kind, device?.index], ["disk", null]);
  const forced = `disk remove vm1 ${idOf("disk", 5)} --force`;
  assertEquals(hint, `to remove it, run: kvm-hotplug ${forced}`);
  // Whoever would keep it must not have to search for the command.
  assertMatch(message, /To record it, run: kvm-hotplug adopt vm1$/);
  // Of a passed fd that QEMU holds no longer adopt may prove nothing.
  const block = [...compared(SPEC).qemu.block, backend(idOf("disk", 5))];
  const passed = (fds: number) => {
    const fdsets = [{ id: 1, opaques: Array(fds).fill("x"), fds }];
    const qemu = { drivers: ours, block, fdsets };
    return onlyDifference({ ...SPEC, qemu }).message;
  };
  assertMatch(
    passed(1),
    /record it\. To record it, run: kvm-hotplug adopt vm1$/,
  );
  assertMatch(
    passed(0),
    /record it, and QEMU does not tell which file it has open\. To see .*run: kvm-hotplug adopt vm1 --dry-run$/,
  );
});

Deno.test("what only QEMU has is adopted if it is a disk or a NIC", () => {
  const given = compared(SPEC).qemu;
  const hint = (id: string, driver: string, more = {}) => {
    const drivers = new Map([...given.drivers, [id, driver]]);
    return onlyDifference({ ...SPEC, qemu: { drivers, ...more } }).hint;
  };
  const adopt = "kvm-hotplug adopt vm1";
  assertMatch(hint("extra", "virtio-rng-pci"), /^adopt does not record this/);
  const block = [...given.block, { ...backend("old"), file: "/srv/old" }];
  assertEquals(hint("old", "virtio-blk-pci", { block }), adopt);
  const passed = { block: [...given.block, backend("old")] };
  assertEquals(hint("old", "virtio-blk-pci", passed), `${adopt} --dry-run`);
  const netdevs = new Map([...given.netdevs, ["old", { tap: "t", queues: 1 }]]);
  assertEquals(hint("old", "virtio-net-pci", { netdevs }), adopt);
});

Deno.test("what Ganeti records behind the lists does not differ", () => {
  const given = compared(SPEC);
  const drivers = new Map([
    ...given.qemu.drivers,
    ["vmem0", "virtio-mem-pci"],
    ["cpu-4", "host-x86_64-cpu"],
  ]);
  const codes = (...later: NonNullable<ComparisonSpec["later"]>) =>
    all({ qemu: { drivers }, later }).map(({ code }) => code);
  assertEquals(codes(), ["not-recorded", "not-recorded"]);
  assertEquals(codes([], []), ["not-recorded", "not-recorded"]);
  for (const empty of [[], {}, null]) {
    assertEquals(codes(empty), ["not-recorded", "not-recorded"]);
  }
  assertEquals(codes([{ "socket-id": 4 }]), ["not-recorded"]);
  assertEquals(codes([{ "socket-id": 4 }], [{ id: "vmem0" }]), []);
});

Deno.test("a file that starts another machine differs", () => {
  const cases: [string[], boolean][] = [
    [["-machine", "pc-i440fx-7.2"], true],
    [["-machine", "pc"], true],
    [["-M", "pc,accel=tcg"], true],
    [["-machine", "accel=kvm", "-machine", "type=pc"], true],
    [["-machine", "accel=kvm"], true],
    [["-M", "pc-i440fx-6.0"], false],
    [["-machine", "q35"], false],
    [["-machine", "type=q35"], false],
    [["-machine", "accel=tcg,type=pc-i440fx-6.0,usb=off"], false],
  ];
  for (const [words, same] of cases) {
    const found = all({ kvmCmd: ["/usr/bin/kvm", ...words] });
    assertEquals(found.length === 0, same, words.join(" "));
  }
});

Deno.test("drifted links differ", () => {
  const drift = { links: [{ lead: undefined, named: [] }], open: undefined };
  const { code, device, message } = onlyDifference({ ...SPEC, drift });
  assertStringIncludes(message, "leads nowhere");
  assertEquals([code, device?.id], ["link-leads-nowhere", DISK]);
});

Deno.test("a pid file that leads elsewhere differs", () => {
  const process = { filed: undefined };
  const { message, hint } = onlyDifference({ ...SPEC, process });
  const path = "/run/g/kvm-hypervisor/pid/vm1";
  assertEquals(
    message,
    `Pid file ${path} does not name the VM: the VM has pid 4711`,
  );
  assertEquals(hint, `printf '%s\\n' 4711 > ${path}`);
  // Without its process nothing tells, and other paths are the caller's own.
  assertEquals(all({ process, qemu: { process: undefined } }), []);
  const paths = { ...compared().paths, isDerived: false };
  assertEquals(all({ process, paths }), []);
});

Deno.test("a uid file that is not true differs, of a VM of the pool", () => {
  const jail = { confinement: confinement({ credentials: POOL_USER }) };
  const pool = { hvparams: { security_model: "pool" }, ...jail };
  const says = (uidText: string | undefined) => ({ process: { uidText } });
  assertStringIncludes(
    difference({ ...pool, ...says("30001") }),
    "says 30001, but QEMU runs as uid 30002",
  );
  assertStringIncludes(difference({ ...pool, ...says(undefined) }), "nothing");
  assertEquals(all({ ...pool, ...says("30002") }), []);
  assertEquals(all({ ...jail, ...says("30001") }), []);
  const unseen = { ...pool, confinement: undefined };
  assertEquals(all({ ...unseen, ...says("30001") }), []);
});
