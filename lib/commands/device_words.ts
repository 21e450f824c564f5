/**
 * Words that select a recorded device, for completion.
 *
 * @module
 */

import { titleOf } from "../device/select.ts";
import { readRuntimeFile } from "../state/runtime_file.ts";
import type { Candidate } from "./complete.ts";

/**
 * Index, name and id of each disk or NIC of a runtime file.
 *
 * @throws {HotplugError} if the file cannot be understood
 */
export function deviceWords(
  runtimePath: string,
  kind: "disk" | "nic",
): Candidate[] {
  const content = readRuntimeFile(runtimePath);
  const list = kind === "disk" ? "disks" : "nics";
  return (content?.runtime[list] ?? []).flatMap((entry) => {
    const note = titleOf(entry);
    const words = [String(entry.index), entry.name, entry.hvinfo.id];
    return words.flatMap((word) => word === undefined ? [] : [{ word, note }]);
  });
}
