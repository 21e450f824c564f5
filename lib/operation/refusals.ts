/**
 * Reasons not to begin, found in the facts: what could be asked before is
 * never discovered mid-way.
 *
 * @module
 */

import { PC_BUS } from "../device/bus_slot.ts";
import { titleOf } from "../device/select.ts";
import { HotplugError, refuse, unsupported } from "../errors.ts";
import { checkHvparams } from "../state/hvparams.ts";
import type { DeviceEntry } from "../state/runtime.ts";
import type { Facts, QemuFacts } from "./facts.ts";

/** Migration states in which none is under way: qapi/migration.json. */
const NOT_MIGRATING = ["", "none", "completed", "failed", "cancelled"];

/** Run states in which device_add succeeds and must not be used. */
const MIGRATING_RUN_STATES = ["inmigrate", "postmigrate", "finish-migrate"];
const DEAD_RUN_STATES = [
  "prelaunch",
  "shutdown",
  "internal-error",
  "guest-panicked",
  "save-vm",
  "restore-vm",
];

function migrating(what: string): HotplugError {
  return new HotplugError(
    "migrating",
    `Cannot change devices while the VM migrates: ${what}`,
    { hint: "try again on the node where the VM runs afterwards" },
  );
}

/**
 * Refuses a VM in whose state device_add succeeds and must not be used.
 *
 * @throws {HotplugError} `migrating` | `refused`
 */
export function refuseRunState(qemu: QemuFacts): void {
  if (!NOT_MIGRATING.includes(qemu.migration)) {
    throw migrating(`the migration is ${qemu.migration}`);
  }
  if (MIGRATING_RUN_STATES.includes(qemu.runState)) {
    throw migrating(`its run state is ${qemu.runState}`);
  }
  if (DEAD_RUN_STATES.includes(qemu.runState)) {
    throw refuse(
      `Cannot change devices: the VM's run state is ${qemu.runState}, it must be running or paused`,
    );
  }
}

/** Which of these commands a monitor does not offer. */
export function missingCommands(
  qemu: QemuFacts,
  needed: readonly string[],
): string[] {
  return needed.filter((name) => !qemu.commands.has(name));
}

/**
 * Refuses a QEMU that is too old, or whose monitor is restricted.
 *
 * @throws {HotplugError} `unsupported`, naming the missing commands
 */
export function refuseMissingCommands(
  qemu: QemuFacts,
  needed: readonly string[],
): void {
  const missing = missingCommands(qemu, needed);
  if (missing.length === 0) return;
  throw unsupported(
    `This QEMU's monitor lacks ${missing.join(", ")}`,
    "a QEMU 2.9 or newer, unrestricted, has them",
  );
}

/**
 * Refuses what has no PCI hotplug by ACPI on its root bus.
 *
 * @throws {HotplugError} `unsupported` unless new PCI devices can be taken
 */
export function refuseMachine(facts: Facts, bus: string | undefined): void {
  const { machine } = facts.qemu;
  if (!/^pc(?:-|$)/.test(machine) || machine.startsWith("pc-q35")) {
    throw unsupported(
      `Machine type ${machine} is not supported: pc (i440FX) is`,
    );
  }
  checkHvparams(facts.content.runtime.hvparams);
  if (!facts.content.runtime.hvparams.acpi) {
    throw unsupported(
      "PCI hotplug on machine type pc needs ACPI, and hvparam acpi is false",
    );
  }
  if (bus !== undefined && bus !== PC_BUS) {
    throw unsupported(`Bus ${bus} is not supported: ${PC_BUS} is`);
  }
}

/**
 * Refuses a second name: a name must select one device.
 *
 * @throws {HotplugError} `duplicate` if one of these has the name already
 */
export function refuseTakenName(
  entries: readonly DeviceEntry[],
  name: string | undefined,
): void {
  const holder = entries.find((one) => one.name === name);
  if (name === undefined || holder === undefined) return;
  throw new HotplugError(
    "duplicate",
    `The name ${JSON.stringify(name)} is that of ${titleOf(holder)}`,
  );
}

function isInQemu(qemu: QemuFacts, id: string): string | undefined {
  if (qemu.deviceIds.has(id)) return "a device";
  if (qemu.nodeNames.has(id)) return "a block node";
  return qemu.netdevs.has(id) ? "a network backend" : undefined;
}

/**
 * Refuses an id that would be there twice: it has only a part of the uuid.
 *
 * @throws {HotplugError} `duplicate` if the file or QEMU has the id already
 */
export function refuseTakenId(facts: Facts, id: string): void {
  const { disks, nics } = facts.content.runtime;
  const holder = [...disks, ...nics].find((one) => one.hvinfo.id === id);
  if (holder !== undefined) {
    throw new HotplugError(
      "duplicate",
      `The device id ${id} is that of ${
        titleOf(holder)
      }, whose uuid begins the same`,
      { hint: "take another uuid" },
    );
  }
  const what = isInQemu(facts.qemu, id);
  if (what === undefined) return;
  throw new HotplugError(
    "duplicate",
    `QEMU already has ${what} ${id}, which the runtime file does not record`,
    { hint: "something interrupted left it, or it was added by hand" },
  );
}

/**
 * Refuses to record in one VM's file what happens in another.
 *
 * @throws {HotplugError} `refused` if the socket is that of another VM
 */
export function refuseForeignVm({ qemu, paths }: Facts): void {
  if (qemu.name === "" || qemu.name === paths.name) return;
  throw refuse(
    `The QMP socket ${paths.qmp} is that of VM ${
      JSON.stringify(qemu.name)
    }, not of ${paths.name}`,
    "give the file that goes with it by --state, if this is meant",
  );
}
