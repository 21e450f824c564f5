/**
 * Changes of one entry of a runtime file.
 *
 * @module
 */

import {
  formatJson,
  type JsonArray,
  jsonArray,
  type JsonNode,
  parseJson,
} from "./json.ts";
import { layoutOf, PYTHON_LAYOUT } from "./json_layout.ts";
import { stringMember } from "./json_member.ts";
import type { Runtime } from "./runtime.ts";

/** Place of each list in the file. */
export const PLACE = { nics: 1, disks: 3 } as const;

/**
 * A change of one entry. It can be applied to any later content of the same
 * file, which is what makes a write beside Ganeti's own possible. `entry` is
 * JSON text, so that a change that was stored and read back loses nothing.
 */
export type RuntimeChange =
  | {
    readonly change: "insert";
    readonly list: keyof typeof PLACE;
    readonly uuid: string;
    readonly entry: string;
    /** Place in the list; the end if the list is shorter. @default the end */
    readonly index?: number;
  }
  | {
    readonly change: "delete";
    readonly list: keyof typeof PLACE;
    readonly uuid: string;
  };

function uuidOf(list: keyof typeof PLACE, node: JsonNode): string | undefined {
  const object = list === "disks" && node.type === "array"
    ? node.items[0]
    : node;
  return object && stringMember(object, "uuid")?.toLowerCase();
}

/**
 * Applies a change to a document. Inserting what is there and deleting what
 * is not there change nothing: a change may be applied twice.
 */
export function applyChange(root: JsonArray, change: RuntimeChange): JsonArray {
  const place = PLACE[change.list];
  const list = root.items[place];
  if (list?.type !== "array") throw new TypeError(`no list ${change.list}`);
  const at = list.items.findIndex((node) =>
    uuidOf(change.list, node) === change.uuid.toLowerCase()
  );
  if ((at >= 0) === (change.change === "insert")) return root;
  const items = change.change === "insert"
    ? list.items.toSpliced(
      change.index ?? list.items.length,
      0,
      parseJson(change.entry),
    )
    : list.items.toSpliced(at, 1);
  const outer = layoutOf(root, PYTHON_LAYOUT);
  const inner = jsonArray(items, layoutOf(list, outer));
  return jsonArray(root.items.with(place, inner), outer);
}

/** The change that takes `change` back, given the document it was made for. */
export function inverse(
  change: RuntimeChange,
  before: Runtime,
): RuntimeChange {
  const { list, uuid } = change;
  if (change.change === "insert") return { change: "delete", list, uuid };
  const entry = before[list].find((one) => one.uuid === uuid);
  if (entry === undefined) throw new TypeError(`no entry ${uuid}`);
  const { index, node } = entry;
  return { change: "insert", list, uuid, entry: formatJson(node), index };
}
