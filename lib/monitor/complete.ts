/**
 * Completes a word of a QMP command's arguments: by QEMU's schema, and if the
 * schema says only "a string", by the objects of this QEMU.
 *
 * @module
 */

import { isMadeUp } from "../device/backend.ts";
import { DISK_DRIVERS } from "../device/disk_driver.ts";
import { VIRTIO_NET } from "../device/nic.ts";
import type { QmpSession } from "../qmp/client.ts";
import { DEVICE_IDS, NODE_NAMES } from "../qmp/commands.ts";
import { ask, type Query } from "../qmp/query.ts";
import type { Schema } from "../qmp/schema.ts";
import {
  type ArgumentPlace,
  completeArgument,
} from "../qmp/schema_complete.ts";
import { withProperties } from "./raw_command.ts";

/**
 * The usual drivers of device_add, and no others. A question to QEMU for all
 * drivers (qom-list-types), or for the properties of a driver in a module,
 * makes QEMU load modules; QEMU aborts if its package was upgraded since its
 * start. No key pressed for completion may cause this.
 */
const DRIVERS: readonly string[] = [
  ...DISK_DRIVERS,
  VIRTIO_NET,
  "virtio-scsi-pci",
  "virtio-rng-pci",
  "virtio-balloon-pci",
  "virtio-serial-pci",
  "e1000",
  "e1000e",
  "rtl8139",
  "pcie-root-port",
];

/** By command and argument; for any command by the argument alone. */
const LIVE = new Map<string, Query<Iterable<string>>>(Object.entries({
  "device_add drive": NODE_NAMES,
  "device_del id": DEVICE_IDS,
  "set_link name": DEVICE_IDS,
  "node-name": NODE_NAMES,
}));

/** Commands with a new name as `node-name`. */
const NAMING = ["blockdev-add"];

function liveQuery(command: string, key: string) {
  if (NAMING.includes(command)) return undefined;
  return LIVE.get(`${command} ${key}`) ?? LIVE.get(key);
}

function driverAmong(words: readonly string[]): string | undefined {
  const driver = words.find((word) => word.startsWith("driver="))?.slice(7);
  return DRIVERS.find((one) => one === driver);
}

async function liveValues(
  qmp: QmpSession,
  command: string,
  key: string,
): Promise<readonly string[]> {
  if (`${command} ${key}` === "device_add driver") return DRIVERS;
  const query = liveQuery(command, key);
  if (query === undefined) return [];
  return [...await ask(qmp, query)].filter((name) => !isMadeUp(name));
}

/**
 * Candidates for one word: keys with `=` or `.` after them, or values.
 *
 * @param schema the schema of the session's QEMU
 * @throws as {@linkcode QmpSession.execute}
 */
export async function completeLive(
  qmp: QmpSession,
  schema: Schema,
  at: ArgumentPlace,
): Promise<{ word: string; note: string }[]> {
  const { command, before, word } = at;
  const whole = schema.isOpen(command)
    ? await withProperties(schema, driverAmong(before), qmp)
    : schema;
  const found = completeArgument(whole, at);
  const end = word.indexOf("=");
  if (found.length > 0 || end < 0) return found;
  const key = word.slice(0, end);
  const values = await liveValues(qmp, command, key);
  return values.map((value) => ({ word: `${key}=${value}`, note: "" }));
}
