/**
 * Which network cards this QEMU can plug.
 *
 * @module
 */

import type { QmpSession } from "../qmp/client.ts";
import { QmpCommandError } from "../qmp/errors.ts";
import { isJson } from "../qmp/message.ts";

/** A PCI card has a backend, an address on the wire and one on its bus. */
const OF_A_CARD = ["netdev", "mac", "addr"];

/** Whether a driver of this name is a PCI network card: qapi/qdev.json. */
export async function isCard(
  qmp: QmpSession,
  driver: string,
): Promise<boolean> {
  try {
    const properties = await qmp.execute("device-list-properties", {
      typename: driver,
    });
    const names = Array.isArray(properties)
      ? properties.filter(isJson).map(({ name }) => name)
      : [];
    return OF_A_CARD.every((name) => names.includes(name));
  } catch (error) {
    // It has no such driver.
    if (error instanceof QmpCommandError) return false;
    throw error;
  }
}
