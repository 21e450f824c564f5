/**
 * Compares runtime file, QEMU and node of an instance. Whole: the one
 * comparison that `list NAME`, `state show --verify` and `repair` use.
 * Presence: for all instances of a node together. Alone: without QEMU, if the
 * VM does not run.
 *
 * @module
 */

import { dirname } from "@std/path/posix";
import type { Plan } from "../engine/plan.ts";
import type { World } from "../engine/world.ts";
import { readConfinement } from "../host/confinement.ts";
import { namesIn } from "../host/look.ts";
import { findQemu, openFiles, type QemuProcess } from "../host/process.ts";
import {
  type KindRequest,
  loadKinds,
  loadNotes,
  recordedDevices,
} from "../kinds.ts";
import type { Compared, Difference, WholeFacts } from "../plan/difference.ts";
import type { Facts, QemuFacts } from "../plan/facts.ts";
import { PROPERTY, propertyPlan } from "../plan/compare_properties.ts";
import type { Kind } from "../plan/kind.ts";
import type { QmpSession } from "../qmp/client.ts";
import type { InstancePaths } from "../state/instance.ts";
import { isLeftover } from "../state/leftover.ts";
import { readUidFile, uidFile } from "../state/uid_file.ts";
import {
  commonDifferences,
  commonPlan,
  leftoverDifferences,
  type ProcessFacts,
} from "./common.ts";
import { absentDifference } from "../plan/compare_entry.ts";
import type { Runtime } from "../state/runtime.ts";
import { readOwnFacts } from "../engine/own_facts.ts";
import { heldDifferences, lostDifference } from "../plan/compare_own.ts";
import { giveBackPlan } from "../plan/finding.ts";
import { isRemembrance } from "../plan/give_back.ts";
import { noteOn } from "../state/own_check.ts";

/** A directory that cannot be read has no removable files. */
function filesIn(directory: string): string[] {
  return namesIn(directory).map((name) => `${directory}/${name}`);
}

/** Files that only an interrupted operation can have left. */
function findLeftovers(paths: InstancePaths): string[] {
  const { runtime, nicDir } = paths;
  return [dirname(runtime), ...(nicDir === undefined ? [] : [nicDir])]
    .flatMap(filesIn).filter((path) => isLeftover(path, paths)).sort();
}

function readProcess(
  paths: InstancePaths,
  qmp: QmpSession,
  known: QemuProcess | undefined,
): ProcessFacts {
  return {
    filed: findQemu(paths.pid, paths.name, known),
    peer: qmp.peer().pid,
    uidText: readUidFile(paths),
    uidFile: uidFile(paths),
  };
}

/** The differences of a whole comparison, with their repairs. */
export interface Comparison extends Compared {
  readonly facts: WholeFacts;
}

/**
 * Looks at QEMU and node, and compares.
 *
 * @param qmp stays the caller's
 * @param load loads all kinds that there are
 * @throws {HotplugError} status 4 if QEMU can be asked no more
 */
export async function compareWhole(
  base: Facts,
  qmp: QmpSession,
  load: typeof loadKinds = loadKinds,
): Promise<Comparison> {
  const { process } = base.qemu;
  const facts: WholeFacts = {
    ...base,
    confinement: process && readConfinement(process),
    openFiles: process && [...openFiles(process.pid)],
    leftovers: findLeftovers(base.paths),
  };
  const finders = new Map<Difference, Kind<KindRequest>>();
  const differences: Difference[] = [];
  const kinds = await load();
  for (const kind of kinds) {
    const found = await kind.compare(facts, qmp);
    for (const one of found) finders.set(one, kind);
    differences.push(...found);
  }
  const about = {
    process: readProcess(base.paths, qmp, process),
    kinds,
    found: [...differences],
  };
  differences.push(...commonDifferences(facts, about));
  const plan = async (
    one: Difference,
    world: World,
  ): Promise<Plan | undefined> => {
    if (one.mend?.word === PROPERTY) {
      return await propertyPlan(facts, one, world.qmp);
    }
    const kind = finders.get(one);
    if (kind === undefined) return commonPlan(base.paths, one);
    const { mend } = await kind.changes();
    return await mend(facts, one, world);
  };
  return { facts, differences, plan };
}

/**
 * The recorded devices that are missing in QEMU. Pure.
 *
 * @param paths for the hint
 */
export function comparePresence(
  runtime: Runtime,
  qemu: Pick<QemuFacts, "deviceIds" | "block">,
  paths: Pick<InstancePaths, "name" | "reachedBy">,
): Difference[] {
  return recordedDevices(runtime)
    .flatMap((entry) => absentDifference({ paths, qemu }, entry) ?? [])
    .filter(({ code }) => code === "not-in-qemu");
}

/**
 * Compares file and node without QEMU: all changes that were made for QEMU must
 * be undone.
 *
 * @throws {HotplugError} `refused` | `bad-state-file`
 */
export async function compareAlone(paths: InstancePaths): Promise<Compared> {
  const own = await readOwnFacts(paths, undefined, loadNotes);
  const { devices } = own.record;
  const held = heldDifferences(own.record);
  const kinds = await loadKinds();
  return {
    differences: [
      ...Object.entries(devices).flatMap(([key, note]) =>
        isRemembrance(note) ? [] : held.get(key) ?? lostDifference(key)
      ),
      ...leftoverDifferences(findLeftovers(paths)),
    ],
    async plan(difference) {
      const { mend } = difference;
      const uuid = mend?.subject ?? "";
      if (mend?.word !== "give-back") return commonPlan(paths, difference);
      const kind = kinds.find(({ word }) =>
        word === noteOn({ devices }, uuid)?.kind
      );
      return await Promise.resolve(
        kind && giveBackPlan({ paths, own }, uuid, kind),
      );
    },
  };
}
