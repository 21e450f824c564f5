/**
 * Conditions for adding or removing a device of a running VM, one rule for
 * each: plans refuse by them, and `check` lists them.
 *
 * @module
 */

import { isOn } from "../device/bus_slot.ts";
import { isPcieMachine } from "../device/pci_bus.ts";
import { titleOf } from "../device/select.ts";
import { HotplugError, refuse, unsupported } from "../errors.ts";
import { checkHvparams } from "../state/hvparams.ts";
import { commandLine } from "../state/instance.ts";
import type { RecordedDevice } from "../state/runtime.ts";
import type { Facts, QemuFacts } from "./facts.ts";
import type { KindRule } from "./kind.ts";
import { isPending } from "./recorded.ts";

/** A rule: nothing is done unless it is met. */
export interface Rule<F = Facts> {
  /** For programs: `run-state`, `acpi`, … */
  readonly name: string;
  /** Does nothing if it holds. @throws {HotplugError} status 3 if not */
  readonly refuse: (facts: F) => void;
  /** The state, if it is met. */
  readonly state: (facts: F) => string;
}

/** Migration states without a running migration: qapi/migration.json. */
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
    { hint: "after the migration, try again on the VM's new node" },
  );
}

function refuseMigration({ migration, runState }: QemuFacts): void {
  if (!NOT_MIGRATING.includes(migration)) {
    throw migrating(`the migration is ${migration}`);
  }
  if (MIGRATING_RUN_STATES.includes(runState)) {
    throw migrating(`its run state is ${runState}`);
  }
}

function refuseRunState({ runState }: QemuFacts): void {
  if (!DEAD_RUN_STATES.includes(runState)) return;
  throw refuse(
    `Cannot change devices: the VM must be running or paused, but its run state is ${runState}`,
  );
}

/** Rules about the VM as it runs now: device_add would succeed anyway. */
export const STATE_RULES: readonly Rule[] = [
  {
    name: "migration",
    refuse: ({ qemu }) => refuseMigration(qemu),
    state: ({ qemu }) =>
      `no migration is running${
        qemu.migration === "" ? "" : `; the last one is ${qemu.migration}`
      }`,
  },
  {
    name: "run-state",
    refuse: ({ qemu }) => refuseRunState(qemu),
    state: ({ qemu }) => qemu.runState,
  },
];

function refuseMachineType({ machine }: QemuFacts): void {
  if (/^pc(?:-|$)/.test(machine) || isPcieMachine(machine)) return;
  throw unsupported(
    `Machine type ${machine} is not supported; supported: pc (i440FX), q35, virt`,
  );
}

/** Why a machine that can have ACPI has none; undefined if it has it. */
export function whyNoAcpi({ qemu, content }: Facts): string | undefined {
  if (!content.runtime.hvparams.acpi) return "hvparam acpi is false";
  if (qemu.process?.argv.includes("-no-acpi")) {
    return "QEMU runs with -no-acpi";
  }
  return qemu.acpi === "off" ? "QEMU runs with acpi=off" : undefined;
}

/**
 * Refuses a VM without ACPI.
 *
 * @param what the devices, for messages
 * @throws {HotplugError} `unsupported`
 */
export function refuseWithoutAcpi(facts: Facts, what: string): void {
  const why = whyNoAcpi(facts);
  if (why === undefined) return;
  throw unsupported(`Hotplug of ${what} needs ACPI, but ${why}`);
}

/**
 * The rules for devices that the guest finds by ACPI: of QEMU's machine types
 * only pc and q35 were tried.
 *
 * @param kind begins the names of the rules
 */
export function acpiRules(
  facts: Facts,
  { kind, what }: { readonly kind: string; readonly what: string },
): KindRule[] {
  const { machine } = facts.qemu;
  return [
    {
      name: `${kind}-machine-type`,
      at: "before-place",
      refuse() {
        if (/^(?:pc|q35)(?:-|$)/.test(machine)) return;
        throw unsupported(
          `Hotplug of ${what} is not supported on machine type ${machine}; supported: pc (i440FX), q35`,
        );
      },
      state: () => machine,
    },
    {
      name: `${kind}-acpi`,
      at: "before-place",
      refuse: () => refuseWithoutAcpi(facts, what),
      state: () => "on",
    },
  ];
}

function refuseNoAcpi(facts: Facts): void {
  if (isPcieMachine(facts.qemu.machine)) {
    return refuseDeafPorts(facts.qemu);
  }
  const why = whyNoAcpi(facts);
  if (why === undefined) return;
  throw unsupported(`PCI hotplug on machine type pc needs ACPI, but ${why}`);
}

/** Ports may have hotplug of their own, or need ACPI as well. */
function refuseDeafPorts({ acpi, buses }: QemuFacts): void {
  const hasPorts = buses.some(({ kind }) => kind === "port");
  if (acpi !== "off" || !hasPorts) return;
  if (buses.some(({ hotplug }) => hotplug === "on")) return;
  throw unsupported(
    "Hotplug on this VM's PCIe ports needs ACPI, but QEMU runs with acpi=off",
    "to use the ports' own hotplug, start the VM with -global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off (hvparam kvm_extra)",
  );
}

