/**
 * What a change of the runtime file is called, whether a file holds it, and
 * whether a value that was read back is one.
 *
 * @module
 */

import { isJson } from "../qmp/message.ts";
import { hvinfoText, membersOf, PLACE } from "./entry_object.ts";
import { formatJson, parseJson } from "./json.ts";
import { isCurrent } from "./runtime.ts";
import type { RuntimeChange } from "./runtime_change.ts";
import { readRuntimeFile } from "./runtime_file.ts";
import {
  absolute,
  accepted,
  anything,
  type Check,
  dictionary,
  list,
  object,
  orNull,
  uuid,
  whole,
  word,
} from "./value_check.ts";

/** What a change records, for messages. */
export function changeTitle(change: RuntimeChange): string {
  if (change.change === "upgrade") return "today's form";
  if (change.change === "links") return "the disks' links";
  const { list, uuid } = change;
  const kind = list === "disks" ? "disk" : "NIC";
  switch (change.change) {
    case "insert":
      return `the entry of ${kind} ${uuid}${
        change.words ? " and its controller" : ""
      }`;
    case "delete":
      return `the removal of ${kind} ${uuid}`;
    case "entry":
      return `the new entry of ${kind} ${uuid}`;
    case "hvinfo":
      return `which device of QEMU ${kind} ${uuid} is`;
    case "size":
      return `the size of ${kind} ${uuid}`;
    case "members":
      return `${Object.keys(change.members).join(", ")} of ${kind} ${uuid}`;
    default:
      return change satisfies never;
  }
}

/**
 * Whether a file holds what a change would bring about.
 *
 * @throws {HotplugError} `bad-state-file`
 */
export function holdsChange(path: string, change: RuntimeChange): boolean {
  const runtime = readRuntimeFile(path)?.runtime;
  if (runtime === undefined) return false;
  if (change.change === "upgrade") return isCurrent(runtime);
  if (change.change === "links") {
    return change.links.every(({ uuid, link }) =>
      runtime.disks.every((one) => one.uuid !== uuid || one.link === link)
    );
  }
  const { list, uuid } = change;
  const entry = runtime[list].find((one) => one.uuid === uuid);
  const recorded = entry !== undefined;
  if (change.change === "hvinfo") {
    return recorded && hvinfoText(entry.node) === change.hvinfo;
  }
  if (change.change === "size") {
    return recorded && "sizeMib" in entry && entry.sizeMib === change.size;
  }
  if (change.change === "entry") {
    return recorded && formatJson(entry.node) === change.entry;
  }
  if (change.change === "members") {
    const keys = Object.keys(change.members);
    const now = recorded ? membersOf(entry.node, keys) : {};
    return keys.every((key) => now[key] === change.members[key]);
  }
  return recorded === (change.change === "insert");
}

const LIST = word(...Object.keys(PLACE));
const jsonText = accepted((one) => parseJson(String(one)));

const linkChange = object({ uuid, link: absolute });
/**
 * Whether a value is a change of an instance's runtime file.
 *
 * @param isWords whether words may come to `kvm_cmd`
 */
export function isChange(
  value: unknown,
  isWords: Check,
): value is RuntimeChange {
  if (!isJson(value)) return false;
  const was = { was: jsonText };
  const more = { ...was, words: isWords };
  const entry = { change: anything, list: LIST, uuid };
  switch (value.change) {
    case "upgrade":
      return object({ change: anything }, was)(value);
    case "links":
      return object({ change: anything, links: list(linkChange) }, was)(value);
    case "delete":
      return object(entry, more)(value);
    case "hvinfo":
      return object({ ...entry, hvinfo: jsonText }, was)(value);
    case "size":
      return object({ ...entry, size: whole(0, 2 ** 43) }, was)(value);
    case "entry":
      return object({ ...entry, entry: jsonText }, was)(value);
    case "members": {
      const members = dictionary(/^[a-z0-9_]{1,64}$/, orNull(jsonText));
      return object({ ...entry, members }, was)(value);
    }
    case "insert":
      return object(
        { ...entry, entry: jsonText },
        { ...more, index: whole(0, 1e6) },
      )(value);
  }
  return false;
}
