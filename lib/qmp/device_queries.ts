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

/**
 * What a bridge with an id tells of the bus behind it, which has its name:
 * whether it is made for hotplug, by the property of that name; who handles
 * hotplug on the bus; `port`, which only ports have; and the bus itself.
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
    get(bus, "hotplug-handler"),
    get(bridge, "port"),
    { execute: "qom-list", args: { path: bus }, ifRefused: "nothing" },
  ];
}
