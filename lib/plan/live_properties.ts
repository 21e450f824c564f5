/**
 * The properties of a live device, asked of QEMU.
 *
 * @module
 */

import type { DeviceProperty } from "../device/properties.ts";
import type { QmpSession } from "../qmp/client.ts";
import {
  CONTAINERS,
  membersOf,
  propertyTextOf,
} from "../qmp/device_queries.ts";
import { ask, askAll, type Query } from "../qmp/query.ts";

/**
 * What QEMU tells of the properties of a table, as text, by their options' names;
 * undefined of one that the device has not.
 *
 * @param id its device id
 */
export function readProperties(
  qmp: QmpSession,
  id: string,
  table: readonly DeviceProperty[],
): Promise<Readonly<Record<string, string | undefined>>> {
  return askAll(
    qmp,
    Object.fromEntries(
      table.map(({ option, key }) => [option, propertyTextOf(id, key)]),
    ),
  );
}

function bootIndexOf(path: string): Query<number | undefined> {
  return {
    execute: "qom-get",
    args: { path, property: "bootindex" },
    ifRefused: "nothing",
    read: (value) => typeof value === "number" ? value : undefined,
  };
}

/** The places in the boot order that are taken, each with its device. */
export async function readBootIndexes(
  qmp: QmpSession,
): Promise<ReadonlyMap<number, string>> {
  const taken = new Map<number, string>();
  for (const container of CONTAINERS) {
    const members = await ask(qmp, membersOf(container));
    const names = members.filter(({ type }) => type.startsWith("child<"))
      .map(({ name }) => name);
    if (names.length === 0) continue;
    const indexes = await askAll(
      qmp,
      Object.fromEntries(
        names.map((name) => [name, bootIndexOf(`${container}/${name}`)]),
      ),
    );
    for (const [name, index = -1] of Object.entries(indexes)) {
      if (index >= 0) taken.set(index, name);
    }
  }
  return taken;
}
