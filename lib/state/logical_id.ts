/**
 * The identity of a disk by its entry, independent of its link: `logical_id`,
 * SPEC 2.3 and 5.8.
 *
 * @module
 */

import { objectOf } from "./entry_object.ts";
import { type JsonNode, member, numberMember, stringMember } from "./json.ts";
import type { DiskEntry } from "./runtime.ts";

function words(object: JsonNode): (string | number)[] {
  const id = member(object, "logical_id");
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

/** {@linkcode pathsOf} of a recorded disk. */
export function logicalPaths({ node }: Pick<DiskEntry, "node">): string[] {
  const object = objectOf(node);
  return object === undefined ? [] : pathsOf(object);
}

/**
 * Possible paths of the disk of an object; one of them exists on this node. Two
 * minors of a DRBD disk, unless a master names the minor of this node. None for
 * a kind that gets the name of its device when it is attached.
 */
export function pathsOf(object: JsonNode): string[] {
  const id = words(object);
  const dynamic = member(object, "dynamic_params");
  const local = dynamic && numberMember(dynamic, "local-minor");
  switch (stringMember(object, "dev_type")) {
    case "file":
    case "sharedfile":
    case "blockdev":
      return path(id[1]);
    case "plain":
    case "lvm":
      return id.length === 2 ? [`/dev/${id[0]}/${id[1]}`] : [];
    case "drbd":
    case "drbd8":
      return (local === undefined ? [id[3], id[4]] : [local]).flatMap((minor) =>
        typeof minor === "number" ? [`/dev/block/${DRBD_MAJOR}:${minor}`] : []
      );
  }
  return [];
}
