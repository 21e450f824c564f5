/**
 * Which NIC files an operation leaves: file SEQ names the tap of the NIC that
 * stands at place SEQ of the runtime file, which is how Ganeti reads them.
 * Ganeti itself lets them drift (SPEC 10.1, item 2).
 *
 * @module
 */

import { refuse } from "../errors.ts";
import { type Facts, netdevOf } from "../plan/facts.ts";
import type { NicFilesStep, TapName } from "./step_types.ts";

/** The tap of a recorded NIC: as QEMU has it, else as its file says. */
function tapOf(facts: Facts, index: number): string | undefined {
  const id = facts.content.runtime.nics[index]?.hvinfo.id;
  const live = id === undefined ? undefined : netdevOf(facts.qemu, id);
  return live?.facts.tap ?? facts.nicFiles?.[String(index)];
}

/**
 * The step that brings the files in line with the NICs there will be; none
 * where Ganeti has no place for them.
 *
 * @throws {HotplugError} `refused` if something else is in their place
 */
export function nicFilesStep(
  facts: Facts,
  change:
    | { readonly added: TapName; readonly seq?: number | undefined }
    | { readonly adopted: readonly (string | undefined)[] }
    | { readonly replaced: number; readonly by: TapName }
    | { readonly removed: number },
): NicFilesStep[] {
  const { nicDir } = facts.paths;
  if (nicDir === undefined) return [];
  if (facts.nicFilesFault !== undefined) {
    throw refuse(`Cannot write NIC files in ${nicDir}: ${facts.nicFilesFault}`);
  }
  const { nics } = facts.content.runtime;
  const taps: (TapName | undefined)[] = nics.map((_, i) => tapOf(facts, i));
  const gone = "removed" in change ? taps[change.removed] : undefined;
  if ("added" in change) taps.push(change.added);
  else if ("adopted" in change) taps.push(...change.adopted);
  else if ("replaced" in change) taps[change.replaced] = change.by;
  else taps.splice(change.removed, 1);
  const places = Math.max(nics.length, taps.length);
  // A master may count otherwise: where no NIC of ours stands, its word holds.
  if ("added" in change && change.seq !== undefined && change.seq >= places) {
    taps[change.seq] = change.added;
  }
  const known = facts.nicFiles ?? {};
  const after = Object.fromEntries(
    [...taps.entries()].flatMap(([place, tap]) =>
      tap === undefined ? [] : [[place, tap]]
    ),
  );
  // Files beyond our NICs stay as they are, but for that of the one that goes.
  const before = Object.fromEntries(
    Object.entries(known).filter(([name, tap]) =>
      Number(name) < places || tap === gone || name in after
    ),
  );
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  if (facts.nicFiles === undefined && !facts.nicDirectoryPossible) return [];
  return [{
    kind: "nic-files",
    directory: nicDir,
    directoryWas: facts.nicFiles === undefined ? "missing" : "there",
    before,
    after,
  }];
}

/** The NIC files of no recorded NIC that name one of these taps. */
export function strayNicFiles(
  { paths, nicFiles, content }: Facts,
  isMeant: (tap: string) => boolean,
): NicFilesStep[] {
  const count = content.runtime.nics.length;
  const before = Object.entries(nicFiles ?? {})
    .filter(([seq, tap]) => Number(seq) >= count && isMeant(tap));
  if (paths.nicDir === undefined || before.length === 0) return [];
  return [{
    kind: "nic-files",
    directory: paths.nicDir,
    directoryWas: "there",
    before: Object.fromEntries(before),
    after: {},
  }];
}
