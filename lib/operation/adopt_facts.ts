/**
 * What adopting depends on besides the instance: all that a live QEMU has, and
 * what of it the kernel confirms.
 *
 * @module
 */

import type { Place } from "../device/hvinfo.ts";
import { unsupported } from "../errors.ts";
import type { QemuProcess } from "../host/process.ts";
import type { AdoptFacts, KindAdoption } from "../plan/adoption.ts";
import type { Facts, QemuFacts } from "../plan/facts.ts";
import type { QmpSession } from "../qmp/client.ts";
import { propertyOf } from "../qmp/device_queries.ts";
import { askAll } from "../qmp/query.ts";
import { text } from "../qmp/reading.ts";
import { loadWholeKinds } from "../kinds.ts";
import type { Kind, KindName } from "../plan/kind.ts";

function busOf(path: unknown): string {
  const whole = text(path);
  return whole.slice(whole.lastIndexOf("/") + 1);
}

async function placeOf(
  qmp: QmpSession,
  id: string,
  { qemu, driver }: { qemu: QemuFacts; driver: string },
): Promise<Place | undefined> {
  const parent = propertyOf(id, "parent_bus");
  const pci = qemu.pci.find((one) => one.id === id);
  if (pci !== undefined && pci.function === 0) {
    const { bus, acpiIndex } = await askAll(qmp, {
      bus: parent,
      // Every PCI device has it since QEMU 6.1; 0 is none.
      acpiIndex: { ...propertyOf(id, "acpi-index"), ifRefused: "nothing" },
    });
    return {
      bus: busOf(bus),
      slot: pci.slot,
      acpiIndex: Number(acpiIndex) || undefined,
    };
  }
  if (!driver.startsWith("scsi-")) return undefined;
  const { bus, channel, scsiId, lun } = await askAll(qmp, {
    bus: parent,
    channel: propertyOf(id, "channel"),
    scsiId: propertyOf(id, "scsi-id"),
    lun: propertyOf(id, "lun"),
  });
  return {
    bus: busOf(bus),
    channel: Number(channel),
    scsiId: Number(scsiId),
    lun: Number(lun),
  };
}

function programOf({ pid, argv }: QemuProcess): string {
  try {
    return Deno.readLinkSync(`/proc/${pid}/exe`);
  } catch {
    return argv[0] ?? "";
  }
}

function expectProcess({ qemu, paths }: Facts): QemuProcess {
  if (qemu.process !== undefined) return qemu.process;
  throw unsupported(
    `Cannot adopt anything of ${paths.name}: the process behind ${paths.qmp} is no QEMU of this node that can be seen`,
    "only its open files prove which disk is which",
  );
}

/** A kind, and what QEMU has of it. */
export interface AdoptedKind {
  readonly kind: KindName & Pick<Kind, "view">;
  /** {@linkcode KindChanges.adopt}. */
  readonly adoption: KindAdoption;
  /** Fresh ones, as many as there are devices. */
  readonly uuids: readonly string[];
}

/**
 * Adds what adopting depends on.
 *
 * @throws {HotplugError} `unsupported` if QEMU's process cannot be seen
 */
export async function readAdoptFacts(
  facts: Facts,
  qmp: QmpSession,
): Promise<{ facts: AdoptFacts; kinds: AdoptedKind[] }> {
  const { qemu } = facts;
  const process = expectProcess(facts);
  const kinds: AdoptedKind[] = [];
  const places = new Map<string, Place>();
  for (const kind of await loadWholeKinds()) {
    const adoption = await kind.adopt(facts, { qmp, process });
    const uuids = adoption.live.map(() => crypto.randomUUID());
    kinds.push({ kind, adoption, uuids });
    for (const { id } of adoption.live) {
      const driver = id === undefined ? undefined : qemu.drivers.get(id);
      if (id === undefined || driver === undefined) continue;
      const place = await placeOf(qmp, id, { qemu, driver });
      if (place !== undefined) places.set(id, place);
    }
  }
  const whole = { ...facts, process, program: programOf(process), places };
  return { facts: whole, kinds };
}
