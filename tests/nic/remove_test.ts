import { assertEquals } from "@std/assert";
import { nicFilesStep } from "../../lib/nic/files.ts";
import { planNicRemove } from "../../lib/nic/remove.ts";
import {
  assert,
  facts,
  type FactsSpec,
  idOf,
  NEW_UUID,
  nic,
  planOf,
  planRefusal,
  qmpStep,
  stepNames,
  stepOf,
  uuidOf,
} from "../support/facts.ts";

const THREE_NICS = { nics: [nic(0, 12), nic(1, 13), nic(2, 14)] };

function remove(device: string, given: FactsSpec = THREE_NICS) {
  const request = { kind: "nic-remove", instance: "vm1", device } as const;
  return planNicRemove(request, facts(given));
}

function plan(device: string, given: FactsSpec = THREE_NICS) {
  return planOf(remove(device, given));
}

Deno.test("planNicRemove() goes from the guest over QEMU to the file", () => {
  const removed = plan("2");
  assertEquals(stepNames(removed), [
    "stage-state",
    "unplug",
    "netdev_del",
    "await-tap-gone",
    "nic-files",
    "commit-state",
  ]);
  assertEquals(stepOf(removed, "unplug").title, "NIC 2");
  assertEquals(qmpStep(removed, "netdev_del").arguments, {
    id: idOf("nic", 2),
  });
  assertEquals(stepOf(removed, "await-tap-gone").tap, "tap2");
  assertEquals(removed.device.uuid, uuidOf("nic", 2));
  assertEquals(removed.device["mac"], "aa:00:00:00:00:02");
});

Deno.test("planNicRemove() can put the entry back where it was", () => {
  const { inverse } = stepOf(plan("1"), "commit-state");
  assert(inverse.change === "insert");
  assertEquals([inverse.list, inverse.index], ["nics", 1]);
  assertEquals(JSON.parse(inverse.entry), nic(1, 13));
});

Deno.test("planNicRemove() unplugs nothing that QEMU does not have", () => {
  const qemu = { deviceIds: new Set<string>() };
  assertEquals(stepNames(plan("2", { ...THREE_NICS, qemu })), [
    "stage-state",
    "netdev_del",
    "await-tap-gone",
    "nic-files",
    "commit-state",
  ]);
  const none = { ...qemu, netdevs: new Map() };
  assertEquals(stepNames(plan("2", { ...THREE_NICS, qemu: none })), [
    "stage-state",
    "nic-files",
    "commit-state",
  ]);
});

Deno.test("planNicRemove() waits for no tap it cannot see", () => {
  const netdevs = new Map([[idOf("nic", 2), { tap: undefined, queues: 1 }]]);
  const removed = plan("2", { ...THREE_NICS, qemu: { netdevs } });
  assert(!stepNames(removed).includes("await-tap-gone"));
});

Deno.test("planNicRemove() does not wait for a guest that stands still", () => {
  const given = { ...THREE_NICS, qemu: { runState: "paused" } };
  assertEquals(stepOf(plan("0", given), "unplug").runState, "paused");
});

Deno.test("planNicRemove() moves the files of the NICs behind it", () => {
  const { before, after } = stepOf(plan("1"), "nic-files");
  assertEquals(before, { 0: "tap0", 1: "tap1", 2: "tap2" });
  assertEquals(after, { 0: "tap0", 1: "tap2" });
});

Deno.test("planNicRemove() refuses what it does not find", () => {
  for (const word of ["3", "nope"]) {
    planRefusal("no-such-device", facts(THREE_NICS), (given) =>
      planNicRemove(
        { kind: "nic-remove", instance: "vm1", device: word },
        given,
      ));
  }
  assertEquals(remove(NEW_UUID).steps, []);
});

Deno.test("planNicRemove() does not take a disk for a NIC", () => {
  const disks = [[
    { uuid: NEW_UUID, hvinfo: { id: "disk-932df160-7a22-4067" } },
    null,
    null,
  ]];
  assertEquals(remove(NEW_UUID, { disks }).steps, []);
});

type Taps = Parameters<Parameters<typeof nicFilesStep>[1]>[0];

