/**
 * Decides whether a disk of QEMU is recorded: only if its device id and the
 * device number of its open file both prove it. Pure.
 *
 * @module
 */

import { type Remark, remark } from "../errors.ts";
import { cacheMode } from "../device/disk_settings.ts";
import { diskEntry, withMedium } from "../device/entry.ts";
import { DISK_PROPERTIES } from "../device/disk_properties.ts";
import type { Properties } from "../device/hvinfo.ts";
import {
  type DeviceProperty,
  propertiesThere,
  type PropertyValues,
} from "../device/properties.ts";
import { titleOf } from "../device/select.ts";
import {
  type Adopted,
  type AdoptFacts,
  identify,
  type KindAdoption,
  left,
  obstacle,
  uuidFor,
  type Verdict,
  whereabouts,
} from "../plan/adoption.ts";
import { givesBootIndex } from "../plan/boot.ts";
import { readProperties } from "../plan/live_properties.ts";
import { commandLine } from "../state/instance.ts";
import { vcpusIn } from "../state/fixed_command.ts";
import type { DiskEntry } from "../state/runtime.ts";
import { toNote } from "../engine/own_facts.ts";
import { recordedWith } from "./chosen.ts";
import { DISK } from "./name.ts";
import { limitsThere, noteSteps } from "./limits.ts";
import { type LiveDisk, type OpenSource, readLiveDisks } from "./live.ts";
import { openImages } from "../host/open_images.ts";
import { type MovedDisk, readMoved } from "./moved.ts";
import { propertiesFor } from "./properties.ts";
import type { QemuProcess } from "../host/process.ts";
import type { Facts } from "../plan/facts.ts";
import type { QmpSession } from "../qmp/client.ts";

/** A disk of QEMU, and its properties as QEMU tells them, by option. */
export interface AdoptedDisk extends LiveDisk {
  readonly told?: PropertyValues | undefined;
}

/** The name of a disk of QEMU for a person. */
function titleOfLive(facts: AdoptFacts, disk: LiveDisk): string {
  const { id, qdev, backend, source } = disk;
  const place = id === undefined ? undefined : facts.places.get(id);
  const path = "path" in source ? source.path : backend.file;
  return `disk ${id ?? qdev} (${path}${whereabouts(place)})`;
}

/** Block drivers over a raw image that do not change the data for the guest. */
const PLAIN = ["raw", "file", "host_device", "throttle", "copy-on-read"];

/**
 * The differences between this disk and the disk that Ganeti's start would
 * make.
 */
function differences(facts: AdoptFacts, disk: LiveDisk, devType: string) {
  const { hvparams } = facts.content.runtime;
  const format = disk.drivers.find((one) => !PLAIN.includes(one));
  const driver = facts.qemu.drivers.get(disk.id ?? "");
  return {
    // Opened as raw, such a disk would be destroyed: SPEC 2.3, `mode`.
    fatal: format !== undefined
      ? `its format is ${format}`
      : disk.readOnly && driver !== "scsi-cd"
      ? "it is read-only"
      : driver === "nvme"
      ? "neither Ganeti nor QEMU's migration supports nvme"
      : undefined,
    cache: hvparams.origin === "ganeti" &&
      cacheMode(hvparams.diskCache, devType).direct !== disk.direct,
  };
}

/** The properties that a start has to give it again. */
function adoptedProperties(
  facts: AdoptFacts,
  { id = "", told = {} }: AdoptedDisk,
): Properties {
  const { drivers, process } = facts.qemu;
  const driver = drivers.get(id) ?? "";
  const isGiven = givesBootIndex(facts.content.runtime);
  const values = propertiesThere(DISK_PROPERTIES, told);
  const table: readonly DeviceProperty[] = DISK_PROPERTIES;
  const rows = table.filter(({ option, drivers, blank }) => {
    const { [option]: value } = values;
    if (!drivers.includes(driver) || value === blank) return false;
    if (value === undefined || value === null) return false;
    // What QEMU or Ganeti's start gives by itself is not recorded.
    if (option === "queues") return value !== vcpusIn(process?.argv ?? []);
    return option !== "bootindex" || value !== 1 || !isGiven;
  });
  return propertiesFor(
    facts,
    Object.fromEntries(
      rows.map(({ option }) => [option, values[option] ?? undefined]),
    ),
  );
}

