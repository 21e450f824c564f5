/**
 * What adopting depends on besides the instance: all that a live QEMU has, and
 * what of it the kernel confirms.
 *
 * @module
 */

import type { Place } from "../device/hvinfo.ts";
import { readLiveDisks } from "../disk/live.ts";
import { unsupported } from "../errors.ts";
import type { QemuProcess } from "../host/process.ts";
import { readLiveNics } from "../nic/live.ts";
import type { AdoptFacts } from "../plan/adoption.ts";
import type { Facts, QemuFacts } from "../plan/facts.ts";
import type { QmpSession } from "../qmp/client.ts";
import { DRIVERS, propertyOf } from "../qmp/device_queries.ts";
import { ask, askAll } from "../qmp/query.ts";
import type { InstancePaths } from "../state/instance.ts";
import { parseRuntime } from "../state/runtime.ts";
import { readRuntimeFile, type RuntimeContent } from "../state/runtime_file.ts";

/** The text of a runtime file that is not there; no real one is empty. */
const NONE = "";

/** Whether there is no runtime file yet. */
export function isMissing({ text }: RuntimeContent): boolean {
  return text === NONE;
}

/**
 * The runtime file of an instance, or what stands for one where there is none.
 *
 * @throws {HotplugError} `bad-state-file`
 */
export function runtimeOrNone(
  { runtime: path }: InstancePaths,
): RuntimeContent {
  return readRuntimeFile(path) ?? {
    path,
    text: NONE,
    runtime: parseRuntime("[[], [], {}, []]", path),
    status: {
      kind: "file",
      mode: 0o600,
      uid: 0,
      gid: 0,
      sizeBytes: 0,
      inode: 0n,
      device: "0:0",
      rdev: "0:0",
      nlink: 0,
      modifiedNs: 0n,
    },
  };
}

function busOf(path: unknown): string {
  const text = String(path);
  return text.slice(text.lastIndexOf("/") + 1);
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

/**
 * Adds what adopting depends on.
 *
 * @throws {HotplugError} `unsupported` if QEMU's process cannot be seen
 */
export async function readAdoptFacts(
  facts: Facts,
  qmp: QmpSession,
): Promise<AdoptFacts> {
  const { qemu } = facts;
  const process = expectProcess(facts);
  const drivers = await ask(qmp, DRIVERS);
  const disks = await readLiveDisks(qmp, qemu, process);
  const nics = await readLiveNics(qmp, qemu, { process, drivers });
  const places = new Map<string, Place>();
  for (const { id } of [...disks, ...nics]) {
    const driver = id === undefined ? undefined : drivers.get(id);
    if (id === undefined || driver === undefined) continue;
    const place = await placeOf(qmp, id, { qemu, driver });
    if (place !== undefined) places.set(id, place);
  }
  return {
    ...facts,
    process,
    program: programOf(process),
    drivers,
    places,
    disks,
    nics,
    uuids: [...disks, ...nics].map(() => crypto.randomUUID()),
  };
}