const added = (taps: Taps) => [...taps, { value: "tap" } as const];
const without = (at: number) => (taps: Taps) => taps.toSpliced(at, 1);

Deno.test("nicFilesStep() adds the new tap at the end", () => {
  const [step] = nicFilesStep(facts(THREE_NICS), added);
  assertEquals(step, {
    kind: "nic-files",
    directory: "/run/g/kvm-hypervisor/nic/vm1",
    directoryWas: "there",
    before: { 0: "tap0", 1: "tap1", 2: "tap2" },
    after: { 0: "tap0", 1: "tap1", 2: "tap2", 3: { value: "tap" } },
  });
});

Deno.test("nicFilesStep() puts right what Ganeti let drift", () => {
  const nicFiles = { 0: "tap9", 2: "tap1" };
  const [step] = nicFilesStep(facts({ ...THREE_NICS, nicFiles }), without(0));
  assertEquals([step?.before, step?.after], [
    { 0: "tap9", 2: "tap1" },
    { 0: "tap1", 1: "tap2" },
  ]);
});

Deno.test("nicFilesStep() keeps the file of a tap it cannot see", () => {
  const netdevs = new Map();
  const [step] = nicFilesStep(
    facts({ ...THREE_NICS, qemu: { netdevs } }),
    without(0),
  );
  assertEquals(step?.after, { 0: "tap1", 1: "tap2" });
});

Deno.test("nicFilesStep() leaves alone files beyond the NICs", () => {
  for (const place of [3, 7]) {
    const nicFiles = { 0: "tap0", 1: "tap1", 2: "tap2", [place]: "stale" };
    const given = facts({ ...THREE_NICS, nicFiles });
    const [step] = nicFilesStep(given, without(2));
    assertEquals([step?.before, step?.after], [
      { 0: "tap0", 1: "tap1", 2: "tap2" },
      { 0: "tap0", 1: "tap1" },
    ]);
  }
});

Deno.test("nicFilesStep() makes the directory only where Ganeti has a place", () => {
  const missing = { nicFiles: undefined };
  const [step] = nicFilesStep(facts(missing), added);
  assertEquals([step?.directoryWas, step?.after], [
    "missing",
    { 0: { value: "tap" } },
  ]);
  const nowhere = facts({ ...missing, nicDirectoryPossible: false });
  assertEquals(nicFilesStep(nowhere, added), []);
});

Deno.test("nicFilesStep() does nothing where all is so already", () => {
  const given = facts({
    nics: [nic(0, 12)],
    nicFiles: {},
    qemu: {
      netdevs: new Map(),
    },
  });
  assertEquals(nicFilesStep(given, without(0)), []);
});

Deno.test("planNicRemove() takes off the node what the tap leaves there", () => {
  const of = (mode: string, scripts = {}) => {
    const nicparams = { mode, link: "100", vlan: "" };
    const given = facts({ nics: [nic(0, 12, { nicparams, ip: "192.0.2.7" })] });
    const request = {
      kind: "nic-remove",
      instance: "vm1",
      device: "0",
    } as const;
    return planOf(planNicRemove(request, { ...given, ...scripts }));
  };
  for (const mode of ["routed", "openvswitch"]) {
    const names = stepNames(of(mode));
    assertEquals(names.slice(1, 4), ["unplug", "attach-tap", "netdev_del"]);
    const { tap, from, to, failure } = stepOf(of(mode), "attach-tap");
    // The guest has released it: a failure there must not keep it.
    assertEquals(failure, "told");
    assertEquals([tap, from?.mode, from?.ip, to], [
      "tap0",
      mode,
      "192.0.2.7",
      null,
    ]);
  }
  // The kernel takes a port off its bridge by itself; a script may do more.
  assert(!stepNames(of("bridged")).includes("attach-tap"));
  const setup = "/usr/lib/ganeti/kvm-nic-setup";
  const scripts = { ganetiScript: setup, ganetiDown: setup };
  const { from } = stepOf(of("bridged", scripts), "attach-tap");
  assertEquals([from?.script?.down, from?.script?.environment["MODE"]], [
    setup,
    "bridged",
  ]);
});
