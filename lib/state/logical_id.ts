/**
 * What a disk's entry says it is, whatever its link leads to: `logical_id`,
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
 * Paths of what can be the disk of an object, of which one exists on this node:
 * two minors of a DRBD disk, unless a master says which node is this one. None
 * for a kind whose device gets its name when it is attached.
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
