/**
 * Compares a requested disk with the existing one. Pure.
 *
 * @module
 */

import { backendOf, groupOf, isEmptied } from "../device/backend.ts";
import { accessFor, findDriver, NO_SOURCE } from "../device/disk_driver.ts";
import { cacheMode } from "../device/disk_settings.ts";
import { DISK_PROPERTIES } from "../device/disk_properties.ts";
import { type DeviceProperty, propertiesThere } from "../device/properties.ts";
import {
  type IoLimits,
  LIMIT_NAMES,
  limitsIn,
  noLimit,
} from "../device/io_limits.ts";
import type { Again, OptionValues } from "../plan/addition.ts";
import type { DiskEntry } from "../state/runtime.ts";
import type { DiskAddFacts } from "./add_facts.ts";
import type { DiskAdd } from "./request.ts";
import { givenProperties } from "./properties.ts";
import { busNameOf } from "./scsi_place.ts";
import { type DiskThere, hasSource } from "./there.ts";
import { untold, viaOf } from "./view.ts";

/** The existing cache setting, in the requested word if it means the same. */
function cacheThere(
  asked: string | undefined,
  { devType = "" }: DiskEntry,
  { direct, writeCache }: {
    readonly direct: boolean | undefined;
    readonly writeCache: DiskThere["writeCache"];
  },
): string | undefined {
  if (direct === undefined) return undefined;
  const isSame = (word: string) => {
    const mode = cacheMode(word, devType);
    return mode.direct === direct &&
      (mode.writeCache === writeCache || !/^(?:on|off)$/.test(`${writeCache}`));
  };
  return [asked ?? "", "none", "writeback", "writethrough"].filter(Boolean)
    .find(isSame);
}

/** The existing source, in the requested word if it means the same. */
function sourceThere(
  facts: DiskAddFacts,
  { source }: DiskAdd,
  twin: DiskEntry,
): string {
  if (isEmptied(twin, facts.qemu.block)) return NO_SOURCE;
  const recorded = hasSource(facts, twin) ? source : twin.uri ?? twin.link;
  return facts.there?.movedTo ?? recorded ?? NO_SOURCE;
}

function yesNo(access: "rw" | "ro"): string {
  return access === "ro" ? "yes" : "no";
}

/** The given uuid, else the uuid of the existing disk. */
function uuidOf({ uuid }: DiskAdd, twin: DiskEntry): DiskAdd["uuid"] {
  const { uuid: value } = twin;
  return uuid.origin === "given" || value === undefined
    ? uuid
    : { ...uuid, value };
}

/** Limits as options: none where QEMU's value means no limit. */
function limitOptions(limits: IoLimits): OptionValues {
  return Object.fromEntries(
    LIMIT_NAMES.flatMap((name) => {
      const value = limits[name];
      if (value === undefined) return [];
      return [[name, value === noLimit(name) ? null : value]];
    }),
  );
}

const NO_LIMITS: OptionValues = Object.fromEntries(
  LIMIT_NAMES.map((name) => [name, null]),
);

/** The properties that disks of a driver cannot have: QEMU tells none. */
function notOf(driver: string | undefined): OptionValues {
  const table: readonly DeviceProperty[] = DISK_PROPERTIES;
  return Object.fromEntries(
    table.filter(({ drivers }) =>
      driver !== undefined && !drivers.includes(driver)
    ).map(({ option }) => [option, null]),
  );
}

/** The requested and the existing options of the disk. Pure. */
export function diskOptions(
  facts: DiskAddFacts,
  request: DiskAdd,
  twin: DiskEntry,
): Pick<Again, "asked" | "there"> {
  const { qemu, own, there = {} } = facts;
  const { settings, driver, limits = {} } = request;
  const { cache, access } = settings;
  const { id = "" } = twin.hvinfo;
  const live = backendOf(qemu.block, id);
  const { readOnly } = live ?? {};
  const direct = live?.cache?.direct;
  const driverThere = qemu.drivers.get(id);
  const accessAsked = accessFor(findDriver(driverThere ?? ""), access);
  const { writeCache, properties = {}, place } = there;
  const { bus, scsiId } = twin.hvinfo;
  return {
    asked: {
      SOURCE: request.source,
      driver: driver && (findDriver(driver) ?? driver),
      format: request.format,
      cache,
      aio: settings.aio,
      discard: settings.discard,
      "read-only": access && yesNo(accessAsked),
      // `--serial uuid` is the uuid of the disk that exists.
      ...givenProperties({ ...request, uuid: uuidOf(request, twin) }),
      via: request.via,
      ...limitOptions(limits),
      "limit-group": request.limitGroup,
    },
    there: {
      SOURCE: sourceThere(facts, request, twin),
      driver: driverThere,
      format: live?.format ?? "raw",
      cache: cacheThere(cache, twin, { direct, writeCache }),
      ...untold(twin, facts),
      "read-only": readOnly === undefined
        ? undefined
        : yesNo(readOnly ? "ro" : "rw"),
      ...propertiesThere(DISK_PROPERTIES, properties),
      ...notOf(driverThere),
      via: live && viaOf(live.file, twin, own),
      ...NO_LIMITS,
      ...limitOptions(limitsIn(live ?? {})),
      "limit-group": live && groupOf(qemu.block, live) || "none",
      ...(scsiId !== undefined && {
        slot: place?.scsiId ?? scsiId,
        bus: place ? busNameOf(place) : bus,
      }),
    },
  };
}
