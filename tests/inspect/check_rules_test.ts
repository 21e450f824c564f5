import { assertEquals, assertStringIncludes } from "@std/assert";
import { type PciBus, rootBus } from "../../lib/device/pci_bus.ts";
import { HotplugError } from "../../lib/errors.ts";
import type { Confinement } from "../../lib/host/confinement.ts";
import {
  type CheckedKind,
  freeSlots,
  isSupported,
  judgeAll,
  type Requirement,
} from "../../lib/inspect/check_rules.ts";
import { waysOf } from "../../lib/inspect/check.ts";
import { planDiskAdd } from "../../lib/disk/add.ts";
import { DISK_KIND } from "../../lib/disk/kind.ts";
import { diskRequirements } from "../../lib/disk/way_path.ts";
import type { AccessFacts } from "../../lib/disk/way_facts.ts";
import { planNicAdd } from "../../lib/nic/add.ts";
import type { OwnTapFacts } from "../../lib/nic/add_facts.ts";
import { NIC_KIND } from "../../lib/nic/kind.ts";
import type { KindRule } from "../../lib/plan/kind.ts";
import { planNicRemove } from "../../lib/nic/remove.ts";
import { nicRules } from "../../lib/nic/tap.ts";
import { EMPTY_RECORD } from "../../lib/state/own_check.ts";
import {
  diskAdd,
  diskAddFacts,
  facts,
  type FactsSpec,
  idOf,
  nic,
  nicAdd,
  nicAddFacts,
  pciDevice,
  planOf,
  planRefusal,
  qmpStep,
  stepNames,
  stepOf,
  uuidOf,
} from "../support/facts.ts";
import { confinement } from "../support/confinement.ts";

const FREE = confinement({
  credentials: { uid: 0, gid: 0, groups: [], capabilities: 2n },
});
const NOBODY = {
  ...FREE,
  credentials: { ...FREE.credentials, uid: 65534, capabilities: 0n },
};
const JAILED = { ...FREE, jail: "chroot", root: "/run/chroot/vm1" } as const;

type Case = FactsSpec & {
  readonly confinement?: Confinement;
  readonly tun?: boolean;
  readonly vhost?: boolean;
  readonly ownTap?: OwnTapFacts;
};

/** What the node is like, and what else differs. */
function split(spec: Case) {
  const { confinement = FREE, tun = true, vhost = true, ownTap, ...more } =
    spec;
  return { node: { confinement, tun, vhost, ownTap }, more };
}

function judged(spec: Case): readonly Requirement[] {
  const { node, more } = split(spec);
  const given = { ...facts(more), ...node };
  return judgeAll(given, [
    { kind: DISK_KIND, rules: diskRequirements(given) },
    { kind: NIC_KIND, rules: nicRules(given) },
  ]).requirements;
}

function without(...names: string[]) {
  const commands = new Set(facts().qemu.commands);
  for (const name of names) commands.delete(name);
  return { qemu: { commands } };
}

/** A disk that this QEMU sees only if it runs as root on this node. */
function seen(confinement: Confinement): AccessFacts {
  const fault = confinement === FREE ? undefined : "open: ENOENT";
  return {
    confinement,
    path: "/srv/new.img",
    reachFault: fault,
    openFault: fault,
    uid: 0,
    inode: "0:5 77 0:0",
    rdev: "0:0",
    root: undefined,
  };
}

/** What adding says, empty if it can be done. */
function refusalOf(kind: "disk" | "nic", spec: Case): string {
  const { node, more } = split(spec);
  const { confinement } = node;
  const opensItself = ["add-fd", "remove-fd", "query-fdsets"]
    .some((name) => more.qemu?.commands?.has(name) === false);
  try {
    if (kind === "disk") {
      const access = opensItself ? { access: seen(confinement) } : {};
      planDiskAdd(diskAdd(), diskAddFacts({ ...more, ...access }));
    } else {
      planNicAdd(nicAdd(), nicAddFacts({ ...more, node }));
    }
    return "";
  } catch (error) {
    if (error instanceof HotplugError) return error.message;
    throw error;
  }
}

