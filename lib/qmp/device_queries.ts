/**
 * QEMU's answers about single devices and their buses, by QOM, because no other
 * command lists a device without an id.
 *
 * @module
 */

import { isExactNumber } from "./exact_json.ts";
import type { Query } from "./query.ts";
import { list, numberOf, text } from "./reading.ts";
import type { Command } from "./session_options.ts";

/** QEMU's driver of every device that has an id. */
export const DRIVERS: Query<ReadonlyMap<string, string>> = {
  execute: "qom-list",
  args: { path: "/machine/peripheral" },
  read: (value) =>
    new Map(
      list(value).flatMap(({ name, type }) => {
        const driver = /^child<(.+)>$/.exec(text(type))?.[1];
        return driver === undefined ? [] : [[text(name), driver] as const];
      }),
    ),
};

/**
 * A property of a device; undefined if it is neither text nor number. QEMU
 * answers with an error if the device has no such property.
 */
export function propertyOf(
  id: string,
  property: string,
): Query<string | number | undefined> {
  return {
    execute: "qom-get",
    args: { path: `/machine/peripheral/${id}`, property },
    read: (value) =>
      typeof value === "string" || typeof value === "number"
        ? value
        : undefined,
  };
}

/** A property as text: a boolean as `on` or `off`, a number to the letter. */
function propertyText(value: unknown): string | undefined {
  if (typeof value === "boolean") return value ? "on" : "off";
  if (isExactNumber(value)) return value.rawJSON;
  if (typeof value === "number") return String(value);
  // A link to an object is a path; the start gave the object's name.
  return typeof value === "string"
    ? value.replace(/^\/objects\//, "")
    : undefined;
}

/**
 * A property of a device in the form of a start; undefined if QEMU does not
 * tell it.
 */
export function propertyTextOf(
  id: string,
  property: string,
): Query<string | undefined> {
  const ifRefused = "nothing";
  return { ...propertyOf(id, property), ifRefused, read: propertyText };
}

/** The names of a device's properties; none if QEMU does not tell them. */
export function propertiesOf(id: string): Query<ReadonlySet<string>> {
  return {
    execute: "qom-list",
    args: { path: `/machine/peripheral/${id}` },
    ifRefused: "nothing",
    read: (value) => new Set(list(value).map(({ name }) => text(name))),
  };
}

/**
 * Hotplug on this bus is known by the machine type alone, or by these
 * questions.
 */
const ROOT_BUS = "/machine/i440fx/pci.0";
const HANDLER = "hotplug-handler";
const SELECTOR = "acpi-pcihp-bsel";

function told(path: string, property: string): Query<string | undefined> {
  return {
    execute: "qom-get",
    args: { path, property },
    ifRefused: "nothing",
    read: (value) => typeof value === "string" ? value : undefined,
  };
}

/** The hotplug handler of the root bus; undefined: QEMU does not tell it. */
export const ROOT_HANDLER: Query<string | undefined> = told(ROOT_BUS, HANDLER);

/** ACPI's number of the root bus. */
export const ROOT_SELECTOR: Query<number | undefined> = {
  ...told(ROOT_BUS, SELECTOR),
  read: selector,
};

/** Whether the machine has ACPI: `on`, `off`, `auto`. */
export const ACPI: Query<string | undefined> = told("/machine", "acpi");

/** A bus number of ACPI, from any answer. */
export function selector(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

/**
 * The answers of a bridge with an id about the bus behind it, which has the
 * name of the bridge: whether it supports hotplug, by the property of that
 * name; the hotplug handler of the bus; `port`, which only ports have; the bus
 * itself; and its number in ACPI.
 */
export function bridgeQueries(
  id: string,
  hotplug: string,
): readonly Command[] {
  const bridge = `/machine/peripheral/${id}`;
  const bus = `${bridge}/${id}`;
  const get = (path: string, property: string): Command => ({
    execute: "qom-get",
    args: { path, property },
    ifRefused: "nothing",
  });
  return [
    get(bridge, hotplug),
    get(bus, HANDLER),
    get(bridge, "port"),
    { execute: "qom-list", args: { path: bus }, ifRefused: "nothing" },
    get(bus, SELECTOR),
  ];
}

/** QEMU's containers of devices: devices with an id, and devices without. */
export const CONTAINERS = [
  "/machine/peripheral",
  "/machine/peripheral-anon",
] as const;

/** A child or link of a QOM object. */
export interface QomMember {
  /** Property name, the last part of its path. */
  readonly name: string;
  /** e.g. `child<SCSI>`. */
  readonly type: string;
}

/**
 * The properties of an object. QEMU answers with an error if there is no such
 * object.
 */
export function membersOf(path: string): Query<QomMember[]> {
  return {
    execute: "qom-list",
    args: { path },
    read: (value) =>
      list(value).map(({ name, type }) => ({
        name: text(name),
        type: text(type),
      })),
  };
}

/** The target path of a link. */
export function linkOf(path: string, property: string): Query<string> {
  return { execute: "qom-get", args: { path, property }, read: text };
}

/** The SCSI target of a device. */
export function targetOf(path: string): Query<number> {
  return {
    execute: "qom-get",
    args: { path, property: "scsi-id" },
    read: numberOf,
  };
}

/**
 * The names of a device model's properties; undefined if QEMU has no such model
 * or does not tell. qom-list-types would tell whether there is a model, but
 * ends QEMU 10.0 of Debian.
 */
export function propertyNamesOf(
  typename: string,
): Query<ReadonlySet<string> | undefined> {
  return {
    execute: "device-list-properties",
    args: { typename },
    ifRefused: "nothing",
    ifMissing: "nothing",
    read: (value) =>
      Array.isArray(value)
        ? new Set(list(value).map(({ name }) => text(name)))
        : undefined,
  };
}
