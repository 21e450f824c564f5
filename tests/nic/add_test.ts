import { saidIn } from "../support/document.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { HotplugError } from "../../lib/errors.ts";
import { planNicAdd } from "../../lib/nic/add.ts";
import { FIRST_HVPARAMS } from "../../lib/state/hvparams.ts";
import { parseRuntime } from "../../lib/state/runtime.ts";
import {
  assert,
  disk,
  NEW_UUID,
  nic,
  nicAdd,
  nicAddFacts,
  planOf,
  qmpStep,
  refusal,
  stepNames,
  stepOf,
  uuidOf,
} from "../support/facts.ts";
import { describe } from "../support/steps.ts";

const NEW_ID = "nic-932df160-7a22-4067";
const ONE_NIC = { disks: [disk(0, 12)], nics: [nic(0, 13)] };

function plan(
  request: Parameters<typeof nicAdd>[0] = {},
  given: Parameters<typeof nicAddFacts>[0] = ONE_NIC,
) {
  return planOf(planNicAdd(nicAdd(request), nicAddFacts(given)));
}

Deno.test("planNicAdd() goes from host over QEMU to the file", () => {
  assertEquals(stepNames(plan()), [
    "stage-state",
    "open-tap",
    "attach-tap",
    "nic-files",
    "getfd",
    "netdev_add",
    "device_add",
    "verify-device",
    "commit-state",
  ]);
});

Deno.test("planNicAdd() passes an fd per queue, tap and vhost", () => {
  const added = plan({ queues: 2, vhost: "on" });
  const passed = added.steps.flatMap((step) =>
    step.kind === "qmp" && step.execute === "getfd"
      ? [[step.arguments["fdname"], step.fd, step.undo?.arguments["fdname"]]]
      : []
  );
  assertEquals(passed, [
    ["kvm-hotplug-0", "tap:0", "kvm-hotplug-0"],
    ["kvm-hotplug-1", "tap:1", "kvm-hotplug-1"],
    ["kvm-hotplug-vhost-0", "vhost:0", "kvm-hotplug-vhost-0"],
    ["kvm-hotplug-vhost-1", "vhost:1", "kvm-hotplug-vhost-1"],
  ]);
  assertEquals(stepOf(added, "open-tap").queues, 2);
  assertEquals(stepOf(added, "open-vhost").queues, 2);
  assertEquals(qmpStep(added, "device_add").arguments["vectors"], 6);
});

Deno.test("planNicAdd() has the undo of every step that changes QEMU", () => {
  const added = plan();
  const undone = ["getfd", "netdev_add", "device_add"]
    .map((name) => qmpStep(added, name).undo);
  assertEquals(undone, [
    { execute: "closefd", arguments: { fdname: "kvm-hotplug-0" } },
    { execute: "netdev_del", arguments: { id: NEW_ID } },
    { execute: "device_del", arguments: { id: NEW_ID } },
  ]);
  assertEquals(stepOf(added, "commit-state").inverse, {
    change: "delete",
    list: "nics",
    uuid: NEW_UUID,
  });
});

Deno.test("planNicAdd() describes every step and its undo", () => {
  const scripted = plan({ script: "/srv/up", vhost: "on" });
  for (const step of [...plan().steps, ...scripted.steps]) {
    const { step: title, qmp, host, undo } = describe(step);
    assert(title.length > 0);
    assert(qmp !== null || host !== null, title);
    // What a script did goes with the tap; a look has nothing to take back.
    const harmless = ["verify-device"]
      .includes(step.kind);
    if (!harmless) assert(undo !== null, title);
  }
});

