/**
 * Words that select a recorded device, for completion.
 *
 * @module
 */

import { titleOf } from "../device/select.ts";
import { kindEntry } from "../kinds.ts";
import { readRuntimeFile } from "../state/runtime_file.ts";
import type { Candidate } from "./complete.ts";

/**
 * Index, name and id of each device of a kind that a runtime file records.
 *
 * @throws {HotplugError} if the file cannot be understood
 */
export function deviceWords(
  runtimePath: string,
  kind: string,
): Candidate[] {
  const content = readRuntimeFile(runtimePath);
  if (content === undefined) return [];
  const entries = kindEntry(kind)?.recorded(content.runtime) ?? [];
  return entries.flatMap((entry) => {
    const note = titleOf(entry);
    const index = entry.index === null ? undefined : String(entry.index);
    const words = [index, entry.name, entry.hvinfo.id];
    return words.flatMap((word) => word === undefined ? [] : [{ word, note }]);
  });
}
