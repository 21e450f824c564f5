/**
 * The NIC files after an operation: file SEQ names the tap of the NIC at place
 * SEQ of the runtime file, as Ganeti reads them. Ganeti itself lets them drift
 * (SPEC 10.1, item 2).
 *
 * @module
 */

import { refuse } from "../errors.ts";
import { type Facts, netdevOf } from "../plan/facts.ts";
import type { ViewFacts } from "../plan/view.ts";
import type { NicEntry } from "../state/runtime.ts";
import type { NicFilesStep, TapName } from "./tap_steps.ts";

/** The tap of a recorded NIC: by QEMU, else by its file. */
export function tapOf(
  { qemu, nicFiles }: Pick<ViewFacts, "qemu" | "nicFiles">,
  { index, hvinfo: { id = "" } }: NicEntry,
): string | undefined {
  const live = qemu && netdevOf(qemu, id);
  return live?.facts.tap ?? nicFiles?.[String(index)];
}

/** The taps of the NICs, by their places. */
type Taps = readonly (TapName | undefined)[];

/**
 * The step that changes the files to the future NICs; none if Ganeti has no
 * place for the files.
 *
 * @param change turns the present taps into the future taps
 * @param seq a master's place for the last one
 * @throws {HotplugError} `refused` if something else is in their place
 */
export function nicFilesStep(
  facts: Facts,
  change: (taps: Taps) => Taps,
  seq: number = -1,
): NicFilesStep[] {
  const { nicDir } = facts.paths;
  if (nicDir === undefined) return [];
  if (facts.nicFilesFault !== undefined) {
    throw refuse(
      `Cannot write NIC files in ${nicDir}: ${facts.nicFilesFault}`,
      "nothing was changed; move it away, then run the command again",
    );
  }
  const now = facts.content.runtime.nics.map((one) => tapOf(facts, one));
  const taps = [...change(now)];
  const places = Math.max(now.length, taps.length);
  // At a place without a NIC of ours, the master's word counts.
  if (seq >= places) taps[seq] = taps.at(-1);
  const after = Object.fromEntries(
    [...taps.entries()].flatMap(([place, tap]) =>
      tap === undefined ? [] : [[place, tap]]
    ),
  );
  // Files beyond our NICs stay, except the file of a removed NIC.
  const gone = now.filter((tap) => !taps.includes(tap));
  const before = Object.fromEntries(
    Object.entries(facts.nicFiles ?? {}).filter(([name, tap]) =>
      Number(name) < places || gone.includes(tap) || Object.hasOwn(after, name)
    ),
  );
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  if (facts.nicFiles === undefined && !facts.nicDirectoryPossible) return [];
  const directoryWas = facts.nicFiles === undefined ? "missing" : "there";
  return [{
    kind: "nic-files",
    directory: nicDir,
    directoryWas,
    before,
    after,
  }];
}

/** The step that removes these NIC files without a recorded NIC. */
export function strayNicFiles(
  { paths: { nicDir: directory }, nicFiles = {}, content }: Facts,
  isMeant: (tap: string, seq: string) => boolean,
): NicFilesStep[] {
  const count = content.runtime.nics.length;
  const before = Object.entries(nicFiles)
    .filter(([seq, tap]) => Number(seq) >= count && isMeant(tap, seq));
  if (directory === undefined || before.length === 0) return [];
  return [{
    ...{ kind: "nic-files", directory, directoryWas: "there" },
    before: Object.fromEntries(before),
    after: {},
  }];
}
