/**
 * What the properties of a new disk depend on, asked of QEMU.
 *
 * @module
 */

import { readBootIndexes } from "../plan/live_properties.ts";
import type { QmpSession } from "../qmp/client.ts";
import { propertyNamesOf } from "../qmp/device_queries.ts";
import { ask } from "../qmp/query.ts";
import type { PropertyFacts } from "./properties.ts";
import type { DiskAdd } from "./request.ts";

/** Every QEMU has these. */
const USUAL = ["queues", "iothread"];

/** Asks no more than what was given needs. */
export async function readPropertyFacts(
  qmp: QmpSession,
  { properties = {} }: Pick<DiskAdd, "properties">,
  driver: string | undefined,
): Promise<Pick<PropertyFacts, "propertyNames" | "bootIndexes">> {
  const isUnusual = Object.keys(properties).some((one) => !USUAL.includes(one));
  return {
    propertyNames: isUnusual && driver !== undefined
      ? await ask(qmp, propertyNamesOf(driver))
      : undefined,
    bootIndexes: properties.bootindex === undefined
      ? undefined
      : await readBootIndexes(qmp),
  };
}
