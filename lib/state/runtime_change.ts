/**
 * Changes of a runtime file.
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
import { upgradeRuntime } from "./upgrade.ts";

/** Place of each list in the file. */
export const PLACE = { nics: 1, disks: 3 } as const;

/** What every change has. */
export interface Reversible {
  /**
   * The document as it was before an upgrade, in the change that takes one
   * back: where that gives what the upgrade had made, this comes back instead.
   */
  readonly was?: string;
}

/**
 * A change of one entry, or of the form alone: every change also brings the
 * file to today's form, as each of Ganeti's own does. It can be applied to any
 * later content of the same file, which is what makes a write beside Ganeti's
 * own possible. `entry` is JSON text, so that a change that was stored and
 * read back loses nothing.
 */
export type RuntimeChange =
  & Reversible
  & (
    | { readonly change: "upgrade" }
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
    }
  );

/** A change of one entry. */
export type EntryChange = Exclude<RuntimeChange, { change: "upgrade" }>;

function uuidOf(list: keyof typeof PLACE, node: JsonNode): string | undefined {
  const object = list === "disks" && node.type === "array"
    ? node.items[0]
    : node;
  return object && stringMember(object, "uuid")?.toLowerCase();
}

function changeEntry(root: JsonArray, change: EntryChange): JsonArray {
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

/**
 * Applies a change to a document. Inserting what is there and deleting what
 * is not there change nothing: a change may be applied twice.
 */
export function applyChange(root: JsonArray, change: RuntimeChange): JsonArray {
  const current = upgradeRuntime(root);
  const after = change.change === "upgrade"
    ? current
    : changeEntry(current, change);
  if (change.was === undefined) return after;
  const before = parseRoot(change.was);
  const same = formatJson(after) === formatJson(upgradeRuntime(before));
  return same ? before : after;
}

function parseRoot(text: string): JsonArray {
  const root = parseJson(text);
  if (root.type === "array") return root;
  throw new TypeError("a runtime file's document is a list");
}

/** The change that takes `change` back, given the document it was made for. */
export function inverse(
  change: RuntimeChange,
  before: Runtime,
): RuntimeChange {
  const { root } = before;
  const was = upgradeRuntime(root) === root ? {} : { was: formatJson(root) };
  if (change.change === "upgrade") return { change: "upgrade", ...was };
  const { list, uuid } = change;
  if (change.change === "insert") {
    return { change: "delete", list, uuid, ...was };
  }
  const entry = before[list].find((one) => one.uuid === uuid);
  if (entry === undefined) throw new TypeError(`no entry ${uuid}`);
  const { index, node } = entry;
  const text = formatJson(node);
  return { change: "insert", list, uuid, entry: text, index, ...was };
}