Deno.test("planNicAdd() records what it plugs", () => {
  const added = plan({ name: "eth1", ip: "192.0.2.7" });
  const { change } = stepOf(added, "stage-state");
  assertEquals(stepOf(added, "commit-state").change, change);
  assert(change.change === "insert");
  const entry = parseRuntime(`[[], [${change.entry}], {}, []]`, "x").nics[0];
  assertEquals([entry?.uuid, entry?.name], [NEW_UUID, "eth1"]);
  assertEquals(added.device, {
    kind: "nic",
    index: 1,
    uuid: NEW_UUID,
    name: "eth1",
    id: NEW_ID,
    driver: "virtio-net-pci",
    bus: "pci.0",
    slot: 14,
    addr: "0xe",
    mac: "aa:00:00:12:34:56",
    mode: "bridged",
    link: "br0",
    tap: null,
    queues: 1,
    vhost: false,
    link_state: "up",
    ...{ channel: null, scsi_id: null, lun: null },
    ...{ mtu: null, rate: null, migratable: true },
  });
  assertEquals(added.title, "NIC 1");
});

Deno.test("planNicAdd() of mode none leaves the tap alone", () => {
  const { link: _, ...unlinked } = nicAdd({ mode: "none" });
  const added = planOf(planNicAdd(unlinked, nicAddFacts(ONE_NIC)));
  assert(!stepNames(added).includes("attach-tap"));
  assertEquals(added.device["link"], null);
});

const NO_SCRIPT = {
  ganetiScript: "/usr/lib/ganeti/kvm-nic-setup",
  modeScript: { path: "/etc/ganeti/network/none/up", isThere: false },
};

Deno.test("planNicAdd() of mode none must say so where no start can have it", () => {
  const { link: _, ...none } = nicAdd({ mode: "none" });
  const given = nicAddFacts({ ...ONE_NIC, node: NO_SCRIPT });
  const { message, hint = "", details } = refusal(
    "refused",
    () => planNicAdd(none, given),
  );
  assertMatch(message, /start, and a migration, would fail .*none\/up/);
  assertMatch(hint, /make \/etc\/ganeti\/network\/none\/up.*--not-migratable/);
  assertEquals(details.lacks, ["--not-migratable"]);
  const meant = { ...none, migratable: "not-needed" } as const;
  const codes = planNicAdd(meant, given).warnings.map(({ code }) => code);
  assertEquals(codes, ["not-migratable"]);
  const isThere = { ...NO_SCRIPT.modeScript, isThere: true };
  const fine = { ...given, modeScript: isThere };
  assertEquals(planNicAdd(none, fine).warnings, []);
  // Ganeti never starts from a file that adopt made.
  const hvparams = FIRST_HVPARAMS;
  const own = nicAddFacts({ ...ONE_NIC, hvparams, node: NO_SCRIPT });
  assert(planNicAdd(none, own).steps.length > 0);
});

