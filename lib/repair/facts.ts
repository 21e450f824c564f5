/**
 * What repair looks at.
 *
 * @module
 */

import { dirname } from "@std/path/posix";
import { hasForeignController } from "../disk/controller.ts";
import { findDrift, readDriftFacts } from "../disk/drift.ts";
import { readDiskRemoveFacts } from "../disk/remove.ts";
import { isLeftover } from "../engine/leftover.ts";
import type { World } from "../engine/world.ts";
import { HotplugError, passShortage } from "../errors.ts";
import { readConfinement } from "../host/confinement.ts";
import { tapsOf } from "../host/process.ts";
import { isStillOpen } from "../host/still_open.ts";
import { interfaceExists } from "../host/tap.ts";
import { readFacts } from "../plan/ask_qemu.ts";
import type { Facts } from "../plan/facts.ts";
import { DEVICE_IDS } from "../qmp/commands.ts";
import { ask } from "../qmp/query.ts";
import type { InstancePaths } from "../state/instance.ts";
import type { DeviceEntry, Runtime } from "../state/runtime.ts";
import { readRuntimeFile } from "../state/runtime_file.ts";
import type { RepairFacts } from "./findings.ts";

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

/** An idle guest releases a device within a second, in milliseconds. */
const PATIENCE_MS = 2_000;

function staged(path: string): Runtime | undefined {
  try {
    return readRuntimeFile(path)?.runtime;
  } catch (error) {
    // It may have been cut off anywhere.
    if (error instanceof HotplugError) return undefined;
    throw error;
  }
}

function all({ disks, nics }: Runtime): DeviceEntry[] {
  return [...disks, ...nics];
}

/** The devices that QEMU still has and that a staged file leaves out. */
function leftOut(
  { content, qemu, leftovers }: RepairFacts,
): readonly string[] {
  const before = all(content.runtime);
  return leftovers.flatMap((path) => {
    const after = staged(path);
    if (after === undefined) return [];
    const kept = new Set(all(after).map(({ hvinfo }) => hvinfo.id));
    return before.flatMap((entry) => {
      const { id } = entry.hvinfo;
      if (id === undefined || kept.has(id)) return [];
      return qemu.deviceIds.has(id) ? [id] : [];
    });
  });
}

/** Whether the guest released one of these, having had some time for it. */
async function anyGone(
  asked: readonly string[],
  world: World,
): Promise<boolean> {
  const { unplugTimeoutMs, signal } = world.options;
  const since = world.qmp.mark();
  const isGone = async () => {
    const there = await ask(world.qmp, DEVICE_IDS);
    return asked.some((id) => !there.has(id));
  };
  // It may have gone before we listened.
  if (await isGone()) return true;
  await world.qmp.waitEvent(
    ({ event, data }) =>
      event === "DEVICE_DELETED" && asked.includes(String(data.device)),
    { timeoutMs: Math.min(unplugTimeoutMs, PATIENCE_MS), signal, since },
  );
  return await isGone();
}

/**
 * Reads file, QEMU and node once the guest had the time to release what it may
 * have been asked for.
 *
 * @throws {HotplugError}
 */
export async function readSettled(
  paths: InstancePaths,
  world: World,
): Promise<RepairFacts> {
  const facts = await readRepairFacts(paths, world);
  const asked = leftOut(facts);
  const mayGo = asked.length > 0 && facts.qemu.runState === "running";
  return mayGo && await anyGone(asked, world)
    ? await readRepairFacts(paths, world)
    : facts;
}
