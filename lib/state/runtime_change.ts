/**
 * Changes of a runtime file: the change, its effect on a document, and its
 * inverse. Pure.
 *
 * @module
 */

import {
  changeCommand,
  type CommandChange,
  commandCheck,
  commandTitle,
  holdsCommand,
  inverseCommand,
} from "./command_change.ts";
import { membersOf, PLACE, replaceMembers, uuidOf } from "./entry_object.ts";
import { formatJson, type JsonArray, jsonNode, parseJson } from "./json.ts";
import { splice, withItem } from "./json_splice.ts";
import type { Runtime } from "./runtime.ts";
import { upgradeRuntime } from "./upgrade.ts";
import {
  absolute,
  accepted,
  type Check,
  dictionary,
  either,
  list,
  object,
  type Of,
  orNull,
  uuid,
  where,
  whole,
  word,
} from "./value_check.ts";

/**
 * JSON is kept as text, so that nothing is lost when it is stored and read
 * back.
 */
export const jsonText = where(
  (value: unknown) => typeof value === "string",
  accepted(parseJson),
);
const linkChange = object({ uuid, link: absolute });
const aboutEntry = { list: word("disks", "nics"), uuid };
const members = dictionary(/^[a-z0-9_]{1,64}$/, orNull(jsonText));

/**
 * The check of a change that was read back from a journal.
 *
 * @param isWords whether some kind has these words in `kvm_cmd`
 */
export function changeCheck(isWords: Check<readonly string[]>) {
  // In the inverse of an upgrade: the document before it. If the inverse leads
  // to the upgraded document, this one is used instead.
  const was = { was: jsonText };
  const words = commandCheck(isWords);
  // Words of `kvm_cmd` that are added or removed with an entry.
  const more = { ...was, words };
  return either(
    object({ change: word("upgrade") }, was),
    object({ change: word("words"), words }, was),
    object({ change: word("links"), links: list(linkChange) }, was),
    // Without `index`, or in a shorter list, it comes at the end.
    object(
      { change: word("insert"), ...aboutEntry, entry: jsonText },
      { ...more, index: whole(0, 1e6) },
    ),
    object({ change: word("delete"), ...aboutEntry }, more),
    // `to`: the uuid of the new entry, if it differs.
    object(
      { change: word("entry"), ...aboutEntry, entry: jsonText },
      { ...was, to: uuid },
    ),
    // Null: the member is removed.
    object({ change: word("members"), ...aboutEntry, members }, was),
  );
}

/**
 * A change of one entry, or of the form alone. Every change also brings the
 * file to the current form, like each change of Ganeti. It can be applied to
 * any later content of the same file; therefore it works beside Ganeti's own
 * writes.
 */
export type RuntimeChange = Of<typeof changeCheck>;

/** A disk's link to be recorded. */
export type LinkChange = Of<typeof linkChange>;

type EntryChange = Extract<RuntimeChange, { list: unknown }>;

/** The title of a change, for messages. */
export function changeTitle(change: RuntimeChange): string {
  if (change.change === "upgrade") return "the current form";
  if (change.change === "links") return "the disks' links";
  if (change.change === "words") return commandTitle(change.words);
  const { list, uuid } = change;
  const device = `${list === "disks" ? "disk" : "NIC"} ${uuid}`;
  switch (change.change) {
    case "insert":
      return `the entry of ${device}${
        change.words === undefined
          ? ""
          : ` and its ${commandTitle(change.words)}`
      }`;
    case "delete":
      return `the removal of ${device}`;
    case "entry":
      return change.to === undefined
        ? `the new entry of ${device}`
        : `${device} as ${change.to}`;
    case "members": {
      const keys = Object.keys(change.members).join(", ");
      return keys === "hvinfo"
        ? `the QEMU device of ${device}`
        : `${keys === "size" ? "the size" : keys} of ${device}`;
    }
    default:
      return change satisfies never;
  }
}

/** Whether a document already has the effect of a change. */
export function holdsChange(runtime: Runtime, change: RuntimeChange): boolean {
  if (change.change === "upgrade") {
    return upgradeRuntime(runtime.root) === runtime.root;
  }
  if (change.change === "links") {
    return change.links.every(({ uuid, link }) =>
      runtime.disks.every((one) => one.uuid !== uuid || one.link === link)
    );
  }
  if (change.change === "words") {
    return holdsCommand(runtime.kvmCmd, change.words);
  }
  const key = ("to" in change && change.to) || change.uuid;
  const entry = runtime[change.list].find(({ uuid }) => uuid === key);
  switch (change.change) {
    case "insert":
      return entry !== undefined;
    case "delete":
      return entry === undefined;
    case "entry":
      return entry !== undefined && formatJson(entry.node) === change.entry;
    case "members": {
      const keys = Object.keys(change.members);
      const now = entry && membersOf(entry.node, keys);
      return keys.every((key) => now?.[key] === change.members[key]);
    }
    default:
      return change satisfies never;
  }
}

/** Places of `kvm_cmd` and of the lists of entries in the file. */
const PLACES = { command: 0, ...PLACE };

