/**
 * What a disk's entry says it is, whatever its link leads to: `logical_id`,
 * SPEC 2.3 and 5.8.
 *
 * @module
 */

import { member } from "./json.ts";
import type { DiskEntry } from "./runtime.ts";

function words(entry: DiskEntry): (string | number)[] {
  const object = entry.node.type === "array" ? entry.node.items[0] : undefined;
  const id = object && member(object, "logical_id");
  if (id?.type !== "array") return [];
  return id.items.map((one) =>
    one.type === "string" || one.type === "number" ? one.value : ""
  );
}

function path(word: string | number | undefined): string[] {
  return typeof word === "string" && word.startsWith("/") ? [word] : [];
}

/** The kernel's major number of DRBD: Documentation/admin-guide/devices.txt. */
const DRBD_MAJOR = 147;

/**
 * Paths of what can be the disk, of which one exists on this node: two minors
 * of a DRBD disk, for the entry does not say which node is this one. None for
 * a kind whose device gets its name when it is attached.
 */
export function logicalPaths(entry: DiskEntry): string[] {
  const id = words(entry);
  switch (entry.devType) {
    case "file":
    case "sharedfile":
    case "blockdev":
      return path(id[1]);
    case "plain":
    case "lvm":
      return id.length === 2 ? [`/dev/${id[0]}/${id[1]}`] : [];
    case "drbd":
    case "drbd8":
      return [id[3], id[4]].flatMap((minor) =>
        typeof minor === "number" ? [`/dev/block/${DRBD_MAJOR}:${minor}`] : []
      );
  }
  return [];
}