/**
 * Refuses to remove a device that QEMU would not release.
 *
 * @throws {HotplugError} `unsupported` if its bus has no hotplug
 */
export function refuseFixedBus(
  { qemu }: Facts,
  { id, title }: { readonly id: string; readonly title: string },
): void {
  const live = qemu.pci.find((one) => one.id === id);
  const bus = live && qemu.buses.find((one) => isOn(live, one));
  if (bus?.unplug !== "off") return;
  throw unsupported(
    `Cannot remove ${title} (${id}): bus ${bus.name} has no hotplug`,
    "the device stays until the VM ends",
  );
}

/** Rules about the start of the VM; only an addition needs these. */
export const MACHINE_RULES: readonly Rule[] = [
  {
    name: "machine-type",
    refuse: ({ qemu }) => refuseMachineType(qemu),
    state: ({ qemu }) => qemu.machine,
  },
  {
    name: "hvparams",
    refuse: ({ content }) => checkHvparams(content.runtime.hvparams),
    state: () => "in order",
  },
  {
    name: "acpi",
    refuse: refuseNoAcpi,
    state: ({ qemu }) =>
      isPcieMachine(qemu.machine) ? "not needed for PCIe ports" : "on",
  },
];

/** The commands in this list that a monitor does not have. */
export function missingCommands(
  qemu: QemuFacts,
  needed: readonly string[],
): string[] {
  return needed.filter((name) => !qemu.commands.has(name));
}

/**
 * Refuses a QEMU that is too old, or has a restricted monitor.
 *
 * @throws {HotplugError} `unsupported`, with the missing commands
 */
export function refuseMissingCommands(
  qemu: QemuFacts,
  needed: readonly string[],
): void {
  const missing = missingCommands(qemu, needed);
  if (missing.length === 0) return;
  throw unsupported(
    `This QEMU's monitor lacks ${missing.join(", ")}`,
    "QEMU 2.9 or newer has these commands, unless its monitor is restricted",
  );
}

/**
 * The conditions for an operation of any kind.
 *
 * @param needed the QMP commands that it needs
 * @throws {HotplugError} status 3
 */
export function refuseImpossible(
  facts: Facts,
  needed: readonly string[],
): void {
  for (const rule of STATE_RULES) rule.refuse(facts);
  refuseMissingCommands(facts.qemu, needed);
}

/**
 * Refuses a machine without PCI hotplug.
 *
 * @throws {HotplugError} `unsupported` unless new PCI devices can be plugged
 */
export function refuseMachine(facts: Facts): void {
  for (const rule of MACHINE_RULES) rule.refuse(facts);
}

/**
 * Refuses a device that the guest may still release.
 *
 * @throws {HotplugError} `refused`
 */
export function refusePending(
  { paths, own }: Pick<Facts, "paths" | "own">,
  device: RecordedDevice,
): void {
  if (!isPending(own.record, device)) return;
  const { kind, hvinfo: { id = "" } } = device;
  throw refuse(
    `${
      titleOf(device)
    } (${id}) is being removed, but the guest has not released it yet`,
    `to wait for the guest, run: ${
      commandLine(paths, kind, "remove", paths.name, id)
    }`,
  );
}

/**
 * Refuses a name that is in use: a name must select one device.
 *
 * @throws {HotplugError} `duplicate` if one of these already has the name
 */
export function refuseTakenName(
  entries: readonly RecordedDevice[],
  name: string | undefined,
): void {
  const holder = entries.find((one) => one.name === name);
  if (name === undefined || holder === undefined) return;
  throw new HotplugError(
    "duplicate",
    `The name ${JSON.stringify(name)} is already used by ${titleOf(holder)}`,
  );
}

function isInQemu(qemu: QemuFacts, id: string): string | undefined {
  if (qemu.deviceIds.has(id)) return "a device";
  if (qemu.nodeNames.has(id)) return "a block node";
  return qemu.netdevs.has(id) ? "a network backend" : undefined;
}

/**
 * Refuses an id that is in use: it has only a part of the uuid.
 *
 * @throws {HotplugError} `duplicate` if the file or QEMU already has the id
 */
export function refuseTakenId(facts: Facts, id: string): void {
  const holder = facts.recorded.find((one) => one.hvinfo.id === id);
  if (holder !== undefined) {
    throw new HotplugError(
      "duplicate",
      `The device id ${id} is already used by ${
        titleOf(holder)
      }: both uuids begin with the same characters`,
      { hint: "choose a different uuid" },
    );
  }
  const what = isInQemu(facts.qemu, id);
  if (what === undefined) return;
  throw new HotplugError(
    "duplicate",
    `QEMU already has ${what} ${id}, which the runtime file does not record`,
    {
      hint:
        "it is a leftover of an interrupted command, or it was added by hand",
    },
  );
}
