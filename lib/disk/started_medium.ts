/**
 * The media of the drives that a VM was started with: whether QEMU still has
 * what a start from the runtime file would insert.
 *
 * @module
 */

import { nameOfEntry, titleOf } from "../device/select.ts";
import { identityAt, identityOf, type Lead, leadOf } from "../host/identity.ts";
import type { OpenFile } from "../host/process.ts";
import type { Difference } from "../plan/difference.ts";
import type { Facts, QemuFacts } from "../plan/facts.ts";
import { fdsetIn } from "../qmp/block_queries.ts";
import type { BlockBackend } from "../qmp/commands.ts";
import { commandLine } from "../state/instance.ts";
import type { Runtime } from "../state/runtime.ts";
import { liveDrive, type StartedDrive, startedDrives } from "./started.ts";
import type { StartMedium } from "./started_words.ts";

/** A drive, and what lies in it. */
export interface StartedMedium {
  readonly drive: StartedDrive;
  /** Undefined: QEMU has no such drive. */
  readonly live: BlockBackend | undefined;
  /** The target of the recorded path; undefined: it is no path. */
  readonly lead: Lead | undefined;
  /** The medium that QEMU has open by a path that still leads to it. */
  readonly there: (StartMedium & { readonly identity: string }) | undefined;
  /** All open files of QEMU; undefined: they cannot be seen. */
  readonly open: ReadonlySet<string> | undefined;
}

async function lookAt(
  drive: StartedDrive,
  { block, open }: Pick<QemuFacts, "block"> & Pick<StartedMedium, "open">,
): Promise<StartedMedium> {
  const { medium } = drive;
  const live = liveDrive(block, drive);
  const { file = "" } = live ?? {};
  const isPath = file.startsWith("/") && fdsetIn(file) === undefined;
  const identity = isPath ? await identityAt(file) : undefined;
  const isOpen = identity !== undefined && open?.has(identity);
  const kind = identity?.startsWith("block ") ? "block" : "file";
  return {
    drive,
    live,
    lead: medium?.startsWith("/") ? await leadOf(medium) : undefined,
    there: isOpen ? { path: file, kind, identity } : undefined,
    open,
  };
}

/**
 * Looks at all of them.
 *
 * @param openFiles the open files of QEMU; empty or undefined: they cannot be
 * seen
 */
export async function readStartedMedia(
  { qemu: { block }, runtime }: {
    readonly qemu: Pick<QemuFacts, "block">;
    readonly runtime: Pick<Runtime, "kvmCmd">;
  },
  openFiles: readonly OpenFile[] = [],
): Promise<StartedMedium[]> {
  const open = openFiles.length === 0
    ? undefined
    : new Set(openFiles.map(({ status }) => identityOf(status)));
  const drives = startedDrives(runtime);
  return await Promise.all(drives.map((one) => lookAt(one, { block, open })));
}

/**
 * Whether a start inserts the medium that QEMU has; `unknown` counts as the
 * same.
 */
export type MediumState = "same" | "other" | "gone" | "absent" | "unknown";

/** What the comparison says of a drive. Pure. */
export function mediumState(
  { drive: { medium }, live, lead, there, open }: StartedMedium,
): MediumState {
  if (live === undefined) return "absent";
  const isEmpty = live.nodeName === "";
  if (medium === undefined) return "unknown";
  if (isEmpty || medium === null) {
    return isEmpty && medium === null ? "same" : "other";
  }
  if (lead === undefined) {
    return live.file === medium || there === undefined ? "unknown" : "other";
  }
  const { identity, fault } = lead;
  if (fault !== undefined) return "unknown";
  if (there !== undefined && there.identity !== identity) return "other";
  if (identity === undefined) return "gone";
  return open?.has(identity) === false ? "other" : "same";
}

function insideText({ live, there }: StartedMedium): string {
  if (live?.nodeName === "") return "no medium";
  return there?.path ?? live?.file ?? "another file";
}

/** The difference of a drive, if there is one. Pure. */
export function mediumDifferences(
  { paths }: Pick<Facts, "paths">,
  one: StartedMedium,
): Difference[] {
  const { drive, live, there } = one;
  const { medium } = drive;
  const { id } = drive.hvinfo;
  const title = titleOf(drive);
  const device = nameOfEntry(drive);
  const set = (word: string) =>
    commandLine(paths, "disk", "set", paths.name, id, "--medium", word);
  switch (mediumState(one)) {
    case "absent":
      return [{
        code: "not-in-qemu",
        device,
        message:
          `${title} is in the runtime file (kvm_cmd), but QEMU has no such drive`,
        hint: "stop and start the instance",
      }];
    case "gone":
      return [{
        code: "medium",
        device,
        message:
          `The medium ${medium} of ${title} does not exist any more: a start or migration from the runtime file would fail`,
        hint: `put the file back; or remove the medium: ${set("none")}`,
      }];
    case "other": {
      const isEmpty = live?.nodeName === "";
      const subject = isEmpty ? "" : there?.path;
      const repair = commandLine(paths, "repair", paths.name);
      const keep = subject === undefined
        ? ""
        : `to record the medium that QEMU has, run: ${repair}; `;
      return [{
        code: "medium",
        device,
        message: `${title} is recorded with ${
          medium ?? "no medium"
        }, but QEMU has ${insideText(one)}`,
        hint: `${keep}to insert the recorded one, run: ${
          set(medium ?? "none")
        }`,
        ...(subject !== undefined && {
          mend: { word: "medium", did: "recorded the medium that QEMU has" },
        }),
        ...(there && { view: { live_source: there.path } }),
      }];
    }
    default:
      return [];
  }
}
