/**
 * What could go on a word of a QMP command's arguments: by QEMU's schema, and
 * where that says only "a string", by what this QEMU has.
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
 * What device_add is used for, and no more: to ask QEMU for all drivers
 * (qom-list-types), or for the properties of one that is a module, makes it
 * load modules, and it aborts if its package was upgraded since it started. No
 * key pressed for completion may do that.
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

/** By command and argument; those of any command by the argument alone. */
const LIVE = new Map<string, Query<Iterable<string>>>(Object.entries({
  "device_add drive": NODE_NAMES,
  "device_del id": DEVICE_IDS,
  "set_link name": DEVICE_IDS,
  "node-name": NODE_NAMES,
}));

/** Commands whose `node-name` is a new one. */
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
 * Candidates for one word: keys with `=` or `.` behind them, or values.
 *
 * @param schema that of the session's QEMU
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
