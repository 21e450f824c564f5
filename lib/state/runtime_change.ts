/**
 * Changes of a runtime file.
 *
 * @module
 */

import { withWords } from "./command_words.ts";
import type { Members } from "./entry_member.ts";
import {
  hvinfoText,
  membersOf,
  objectOf,
  PLACE,
  replaceMembers,
  uuidOf,
} from "./entry_object.ts";
import {
  formatJson,
  type JsonArray,
  jsonArray,
  type JsonNode,
  layoutOf,
  parseJson,
  PYTHON_LAYOUT,
} from "./json.ts";
import { member } from "./json_member.ts";
import { withItem } from "./json_splice.ts";
import { changeLinks, type LinkChange } from "./link_change.ts";
import type { Runtime } from "./runtime.ts";
import { upgradeRuntime } from "./upgrade.ts";

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
    | { readonly change: "links"; readonly links: readonly LinkChange[] }
    | {
      readonly change: "insert";
      readonly list: keyof typeof PLACE;
      readonly uuid: string;
      readonly entry: string;
      /** Place in the list; the end if the list is shorter. @default the end */
      readonly index?: number;
      /** Words of `kvm_cmd` that come with it, at its end. @default none */
      readonly words?: readonly string[];
    }
    | {
      readonly change: "delete";
      readonly list: keyof typeof PLACE;
      readonly uuid: string;
      /** Words of `kvm_cmd` that go with it. @default none */
      readonly words?: readonly string[];
    }
    | {
      readonly change: "entry";
      readonly list: keyof typeof PLACE;
      readonly uuid: string;
      /** Comes in the place of the entry with this uuid. */
      readonly entry: string;
    }
    | {
      readonly change: "hvinfo";
      readonly list: keyof typeof PLACE;
      readonly uuid: string;
      /** The value of the entry's `hvinfo`, as JSON text. */
      readonly hvinfo: string;
    }
    | {
      readonly change: "size";
      readonly list: keyof typeof PLACE;
      readonly uuid: string;
      /** The entry's `size`, in MiB; one without it stays without. */
      readonly size: number;
    }
    | {
      readonly change: "members";
      readonly list: keyof typeof PLACE;
      readonly uuid: string;
      /** New values by key, as JSON text; null: without this member. */
      readonly members: Members;
    }
  );

/** A change of one entry. */
export type EntryChange = Exclude<
  RuntimeChange,
  { change: "upgrade" | "links" }
>;

/** The members that a change gives other values. */
function changedMembers(
  change: Exclude<EntryChange, { change: "insert" | "delete" | "entry" }>,
  node: JsonNode,
): Members {
  switch (change.change) {
    case "hvinfo":
      return { hvinfo: change.hvinfo };
    case "members":
      return change.members;
    case "size": {
      const object = objectOf(node);
      const has = object && member(object, "size") !== undefined;
      return has ? { size: `${change.size}` } : {};
    }
    default:
      return change satisfies never;
  }
}

function changeEntry(root: JsonArray, change: EntryChange): JsonArray {
  const place = PLACE[change.list];
  const list = root.items[place];
  if (list?.type !== "array") throw new TypeError(`no list ${change.list}`);
  const at = list.items.findIndex((node) =>
    uuidOf(change.list, node) === change.uuid.toLowerCase()
  );
  if (change.change !== "insert" && change.change !== "delete") {
    const node = list.items[at];
    if (node === undefined) return root;
    const changed = change.change === "entry"
      ? parseJson(change.entry)
      : replaceMembers(node, changedMembers(change, node), change.list);
    return withItem(root, place, withItem(list, at, changed));
  }
  const inserts = change.change === "insert";
  if ((at >= 0) === inserts) return root;
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

function changed(root: JsonArray, change: RuntimeChange): JsonArray {
  switch (change.change) {
    case "upgrade":
      return root;
    case "links":
      return changeLinks(root, change.links);
  }
  const after = changeEntry(root, change);
  if (!("words" in change) || after === root) return after;
  const are = change.change === "insert" ? "there" : "gone";
  return withWords(after, change.words ?? [], are);
}

/**
 * Applies a change to a document. Inserting what is there and deleting what
 * is not there change nothing: a change may be applied twice.
 */
export function applyChange(root: JsonArray, change: RuntimeChange): JsonArray {
  const current = upgradeRuntime(root);
  const after = changed(current, change);
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
  if (change.change === "links") {
    const links = change.links.flatMap(({ uuid }) => {
      const link = before.disks.find((one) => one.uuid === uuid)?.link ?? null;
      return link === null ? [] : [{ uuid, link }];
    });
    return { change: "links", links, ...was };
  }
  const { list, uuid } = change;
  const { words } = { words: undefined, ...change };
  const more = { ...(words && { words }), ...was };
  if (change.change === "insert") {
    return { change: "delete", list, uuid, ...more };
  }
  const entry = before[list].find((one) => one.uuid === uuid);
  if (entry === undefined) throw new TypeError(`no entry ${uuid}`);
  const { index, node } = entry;
  if (change.change === "hvinfo") {
    return { change: "hvinfo", list, uuid, hvinfo: hvinfoText(node), ...was };
  }
  if (change.change === "size") {
    const { sizeMib: size = 0 } = "sizeMib" in entry ? entry : {};
    return { change: "size", list, uuid, size, ...was };
  }
  if (change.change === "members") {
    const members = membersOf(node, Object.keys(change.members));
    return { change: "members", list, uuid, members, ...was };
  }
  const text = formatJson(node);
  if (change.change === "entry") {
    return { change: "entry", list, uuid, entry: text, ...was };
  }
  return { change: "insert", list, uuid, entry: text, index, ...more };
}