const ONLY_DEV = "Ganeti takes a block device only below /dev";

function asNew(
  facts: AdoptFacts,
  disk: AdoptedDisk,
  { id, source, fresh, index }: {
    id: string;
    source: OpenSource;
    fresh: string;
    index: number;
  },
): Adopted | Remark {
  const devType = source.kind === "file" ? "file" : "blockdev";
  const place = facts.places.get(id);
  const title = titleOfLive(facts, disk);
  if (place === undefined) {
    return left(title, "QEMU does not show its slot or SCSI target");
  }
  if (devType === "blockdev" && !source.resolved.startsWith("/dev/")) {
    return left(title, ONLY_DEV);
  }
  const { uuid, invented } = uuidFor(facts, id, fresh);
  const { fatal, cache } = differences(facts, disk, devType);
  const entry = diskEntry({
    id,
    uuid,
    place,
    driver: facts.qemu.drivers.get(id),
    devType,
    source: source.path,
    resolved: source.resolved,
    sizeBytes: Number(disk.backend.sizeBytes ?? 0),
    properties: adoptedProperties(facts, disk),
  }, { index, reproducible: fatal === undefined });
  const warnings = [
    ...notMigratable(title, fatal),
    ...cache
      ? [
        remark(
          "cache-at-start",
          `Ganeti's start would give ${title} a different cache mode`,
        ),
      ]
      : [],
  ];
  return {
    kind: DISK.word,
    id,
    uuid,
    change: { change: "insert", list: "disks", uuid, entry },
    warnings,
    invented,
  };
}

/** @param why undefined: Ganeti can start it */
function notMigratable(title: string, why: string | undefined): Remark[] {
  if (why === undefined) return [];
  const message =
    `Ganeti cannot start or migrate the instance with ${title}: ${why}`;
  return [remark("not-migratable", message)];
}

/** The way on for a disk of which nothing proves which file it has open. */
function addedAnew(
  { paths }: AdoptFacts,
  id: string,
  options: readonly string[],
): string {
  const remove = ["disk", "remove", paths.name, id, ...options];
  return `to have it recorded, remove it and add it again with disk add. To remove it, run: ${
    commandLine(paths, ...remove)
  }`;
}

/** A recorded disk with its data at another place now. */
function asMoved(
  facts: AdoptFacts,
  disk: LiveDisk,
  { entry, title }: { entry: DiskEntry; title: string },
): Adopted | Remark {
  const { uuid = "", hvinfo: { id = "" } } = entry;
  const { source, backend } = disk;
  if ("why" in source) {
    return left(title, source.why, addedAnew(facts, id, []));
  }
  if (entry.uri !== null) return left(title, "it is recorded by a URI");
  const { path, resolved, kind } = source;
  const devType = kind === "file" ? "file" : "blockdev";
  if (devType === "blockdev" && !resolved.startsWith("/dev/")) {
    return left(title, ONLY_DEV);
  }
  const { fatal } = differences(facts, disk, devType);
  const changed = withMedium(entry.node, {
    ...{ path, resolved, devType },
    sizeBytes: Number(backend.sizeBytes ?? 0),
    reproducible: fatal === undefined,
  });
  return {
    ...{ kind: DISK.word, id, uuid },
    change: { change: "entry", list: "disks", uuid, entry: changed },
    warnings: notMigratable(title, fatal),
  };
}

/** Entries of this file that belong to another disk, or that are ambiguous. */
function conflict(
  live: readonly LiveDisk[],
  disk: LiveDisk,
  claims: readonly DiskEntry[],
): string | undefined {
  const { source } = disk;
  const twins = live.filter((one) =>
    "identity" in source && "identity" in one.source &&
    one.source.identity === source.identity
  );
  if (twins.length > 1) return "two disks of QEMU have the same file open";
  const named = claims.find(({ hvinfo }) => hvinfo.id !== undefined);
  if (named !== undefined) {
    return `${
      titleOf(named)
    } is recorded with the same file (${named.hvinfo.id}): if that disk is gone, remove it, then adopt again`;
  }
  return claims.length > 1
    ? `the file of ${claims.map(titleOf).join(" and ")} is the same`
    : undefined;
}

