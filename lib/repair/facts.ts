/**
 * What repair looks at.
 *
 * @module
 */

import { passShortage } from "../errors.ts";
import { dirname } from "@std/path/posix";
import { readConfinement } from "../host/confinement.ts";
import { tapsOf } from "../host/process.ts";
import { interfaceExists } from "../host/tap.ts";
import type { InstancePaths } from "../state/instance.ts";
import { findDrift } from "../disk/drift.ts";
import { readDiskRemoveFacts } from "../operation/facts_disk_remove.ts";
import { readDriftFacts } from "../operation/facts_drift.ts";
import { isLeftover } from "../engine/leftover.ts";
import type { Facts } from "../plan/facts.ts";
import { readFacts } from "../operation/read_facts.ts";
import { hasForeignController } from "../operation/repair_controller.ts";
import type { RepairFacts } from "./findings.ts";
import { isStillOpen } from "../host/still_open.ts";
import type { World } from "../engine/world.ts";

function filesIn(directory: string): string[] {
  try {
    return [...Deno.readDirSync(directory)].map(({ name }) =>
      `${directory}/${name}`
    );
  } catch (error) {
    passShortage(error);
    // What cannot be read has nothing that could be removed.
    return [];
  }
}

/** Files that only an interrupted operation can have left. */
export function findLeftovers(paths: InstancePaths): string[] {
  const { runtime, nicDir } = paths;
  return [dirname(runtime), ...(nicDir === undefined ? [] : [nicDir])]
    .flatMap(filesIn).filter((path) => isLeftover(path, paths)).sort();
}

/** The SCSI buses, if there may be a controller that the file lacks. */
async function withScsi(facts: Facts, { qmp }: World): Promise<Facts> {
  if (!hasForeignController(facts)) return facts;
  const { readScsiBuses } = await import("../disk/scsi.ts");
  return { ...facts, qemu: { ...facts.qemu, scsi: await readScsiBuses(qmp) } };
}

/** The ways to a disk that cannot be closed yet. */
function waysInUse({ own, qemu }: Facts): Set<string> {
  const devices = Object.entries(own.record.devices);
  const open = devices.filter(([, { access }]) =>
    isStillOpen(access, qemu.process?.pid)
  );
  return new Set(open.map(([uuid]) => uuid));
}

/** Reads file, QEMU and node. @throws {HotplugError} */
export async function readRepairFacts(
  paths: InstancePaths,
  world: World,
): Promise<RepairFacts> {
  const facts = await withScsi(await readFacts(paths, world.qmp), world);
  const { process } = facts.qemu;
  const { disks } = facts.content.runtime;
  const named = Object.values(facts.nicFiles ?? {});
  return {
    ...await readDiskRemoveFacts(facts, world),
    leftovers: findLeftovers(paths),
    confinement: process && readConfinement(process),
    heldTaps: process === undefined ? undefined : tapsOf(process.pid),
    taps: new Set(named.filter(interfaceExists)),
    inUse: waysInUse(facts),
    drift: process === undefined ? [] : findDrift(
      disks,
      readDriftFacts(disks, facts.qemu),
    ),
  };
}
