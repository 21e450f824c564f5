/**
 * Other links in the entries of disks. Pure.
 *
 * @module
 */

import { PLACE, uuidOf } from "./entry_object.ts";
import type { JsonArray } from "./json.ts";
import { jsonNode } from "./json_node.ts";
import { withItem } from "./json_splice.ts";

/** A disk's link to be recorded. */
export interface LinkChange {
  /** Of the disk. */
  readonly uuid: string;
  /** Absolute path. */
  readonly link: string;
}

/** Records links; a disk that is not there has none to record. */
export function changeLinks(
  root: JsonArray,
  links: readonly LinkChange[],
): JsonArray {
  const list = root.items[PLACE.disks];
  if (list?.type !== "array") throw new TypeError("no list disks");
  let disks = list;
  for (const [at, entry] of list.items.entries()) {
    const uuid = uuidOf("disks", entry);
    const link = links.find((one) => one.uuid.toLowerCase() === uuid)?.link;
    if (link === undefined || entry.type !== "array") continue;
    if (entry.items[1]?.type === "string" && entry.items[1].value === link) {
      continue;
    }
    disks = withItem(disks, at, withItem(entry, 1, jsonNode(link)));
  }
  return disks === list ? root : withItem(root, PLACE.disks, disks);
}