Deno.test("planNicAdd() of mode ext needs the administrator's script", () => {
  const request = nicAdd({ mode: "ext" });
  const given = nicAddFacts({ ...ONE_NIC, node: NO_SCRIPT });
  const { message } = refusal("refused", () => planNicAdd(request, given));
  assertMatch(message, /Mode ext .*administrator's own script/);
});

Deno.test("planNicAdd() names the tap of a communication NIC as Ganeti does", () => {
  const node = { communicationTap: "gnt.com.3" };
  assertEquals(stepOf(plan({}, { node }), "open-tap").name, "gnt.com.3");
  const given = plan({ tap: "mine" }, { node });
  assertEquals(stepOf(given, "open-tap").name, "mine");
});

Deno.test("planNicAdd() runs the script that was asked for", () => {
  const node = { ganetiScript: "/usr/lib/ganeti/kvm-ifup" };
  const own = stepOf(plan({ script: "/srv/up" }, { node }), "attach-tap");
  assertEquals(own.to?.script?.path, "/srv/up");
  const ganeti = stepOf(plan({}, { node }), "attach-tap");
  assertEquals(ganeti.to?.script?.path, node.ganetiScript);
});

Deno.test("planNicAdd() never drops a script it was given", () => {
  const request = nicAdd({ mode: "none", script: "/srv/up" });
  try {
    const added = planOf(planNicAdd(request, nicAddFacts(ONE_NIC)));
    assertEquals(stepOf(added, "attach-tap").to?.script?.path, "/srv/up");
  } catch (error) {
    assert(error instanceof HotplugError, `${error}`);
  }
});

Deno.test("planNicAdd() gives the script Ganeti's environment", () => {
  const added = plan({
    script: "/srv/up",
    name: "eth1",
    ip: "192.0.2.7",
    vlan: ".7",
    network: uuidOf("nic", 9),
  });
  assertEquals(stepOf(added, "attach-tap").to?.script?.environment, {
    INSTANCE: "vm1",
    MAC: "aa:00:00:12:34:56",
    MODE: "bridged",
    INTERFACE_INDEX: "1",
    INTERFACE_UUID: NEW_UUID,
    INTERFACE_NAME: "eth1",
    TAGS: "",
    ACTION: "up",
    VLAN: ".7",
    IP: "192.0.2.7",
    LINK: "br0",
    BRIDGE: "br0",
    NETWORK_UUID: uuidOf("nic", 9),
  });
});

Deno.test("planNicAdd() takes queues, vhost and vnet_hdr of the hvparams", () => {
  const hvparams = { vhost_net: true, virtio_net_queues: 4, vnet_hdr: false };
  const added = plan({}, { hvparams });
  assertEquals(
    [added.device["queues"], added.device["vhost"]],
    [4, true],
  );
  assertEquals(stepOf(added, "open-tap").vnetHdr, "off");
  // Without vhost too: a start from the file makes four.
  const plain = plan({ vhost: "off" }, { hvparams });
  assertEquals([plain.device["queues"], plain.device["vhost"]], [4, false]);
  // Several queues only where the hvparams have vhost: SPEC 6.3.
  const single = plan({}, { hvparams: { ...hvparams, vhost_net: false } });
  assertEquals(single.device["queues"], 1);
});

Deno.test("planNicAdd() warns of a card that a start would not repeat", () => {
  const cases: [Parameters<typeof plan>[0], Parameters<typeof plan>[1]][] = [
    [{ queues: 4 }, {}],
    [{ vnetHdr: "off" }, {}],
    [{ driver: "virtio-net-pci" }, { hvparams: { nic_type: "e1000" } }],
  ];
  assertEquals(plan().warnings, []);
  for (const [request, given] of cases) {
    assert(saidIn(plan(request, given).warnings).includes("migrate"));
  }
});

Deno.test("planNicAdd() gives a QEMU in a chroot no option ROM", () => {
  const added = plan({}, { hvparams: { use_chroot: true } });
  assertEquals(qmpStep(added, "device_add").arguments["romfile"], "");
  assertEquals(
    "romfile" in qmpStep(plan(), "device_add").arguments,
    false,
  );
});

Deno.test("planNicAdd() follows the wanted slot, scheme and tap", () => {
  const added = plan({ slot: 5, idScheme: "design", tap: "vm1-probe" });
  assertEquals(added.device.id, "nic-932df160-pci-5");
  assertEquals(stepOf(added, "open-tap").name, "vm1-probe");
  assertEquals(stepOf(plan(), "open-tap").name, null);
});

Deno.test("planNicAdd() of a NIC that already exists does nothing", () => {
  const uuid = { value: uuidOf("nic", 0), origin: "given" } as const;
  const decision = planNicAdd(nicAdd({ uuid }), nicAddFacts(ONE_NIC));
  assertEquals(decision.steps, []);
  assertEquals(decision.device?.id, "nic-a0000000-1111-4111");
  assertEquals(decision.device?.["tap"], "tap0");
  const mac = { value: "aa:00:00:00:00:00", origin: "given" } as const;
  const same = planNicAdd(nicAdd({ uuid, mac }), nicAddFacts(ONE_NIC));
  assertEquals(same.steps, []);
});