const CAN: OwnTapFacts = { qemu: null, tun: undefined, vhost: undefined };

const CASES: Readonly<Record<string, Case>> = {
  "all is well": {},
  "a migration is under way": { qemu: { migration: "active" } },
  "the VM is shut down": { qemu: { runState: "shutdown" } },
  "q35": { qemu: { machine: "pc-q35-7.2" } },
  "no ACPI": { hvparams: { acpi: false } },
  "a broken hvparam": { hvparams: { kvm_pci_reservations: 99 } },
  "no free slot": { hvparams: { kvm_pci_reservations: 32 } },
  "no vhost": { hvparams: { vhost_net: true }, vhost: false },
  "no tun": { tun: false },
  "no add-fd": without("add-fd"),
  "no add-fd for nobody": { ...without("add-fd"), confinement: NOBODY },
  "no fd sets in a chroot": {
    ...without("add-fd", "remove-fd", "query-fdsets"),
    confinement: JAILED,
  },
  "no getfd, which tells nothing": without("getfd"),
  "no closefd, and QEMU opens taps": { ...without("closefd"), ownTap: CAN },
  "no getfd, and QEMU opens no taps": {
    ...without("getfd"),
    ownTap: { ...CAN, tun: "open /dev/net/tun: EACCES" },
  },
  "no getfd, in another network": {
    ...without("getfd", "closefd"),
    ownTap: CAN,
    confinement: { ...FREE, networkNamespace: "another" },
  },
  "no blockdev-add, no netdev_del": without("blockdev-add", "netdev_del"),
  "no device_del": without("device_del"),
  "no commands": { qemu: { commands: new Set() } },
};

for (const [title, spec] of Object.entries(CASES)) {
  Deno.test(`judgeAll() says first what an add would say: ${title}`, () => {
    const all = judged(spec);
    for (const kind of ["disk", "nic"] as const) {
      const first = all.find((one) => !one.ok && one.for.includes(kind));
      assertEquals(first?.detail ?? "", refusalOf(kind, spec), kind);
    }
  });
}

Deno.test("judgeAll() names every requirement once, and whom it is for", () => {
  const all = judged({});
  const names = all.map(({ name }) => name);
  assertEquals(new Set(names).size, names.length);
  const kinds = (name: string) => all.find((one) => one.name === name)?.for;
  assertEquals(kinds("getfd"), ["nic"]);
  assertEquals(kinds("blockdev-add"), ["disk"]);
  assertEquals(kinds("device_add"), ["disk", "nic"]);
  assertEquals(kinds("disk-access"), ["disk"]);
  for (const { ok, detail, hint } of all) {
    assertEquals([ok, hint], [true, null]);
    assertEquals(detail === "", false);
  }
});

Deno.test("judgeAll() says of a command that no addition needs what lacks it", () => {
  const lacking = (...names: string[]) =>
    judged(without(...names)).filter(({ ok }) => !ok)
      .map(({ name, for: kinds, detail }) => [name, kinds.join(), detail]);
  const says = (what: string) => `This QEMU's monitor lacks ${what}`;
  const resize = ["block_resize", "disk", says("block_resize")];
  assertEquals(lacking("block_resize"), [resize]);
  assertEquals(lacking("block_resize", "device_add"), [
    ["device_add", "disk,nic", says("device_add")],
    resize,
  ]);
});

Deno.test("judgeAll() tells what a next start must have, of what is missing", () => {
  const rule = (name: string, missing: boolean, value: string) => ({
    name,
    at: "after-place" as const,
    refuse: () => {
      if (missing) throw new HotplugError("unsupported", `no ${name}`);
    },
    state: () => "there",
    start: [{ option: "m", value }],
  });
  const told = (...rules: KindRule[]) => {
    const { requirements, kvm_extra } = judgeAll(facts(), [
      { kind: DISK_KIND, rules },
    ]);
    const names = rules.map(({ name }) => name);
    const some = requirements.filter(({ name }) => names.includes(name));
    return [kvm_extra, ...some.map((one) => one.kvm_extra)];
  };
  const [slots, maxmem] = ["slots=8", "maxmem=16G"];
  assertEquals(
    told(rule("slots", true, slots), rule("maxmem", true, maxmem)),
    ["--m slots=8,maxmem=16G", "--m slots=8", "--m maxmem=16G"],
  );
  assertEquals(
    told(rule("slots", false, slots), rule("maxmem", true, maxmem)),
    ["--m maxmem=16G", null, "--m maxmem=16G"],
  );
  assertEquals(told(rule("slots", false, slots)), [null, null]);
  // Of what no start helps with, nothing is said.
  const { start: _, ...plain } = rule("slots", true, slots);
  assertEquals(told(plain), [null, null]);
});