/** A document with one of its lists replaced. */
function withList(
  root: JsonArray,
  name: keyof typeof PLACES,
  change: (list: JsonArray) => JsonArray,
): JsonArray {
  const now = root.items[PLACES[name]];
  if (now?.type !== "array") throw new TypeError(`no list ${name}`);
  const after = change(now);
  return after === now ? root : withItem(root, PLACES[name], after);
}

function changeEntries(entries: JsonArray, change: EntryChange): JsonArray {
  const at = entries.items.findIndex((node) =>
    uuidOf(change.list, node) === change.uuid.toLowerCase()
  );
  const node = entries.items[at];
  if (change.change === "insert") {
    if (node !== undefined) return entries;
    const end = entries.items.length;
    const index = Math.min(change.index ?? end, end);
    return splice(entries, { at: index, insert: [change.entry] });
  }
  if (node === undefined) return entries;
  switch (change.change) {
    case "delete":
      return splice(entries, { at, remove: 1 });
    case "entry":
      return withItem(entries, at, parseJson(change.entry));
    case "members": {
      const changed = replaceMembers(node, change.members, change.list);
      return withItem(entries, at, changed);
    }
    default:
      return change satisfies never;
  }
}

/** Records links; a disk that is not there is skipped. */
function changeLinks(
  disks: JsonArray,
  links: readonly LinkChange[],
): JsonArray {
  return disks.items.reduce<JsonArray>((after, entry, at) => {
    const uuid = uuidOf("disks", entry);
    const link = links.find((one) => one.uuid.toLowerCase() === uuid)?.link;
    const now = entry.type === "array" ? entry.items[1] : undefined;
    const same = now?.type === "string" && now.value === link;
    if (link === undefined || entry.type !== "array" || same) return after;
    return withItem(after, at, withItem(entry, 1, jsonNode(link)));
  }, disks);
}

function changed(root: JsonArray, change: RuntimeChange): JsonArray {
  if (change.change === "upgrade") return root;
  if (change.change === "links") {
    return withList(root, "disks", (all) => changeLinks(all, change.links));
  }
  if (change.change === "words") {
    return withList(root, "command", (all) => changeCommand(all, change.words));
  }
  const after = withList(
    root,
    change.list,
    (entries) => changeEntries(entries, change),
  );
  const { words } = { words: undefined, ...change };
  if (words === undefined || after === root) return after;
  return withList(after, "command", (all) => changeCommand(all, words));
}

/**
 * Applies a change to a document. An insertion of an existing entry and a
 * deletion of a missing one change nothing: a change may be applied twice.
 */
export function applyChange(root: JsonArray, change: RuntimeChange): JsonArray {
  const after = changed(upgradeRuntime(root), change);
  if (change.was === undefined) return after;
  const before = parseJson(change.was);
  if (before.type !== "array") {
    throw new TypeError("a runtime file's document is a list");
  }
  const same = withoutLayout(after) === withoutLayout(upgradeRuntime(before));
  return same ? before : after;
}

/**
 * All elements and entries to the letter, without the white space between them.
 */
function withoutLayout({ items }: JsonArray): string {
  return JSON.stringify(
    items.map((one) =>
      one.type === "array" ? one.items.map(formatJson) : formatJson(one)
    ),
  );
}

/** The place of an entry: some disks of the list are not devices. */
function placeOf({ root }: Runtime, { list, uuid }: EntryChange): number {
  const entries = upgradeRuntime(root).items[PLACES[list]];
  return entries?.type !== "array"
    ? 0
    : entries.items.findIndex((node) =>
      uuidOf(list, node) === uuid.toLowerCase()
    );
}

function commandOf({ root }: Runtime): JsonArray {
  const command = upgradeRuntime(root).items[PLACES.command];
  if (command?.type === "array") return command;
  throw new TypeError("no list command");
}

/** The inverse of `change` for the document for which it was made. */
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
  const back = (words: CommandChange) =>
    inverseCommand(words, commandOf(before));
  if (change.change === "words") {
    return { change: "words", words: back(change.words), ...was };
  }
  const { list, uuid } = change;
  const { words } = { words: undefined, ...change };
  const more = { ...(words && { words: back(words) }), ...was };
  if (change.change === "insert") {
    return { change: "delete", list, uuid, ...more };
  }
  const entry = before[list].find((one) => one.uuid === uuid);
  if (entry === undefined) throw new TypeError(`no entry ${uuid}`);
  if (change.change === "members") {
    const members = membersOf(entry.node, Object.keys(change.members));
    return { change: "members", list, uuid, members, ...was };
  }
  const text = formatJson(entry.node);
  const to = "to" in change ? change.to : undefined;
  return change.change === "entry"
    ? {
      ...{ change: "entry", list, uuid: to ?? uuid, entry: text },
      ...(to && { to: uuid }),
      ...was,
    }
    : {
      ...{ change: "insert", list, uuid, entry: text },
      index: placeOf(before, change),
      ...more,
    };
}