/** Decides on one disk; `index` is its place in the list if it is new. */
function judgeDisk(
  facts: AdoptFacts,
  disk: AdoptedDisk,
  { fresh, index, live, moved }: {
    fresh: string;
    index: number;
    live: readonly LiveDisk[];
    moved: readonly MovedDisk[];
  },
): Verdict {
  const { id, source } = disk;
  const { disks } = facts.content.runtime;
  const title = titleOfLive(facts, disk);
  const entry = disks.find(({ hvinfo }) => hvinfo.id === id);
  if (id !== undefined && entry !== undefined) {
    return moved.some((one) => one.entry.index === entry.index)
      ? asMoved(facts, disk, { entry, title })
      : undefined;
  }
  const against = obstacle(facts, id);
  if (against !== undefined || id === undefined) {
    return left(title, against ?? "it has no device id");
  }
  if ("why" in source) {
    return left(title, source.why, addedAnew(facts, id, ["--force"]));
  }
  const claims = recordedWith(facts, source.identity);
  const conflicting = conflict(live, disk, claims);
  if (conflicting !== undefined) return left(title, conflicting);
  const [claim] = claims;
  return claim === undefined
    ? asNew(facts, disk, { id, source, fresh, index })
    : identify(facts, claim, {
      id,
      properties: adoptedProperties(facts, disk),
    });
}

/** The disks of QEMU. */
export interface LiveDisks {
  readonly live: readonly AdoptedDisk[];
  /** Disks that are recorded with another source. */
  readonly moved: readonly MovedDisk[];
}

/** The proofs for these disks, and their consequences. */
export function diskAdoption(disks: LiveDisks): KindAdoption {
  const { live } = disks;
  const those = (ids: ReadonlySet<string>) =>
    live.filter(({ id }) => id !== undefined && ids.has(id));
  return {
    live,
    judge(facts, fresh) {
      let index = facts.content.runtime.disks.length;
      return live.map((disk, at) => {
        const about = { fresh: fresh[at] ?? "", index, ...disks };
        const verdict = judgeDisk(facts, disk, about);
        const isNew = verdict !== undefined && "change" in verdict &&
          verdict.change.change === "insert";
        if (isNew) index++;
        return verdict;
      });
    },
    steps: (facts, adopted) =>
      adopted.flatMap(({ id, uuid = "" }) => {
        const own = toNote(facts.own, facts.process);
        const disk = live.find((one) => one.id === id);
        return disk
          ? noteSteps(own, limitsThere(facts, disk.backend), { uuid })
          : [];
      }),
    startNames: (ids) => ({
      drives: those(ids).map(({ backend }) => backend.device),
      nodes: those(ids).flatMap(({ nodes }) => nodes),
    }),
    hvparams(ids) {
      const mine = those(ids);
      const direct = mine.length > 0 && mine.every((one) => one.direct);
      return { disk_cache: direct ? "none" : "default" };
    },
  };
}

/**
 * Reads the disks of a live QEMU.
 *
 * @param process the process with the open files, which prove the identity of
 * the disks
 */
export async function readDiskAdoption(
  { qemu, content: { runtime } }: Facts,
  { qmp, process }: {
    readonly qmp: QmpSession;
    readonly process: QemuProcess;
  },
): Promise<KindAdoption> {
  const images = await openImages(process.pid);
  const live = await readLiveDisks(qmp, qemu, { process, images });
  const moved = await readMoved({ qemu, runtime }, qmp, live);
  const whole = [];
  for (const disk of live) {
    const { id } = disk;
    const told = id === undefined
      ? undefined
      : await readProperties(qmp, id, DISK_PROPERTIES);
    whole.push({ ...disk, told });
  }
  return diskAdoption({ live: whole, moved });
}