Deno.test("isSupported() is so without what only a prepared VM takes", () => {
  const prepared = (missing: boolean): CheckedKind => ({
    kind: {
      ...{ word: "vcpu", title: "processor", recorded: () => [] },
      ...{ taken: "if-prepared", sits: "elsewhere" },
      needs: { "vcpu-add": ["device_add", "query-hotpluggable-cpus"] },
    },
    rules: [{
      ...{ name: "maxcpus", at: "before-place", state: () => "there" },
      refuse: () => {
        if (missing) throw new HotplugError("unsupported", "no maxcpus");
      },
    }],
  });
  const told = (spec: Case, missing: boolean) => {
    const kinds = [{ kind: DISK_KIND, rules: [] }, prepared(missing)];
    const { requirements } = judgeAll(facts(spec), kinds);
    const lacking = requirements.filter(({ ok }) => !ok)
      .map(({ name, for: words }) => `${name} ${words.join()}`);
    return { supported: isSupported(requirements, kinds), lacking };
  };
  const own = ["query-hotpluggable-cpus vcpu", "maxcpus vcpu"];
  assertEquals(told({}, true), { supported: true, lacking: own });
  const commands = new Set([
    ...facts().qemu.commands,
    "query-hotpluggable-cpus",
  ]);
  assertEquals(told({ qemu: { commands } }, false), {
    ...{ supported: true, lacking: [] },
  });
  // What a disk needs, too, counts; what only PCI needs is not the other's.
  assertEquals(told(without("device_add"), false).supported, false);
  const machine = told({ qemu: { commands, machine: "isapc" } }, false);
  assertEquals(machine, { supported: false, lacking: ["machine-type disk"] });
  const full = { hvparams: { kvm_pci_reservations: 32 }, qemu: { commands } };
  assertEquals(told(full, false).lacking, ["free-slot disk"]);
});

Deno.test("judgeAll() counts no bus that is full", () => {
  const told = (spec: Case) =>
    judged(spec).filter(({ name }) => name === "free-slot")
      .map(({ detail, for: kinds }) => `${kinds}: ${detail}`);
  assertEquals(told({}), ["disk,nic: 20 on pci.0"]);
  const from = (slot: number) =>
    told({ hvparams: { kvm_pci_reservations: slot } });
  assertEquals(from(30), ["disk,nic: 2 on pci.0"]);
  assertEquals(from(31), ["disk,nic: 1: pci.0"]);
  const root = rootBus("pc-q35-7.2");
  const port = (name: string): PciBus => ({
    ...{ ...root, name, kind: "port", hotplug: "on" },
    slots: { first: 0, last: 0 },
  });
  const buses = [root, port("a"), port("b"), port("c")];
  const holder = (behind: string) => pciDevice(0, { bus: 1, behind, id: "x" });
  const at = (...full: string[]) =>
    told({ qemu: { machine: "pc-q35-7.2", buses, pci: full.map(holder) } });
  assertEquals(at(), ["disk,nic: 3: a b c"]);
  assertEquals(at("b"), ["disk,nic: 2: a c"]);
  assertEquals(at("a", "b"), ["disk,nic: 1: c"]);
});

Deno.test("freeSlots() are those that an add may choose from", () => {
  const kinds = [DISK_KIND, NIC_KIND].map((kind) => ({ kind, rules: [] }));
  assertEquals(freeSlots(facts(), kinds)[0], 12);
  const elsewhere = kinds.map(({ kind }) => ({
    kind: { ...kind, sits: "elsewhere" as const },
    rules: [],
  }));
  assertEquals(freeSlots(facts(), elsewhere), []);
  const hvparams = { kvm_pci_reservations: 32 };
  assertEquals(freeSlots(facts({ hvparams }), kinds), []);
});

