/**
 * What QEMU tells of single devices: their QOM properties.
 *
 * @module
 */

import { isJson } from "./message.ts";
import type { Query } from "./query.ts";
import type { Command } from "./session_options.ts";

/** QEMU's driver of every device that was given an id. */
export const DRIVERS: Query<ReadonlyMap<string, string>> = {
  execute: "qom-list",
  args: { path: "/machine/peripheral" },
  read: (value) => {
    const children = Array.isArray(value) ? value.filter(isJson) : [];
    return new Map(children.flatMap(({ name, type }) => {
      const driver = /^child<(.+)>$/.exec(String(type))?.[1];
      return driver === undefined ? [] : [[String(name), driver] as const];
    }));
  },
};

/**
 * A property of a device; undefined where it is no text or number. QEMU
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

/** Whose hotplug is known by the machine type alone, or by these. */
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

/** What handles hotplug on the root bus; undefined: QEMU does not tell. */
export const ROOT_HANDLER: Query<string | undefined> = told(ROOT_BUS, HANDLER);

/** ACPI's number of the root bus. */
export const ROOT_SELECTOR: Query<number | undefined> = {
  ...told(ROOT_BUS, SELECTOR),
  read: selector,
};

/** Whether the machine has ACPI: `on`, `off`, `auto`. */
export const ACPI: Query<string | undefined> = told("/machine", "acpi");

/** A number of ACPI's for a bus, from any answer. */
export function selector(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

/**
 * What a bridge with an id tells of the bus behind it, which has its name:
 * whether it is made for hotplug, by the property of that name; who handles
 * hotplug on the bus; `port`, which only ports have; the bus itself; and ACPI's
 * number of it.
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
