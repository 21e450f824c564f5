import { rootBus } from "../../lib/device/pci_bus.ts";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { planDiskAdd } from "../../lib/disk/add.ts";
import { planDiskRemove } from "../../lib/disk/remove.ts";
import { planNicAdd } from "../../lib/nic/add.ts";
import { planNicRemove } from "../../lib/nic/remove.ts";
import type { Plan } from "../../lib/engine/plan.ts";
import { refuseForeignVm } from "../../lib/engine/recover.ts";
import { instancePaths } from "../../lib/state/instance.ts";
import {
  disk,
  diskAdd,
  diskAddFacts,
  facts,
  type FactsSpec,
  nic,
  nicAdd,
  nicAddFacts,
  planOf,
  planRefusal,
  refusal,
  stepOf,
} from "../support/facts.ts";

const DEVICES = { disks: [disk(0, 12)], nics: [nic(0, 13)] };

function removeDisk(given: FactsSpec): Plan {
  return planDiskRemove({
    kind: "disk-remove",
    instance: "vm1",
    device: "0",
    bootDisk: "kept",
  }, facts(given));
}

function removeNic(given: FactsSpec): Plan {
  const one = { kind: "nic-remove", instance: "vm1", device: "0" } as const;
  return planNicRemove(one, facts(given));
}

const ADDS: Record<string, (given: FactsSpec) => Plan> = {
  "disk add": (given) => planDiskAdd(diskAdd(), diskAddFacts(given)),
  "nic add": (given) => planNicAdd(nicAdd({ vhost: "on" }), nicAddFacts(given)),
};

const PLANS: Record<string, (given: FactsSpec) => Plan> = {
  ...ADDS,
  "disk remove": removeDisk,
  "nic remove": removeNic,
};

const NEEDED: Record<string, readonly string[]> = {
  "disk add": [
    "blockdev-add",
    "blockdev-del",
    "device_add",
    "device_del",
  ],
  "nic add": [
    "netdev_add",
    "netdev_del",
    "device_add",
    "device_del",
    "human-monitor-command",
  ],
  "disk remove": ["device_del", "blockdev-del"],
  "nic remove": ["device_del", "netdev_del", "human-monitor-command"],
};

function withQemu(qemu: FactsSpec["qemu"]): FactsSpec {
  return { ...DEVICES, ...(qemu && { qemu }) };
}

for (const [name, plan] of Object.entries(PLANS)) {
  Deno.test(`the plan of ${name} is made where all is well`, () => {
    planOf(plan(DEVICES));
    const paused = planOf(plan(withQemu({ runState: "paused" })));
    const codes = paused.warnings.map(({ code }) => code);
    // A removal fails with the same hint.
    assertEquals(codes.includes("paused"), name.endsWith("add"), name);
    for (const migration of ["none", "completed", "failed", "cancelled"]) {
      planOf(plan(withQemu({ migration })));
    }
  });

  Deno.test(`the plan of ${name} is refused during a migration`, () => {
    // MigrationStatus of qapi/migration.json, up to QEMU 10.1.
    const states = [
      "setup",
      "active",
      "pre-switchover",
      "device",
      "wait-unplug",
      "postcopy-device",
      "postcopy-active",
      "postcopy-paused",
      "postcopy-recover-setup",
      "postcopy-recover",
      "cancelling",
      "colo",
    ];
    for (const migration of states) {
      const error = refusal("migrating", () => plan(withQemu({ migration })));
      assertStringIncludes(error.message, migration);
    }
  });

  Deno.test(`the plan of ${name} is refused where a migration begins or ends`, () => {
    for (const runState of ["inmigrate", "postmigrate", "finish-migrate"]) {
      refusal("migrating", () => plan(withQemu({ runState })));
    }
  });

  Deno.test(`the plan of ${name} is refused before and after the guest's life`, () => {
    const states = [
      "prelaunch",
      "shutdown",
      "internal-error",
      "guest-panicked",
      "save-vm",
      "restore-vm",
    ];
    for (const runState of states) {
      refusal("refused", () => plan(withQemu({ runState })));
    }
  });

  Deno.test(`the plan of ${name} names the commands QEMU lacks`, () => {
    for (const missing of NEEDED[name] ?? []) {
      const commands = new Set(facts().qemu.commands);
      commands.delete(missing);
      const error = refusal("unsupported", () => plan(withQemu({ commands })));
      assertStringIncludes(error.message, `lacks ${missing}`);
    }
    const error = refusal(
      "unsupported",
      () => plan(withQemu({ commands: new Set() })),
    );
    assertStringIncludes(error.message, NEEDED[name]?.join(", ") ?? "");
  });

  Deno.test(`the plan of ${name} is the same each time`, () => {
    assertEquals(planOf(plan(DEVICES)), planOf(plan(DEVICES)));
  });
}

for (const [name, plan] of Object.entries(ADDS)) {
  Deno.test(`the plan of ${name} is refused on a machine without hotplug`, () => {
    for (const machine of ["microvm", "isapc", ""]) {
      refusal("unsupported", () => plan(withQemu({ machine })));
    }
    for (const machine of ["pc-q35-7.2", "q35", "virt-7.2"]) {
      const buses = [rootBus(machine)];
      refusal("no-free-slot", () => plan(withQemu({ machine, buses })));
    }
    for (const machine of ["pc", "pc-i440fx-10.0", "pc-1.1"]) {
      planOf(plan(withQemu({ machine })));
    }
  });

  Deno.test(`the plan of ${name} is refused without ACPI`, () => {
    const error = refusal(
      "unsupported",
      () => plan({ ...DEVICES, hvparams: { acpi: false } }),
    );
    assertStringIncludes(error.message, "acpi");
  });
}

Deno.test("planDiskAdd() and planNicAdd() refuse another bus", () => {
  const bus = "pci.1";
  refusal("unsupported", () => planDiskAdd(diskAdd({ bus }), diskAddFacts()));
  refusal("unsupported", () => planNicAdd(nicAdd({ bus }), nicAddFacts()));
  planOf(planDiskAdd(diskAdd({ bus: "pci.0" }), diskAddFacts()));
});

Deno.test("planRefusal() sees that refusals change no fact", () => {
  const given = diskAddFacts(withQemu({ migration: "active" }));
  planRefusal("migrating", given, (one) => planDiskAdd(diskAdd(), one));
});

Deno.test("planDiskRemove() waits for no guest whose processors stand still", () => {
  // RunState of qapi/run-state.json: in these no vCPU runs.
  for (const runState of ["paused", "io-error", "watchdog", "debug"]) {
    const step = stepOf(
      planOf(removeDisk(withQemu({ runState }))),
      "unplug",
    );
    assertEquals(step.runState, runState);
  }
});

Deno.test("refuseForeignVm() tells one VM's socket from another's", () => {
  const paths = instancePaths("/run/g", "vm1");
  refuseForeignVm("vm1", paths);
  refuseForeignVm("", paths);
  const both = { qmp: "/x.qmp", state: "/x.runtime" };
  refuseForeignVm("vm10", instancePaths("/run/g", "vm1", both));
  for (const one of [{ qmp: "/x.qmp" }, { state: "/x.runtime" }]) {
    const mixed = instancePaths("/run/g", "vm1", one);
    refusal("refused", () => refuseForeignVm("vm10", mixed));
  }
  const error = refusal("refused", () => refuseForeignVm("vm10", paths));
  assertStringIncludes(error.message, '"vm10"');
});
