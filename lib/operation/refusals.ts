/**
 * Reasons not to begin, found in the facts: what could be asked before is
 * never discovered mid-way.
 *
 * @module
 */

import { titleOf } from "../device/select.ts";
import { HotplugError, refuse } from "../errors.ts";
import type { InstancePaths } from "../state/instance.ts";
import type { DeviceEntry } from "../state/runtime.ts";
import type { Facts, QemuFacts } from "../plan/facts.ts";
import { MACHINE_RULES } from "../plan/requirements.ts";

/**
 * Refuses a machine without PCI hotplug.
 *
 * @throws {HotplugError} `unsupported` unless new PCI devices can be taken
 */
export function refuseMachine(facts: Facts): void {
  for (const rule of MACHINE_RULES) rule.refuse(facts);
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

/** A journal that was written for a runtime file by another instance name. */
export function foreignJournal(
  instance: string,
  { name, runtime }: InstancePaths,
): HotplugError {
  return refuse(
    `A change of ${runtime} was interrupted, and it was begun for instance ${instance}, not for ${name}`,
    `give the same options with ${instance}: the next change of it or its repair puts it in order`,
  );
}

/**
 * Refuses to record in one VM's file what happens in another, unless file and
 * socket were both given.
 *
 * @param vm the `query-name` of who answers at the socket
 * @throws {HotplugError} `refused` if the socket is that of another VM
 */
export function refuseForeignVm(vm: string, paths: InstancePaths): void {
  if (paths.isGiven || vm === "" || vm === paths.name) return;
  throw refuse(
    `The QMP socket ${paths.qmp} is that of VM ${
      JSON.stringify(vm)
    }, not of ${paths.name}`,
    "give the file that goes with it by --state, if this is meant",
  );
}