Deno.test("waysOf() tells which ways there can be", () => {
  const usable = (confinement: Confinement | undefined) =>
    waysOf(facts().qemu, confinement).map(({ usable }) => usable);
  assertEquals(usable(FREE), ["yes", "depends", "depends", "no", "depends"]);
  assertEquals(usable(JAILED)[3], "depends");
  assertEquals(usable(undefined).slice(0, 4), ["yes", "no", "no", "no"]);
  const { qemu } = facts(without("remove-fd"));
  const [fdset] = waysOf(qemu, FREE);
  assertStringIncludes(fdset?.detail ?? "", "remove-fd");
});

Deno.test("planNicAdd() sees a chroot that the hvparams deny, and none they claim", () => {
  const romfile = (confinement: Confinement, claimed: boolean) => {
    const hvparams = { use_chroot: claimed };
    const given = nicAddFacts({ hvparams, node: { confinement } });
    const plan = planOf(planNicAdd(nicAdd(), given));
    return qmpStep(plan, "device_add").arguments["romfile"];
  };
  assertEquals(romfile(JAILED, false), "");
  assertEquals(romfile(FREE, true), undefined);
});

Deno.test("planNicAdd() makes a tap that QEMU opens where it takes no fd", () => {
  const node = { confinement: NOBODY, ownTap: CAN };
  const given = nicAddFacts({ ...without("getfd"), node });
  const made = planOf(planNicAdd(nicAdd({ queues: 2 }), given));
  assertEquals(stepNames(made), [
    "stage-state",
    "own-record",
    "make-tap",
    "attach-tap",
    "nic-files",
    "netdev_add",
    "device_add",
    "verify-device",
    "commit-state",
  ]);
  const { tap } = stepOf(made, "make-tap");
  assertEquals(tap, { way: "tap", name: "tapabcdefgh", uid: 65534 });
  assertEquals(stepOf(made, "own-record").change.after?.access, tap);
  const { ifname, script, downscript, queues, vhost } =
    qmpStep(made, "netdev_add").arguments;
  assertEquals(
    [ifname, script, downscript, queues, vhost],
    [tap.name, "no", "no", 2, false],
  );
  const named = planOf(planNicAdd(nicAdd({ tap: "mine" }), given));
  assertEquals(stepOf(named, "make-tap").tap.name, "mine");
});

Deno.test("planNicAdd() gives no vhost to a QEMU that cannot open it", () => {
  const ownTap = { ...CAN, vhost: "open /dev/vhost-net: EACCES" };
  const given = nicAddFacts({
    ...without("getfd"),
    node: { confinement: NOBODY, ownTap },
  });
  const error = planRefusal(
    "refused",
    given,
    (one) =>
      planNicAdd(
        nicAdd({ vhost: "on" }),
        one as ReturnType<typeof nicAddFacts>,
      ),
  );
  assertStringIncludes(error.message, "EACCES");
  planOf(planNicAdd(nicAdd({ vhost: "off" }), given));
});

Deno.test("planNicRemove() removes the tap that was made for QEMU", () => {
  const uuid = uuidOf("nic", 0);
  const access = { way: "tap", name: "tapabcdefgh", uid: 0 } as const;
  const record = {
    ...EMPTY_RECORD,
    devices: { [uuid]: { kind: "nic", access } },
  } as const;
  const own = { ...facts().own, record };
  const netdevs = new Map([[idOf("nic", 0), { tap: undefined, queues: 1 }]]);
  const given = facts({ nics: [nic(0, 13)], own, qemu: { netdevs } });
  const request = { kind: "nic-remove", instance: "vm1", device: "0" } as const;
  const made = planOf(planNicRemove(request, given));
  const names = stepNames(made);
  assertEquals(names.indexOf("remove-tap"), names.indexOf("netdev_del") + 1);
  assertEquals(stepOf(made, "remove-tap").tap, access);
  assertEquals(stepOf(made, "own-record").change.after, null);
});
