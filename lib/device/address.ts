/**
 * Where a recorded device sits, to the letter.
 *
 * @module
 */

import type { Json } from "../qmp/message.ts";
import { member } from "../state/json_member.ts";
import type { DeviceEntry } from "../state/runtime.ts";

/** Keys of `hvinfo` that QEMU takes as a device's place: SPEC 3.2. */
const KEYS = ["bus", "addr", "channel", "scsi-id", "lun", "acpi-index"];

/** The arguments of QEMU that put a device where its entry says. */
export function addressOf({ node }: DeviceEntry): Json {
  const object = node.type === "array" ? node.items[0] : node;
  const hvinfo = object && member(object, "hvinfo");
  if (hvinfo === undefined) return {};
  return Object.fromEntries(KEYS.flatMap((key) => {
    const value = member(hvinfo, key);
    const plain = value?.type === "string" || value?.type === "number";
    return plain ? [[key, value.value]] : [];
  }));
}
