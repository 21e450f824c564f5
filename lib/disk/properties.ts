/**
 * The properties of a new disk, and the properties that its entry keeps for
 * each start. Pure.
 *
 * @module
 */

import { DISK_PROPERTIES, MAX_SERIAL } from "../device/disk_properties.ts";
import type { DiskDevice } from "../device/disk.ts";
import type { Properties } from "../device/hvinfo.ts";
import {
  propertiesIn,
  type PropertyValues,
  recordedProperties,
} from "../device/properties.ts";
import { nameOfEntry, titleOf } from "../device/select.ts";
import { refuse, type Remark, remark, unsupported } from "../errors.ts";
import type { Source } from "../host/source.ts";
import { givesBootIndex } from "../plan/boot.ts";
import type { Facts } from "../plan/facts.ts";
import { untilStop } from "../plan/until_end.ts";
import { hasObject } from "../state/fixed_command.ts";
import { defined } from "../state/defined.ts";
import { either } from "../words/options.ts";
import { DISK } from "./name.ts";
import type { DiskAdd, EmptyDriveAdd } from "./request.ts";

/** What the properties of a new disk depend on. */
export interface PropertyFacts extends Pick<Facts, "content"> {
  /** Of the driver's model; undefined: not asked, or QEMU does not tell. */
  readonly propertyNames?: ReadonlySet<string> | undefined;
  /** The devices that have one; undefined: not asked. */
  readonly bootIndexes?: ReadonlyMap<number, string> | undefined;
  /** Undefined for a drive without a medium. */
  readonly source?: Pick<Source, "blockSizes"> | undefined;
}

type Wished = Pick<DiskAdd | EmptyDriveAdd, "properties" | "uuid" | "ganeti">;

/** What was given, in QEMU's words; `--serial uuid` is the uuid, cut. */
export function givenProperties(
  { properties = {}, uuid }: Pick<Wished, "properties" | "uuid">,
): PropertyValues {
  if (properties.serial !== "uuid") return properties;
  const serial = uuid.value.slice(0, MAX_SERIAL);
  return { ...properties, serial };
}

/** The sizes of a block device, where they are not what QEMU takes anyway. */
function sizesOf(
  { source }: PropertyFacts,
  driver: string,
): PropertyValues {
  const { logical = 512, physical = 512 } = source?.blockSizes ?? {};
  const isEmulated = DISK_PROPERTIES.some((row) =>
    row.option === "logical-block-size" &&
    (row.drivers as readonly string[]).includes(driver)
  );
  if (!isEmulated) return {};
  return {
    "logical-block-size": logical === 512 ? undefined : logical,
    "physical-block-size": physical === 512 ? undefined : physical,
  };
}

/** QEMU refuses a sector that is larger than what is written at once. */
function withSizes(given: PropertyValues, sizes: PropertyValues) {
  const all = { ...sizes, ...given };
  const logical = Number(all["logical-block-size"] ?? 512);
  const physical = Number(all["physical-block-size"] ?? 512);
  if (logical <= physical) return all;
  if (given["physical-block-size"] === undefined) {
    return { ...all, "physical-block-size": logical };
  }
  if (given["logical-block-size"] === undefined) {
    return { ...all, "logical-block-size": physical };
  }
  throw refuse(
    `Option --logical-block-size ${logical} must not exceed --physical-block-size ${physical}`,
  );
}

/**
 * Refuses what the driver, or this QEMU, does not have.
 *
 * @throws {HotplugError} `refused` | `unsupported`
 */
export function refuseProperties(
  { propertyNames }: Pick<PropertyFacts, "propertyNames">,
  given: PropertyValues,
  driver: string,
): void {
  for (const { option, key, drivers } of DISK_PROPERTIES) {
    if (given[option] === undefined) continue;
    const have: readonly string[] = drivers;
    if (!have.includes(driver)) {
      throw refuse(
        `Option --${option} goes with driver ${
          either(have)
        }, not with ${driver}`,
      );
    }
    if (propertyNames?.has(key) === false) {
      throw unsupported(
        `This QEMU's ${driver} does not have property ${key}, which option --${option} sets`,
        `omit --${option}`,
      );
    }
  }
}

/** Refuses a place in the boot order that another device has. */
function refuseBootIndex(
  { content: { runtime }, bootIndexes }: PropertyFacts,
  index: string | number | undefined,
): void {
  if (index === undefined) return;
  const owner = bootIndexes?.get(Number(index));
  if (owner !== undefined) {
    throw refuse(
      `Option --bootindex ${index} is already used by device ${owner}`,
      "give another number",
    );
  }
  if (index !== 1 || !givesBootIndex(runtime)) return;
  throw refuse(
    "Cannot use --bootindex 1: Ganeti's start gives it to the first device of the boot order",
    "give another number",
  );
}

/**
 * The properties of a new disk. Of a master's disk nothing is chosen: Ganeti's
 * start chooses nothing either.
 *
 * @param iothread chosen for it
 * @throws {HotplugError} `refused` | `unsupported`
 */
export function chooseProperties(
  facts: PropertyFacts,
  request: Wished,
  { driver, iothread }: {
    readonly driver: string;
    readonly iothread?: string | undefined;
  },
): PropertyValues {
  const given = givenProperties(request);
  refuseProperties(facts, given, driver);
  refuseBootIndex(facts, given.bootindex);
  const sizes = request.ganeti === undefined ? sizesOf(facts, driver) : {};
  return defined({ ...withSizes(given, sizes), iothread });
}

/**
 * What the entry has for each start: Ganeti gives every key of hvinfo to QEMU.
 * An iothread that no start makes is left out, as a target does without; so is
 * one where a start chooses one itself.
 */
export function propertiesFor(
  { content }: Pick<Facts, "content">,
  { iothread, ...given }: PropertyValues,
): Properties {
  const { kvmCmd, hvparams } = content.runtime;
  const isKept = iothread !== undefined &&
    hasObject(kvmCmd, { type: "iothread", id: String(iothread) }) &&
    hvparams.diskIothreads < 1;
  const kept = isKept ? { ...given, iothread } : given;
  return recordedProperties(DISK_PROPERTIES, kept);
}

/** The guest names a disk in /dev/disk/by-id after these. */
const BY_ID = ["serial", "wwn"];

/** Warnings about disks that the guest cannot tell apart by their names. */
function sameNames(
  { content: { runtime } }: Pick<Facts, "content">,
  given: PropertyValues,
): Remark[] {
  return BY_ID.flatMap((option) => {
    const { [option]: value } = given;
    const other = value === undefined
      ? undefined
      : runtime.disks.find((one) =>
        propertiesIn(DISK_PROPERTIES, one)[option] === value
      );
    return other === undefined ? [] : remark(
      "same-serial",
      `${
        titleOf(other)
      } has the same ${option} ${value}: a name in the guest's /dev/disk/by-id leads to only one of the two disks`,
      { device: nameOfEntry(other) },
    );
  });
}

/** The warnings about the properties of a new disk. */
export function propertyWarnings(
  facts: Pick<Facts, "content">,
  { given = {}, properties = {} }: Pick<DiskDevice, "given" | "properties">,
): (Remark | undefined)[] {
  const isAdopted = facts.content.runtime.hvparams.origin === "adopt";
  return [
    ...sameNames(facts, given),
    isAdopted ? undefined : stopWarning(properties),
  ];
}

/** The warning about properties that Ganeti's start leaves out. */
function stopWarning(properties: Properties): Remark | undefined {
  const sectors = "logical_block_size" in properties
    ? "; with other sectors the guest cannot read its partition table"
    : "";
  return untilStop(DISK, properties, sectors);
}
