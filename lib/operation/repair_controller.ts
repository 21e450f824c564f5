/**
 * A SCSI controller that was plugged for a first disk and stayed when that did
 * not: no entry is about it, only `kvm_cmd` could name it. Pure.
 *
 * @module
 */

import { CONTROLLER_ID } from "../device/scsi_controller.ts";
import { isNamedIn } from "../state/fixed_command.ts";
import type { Facts } from "../plan/facts.ts";
import type { Finding, FormatCommand } from "../plan/finding.ts";

/**
 * Whether QEMU has a device of a controller's name that neither the file's
 * command nor the VM's own one has: only then is it worth a look.
 */
export function hasForeignController(
  { qemu, content }: Pick<Facts, "qemu" | "content">,
): boolean {
  const started = [
    ...content.runtime.kvmCmd,
    ...qemu.process?.argv ?? [],
  ];
  return qemu.deviceIds.has(CONTROLLER_ID) &&
    !isNamedIn(started, CONTROLLER_ID);
}

/**
 * Tells of it. One that a recorded disk sits on is left out: who added that
 * disk was told, and said that it need not migrate.
 *
 * @param format makes a command of ours that reaches the same instance
 */
export function controllerFindings(
  facts: Pick<Facts, "qemu" | "content" | "paths">,
  format: FormatCommand,
): Finding[] {
  if (!hasForeignController(facts)) return [];
  const { disks } = facts.content.runtime;
  const recorded = new Set(disks.flatMap(({ hvinfo }) => hvinfo.id ?? []));
  const bus = facts.qemu.scsi?.find(({ id }) => id === CONTROLLER_ID);
  const isUsed = bus?.children.some(({ name }) => recorded.has(name));
  if (bus === undefined || isUsed) return [];
  return [{
    what:
      `QEMU has SCSI controller ${CONTROLLER_ID} (${bus.controller}), which the runtime file's kvm_cmd does not name: a migration's target would lack it`,
    hint: format([
      "qmp",
      facts.paths.name,
      "device_del",
      `id=${CONTROLLER_ID}`,
    ]),
  }];
}
