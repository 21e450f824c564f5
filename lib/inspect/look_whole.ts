/**
 * Reads everything about one VM, whatever is wrong with its files.
 *
 * @module
 */

import { compareWhole } from "../compare/whole.ts";
import { type OwnFacts, readOwnFacts } from "../engine/own_facts.ts";
import { HotplugError, isDenied, type Remark, remarkOf } from "../errors.ts";
import type { Confinement } from "../host/confinement.ts";
import type { NicFiles } from "../host/nic_file.ts";
import { loadNotes, recordedDevices, REGISTER } from "../kinds.ts";
import { askQemu } from "../plan/ask_qemu.ts";
import type { Difference } from "../plan/difference.ts";
import { type QemuFacts, readNode } from "../plan/facts.ts";
import type { QmpSession } from "../qmp/client.ts";
import type { InstancePaths } from "../state/instance.ts";
import { EMPTY_RECORD } from "../state/own_check.ts";
import type { RuntimeContent } from "../state/runtime_file.ts";

/** The answers of QEMU and this node. */
export interface WholeLook {
  readonly qemu: QemuFacts;
  /** Undefined if QEMU's process is unknown. */
  readonly confinement: Confinement | undefined;
  /** Undefined if the instance has no directory for them. */
  readonly nicFiles: NicFiles | undefined;
  /** The tool's own record; undefined if it cannot be used. */
  readonly own: OwnFacts | undefined;
  readonly differences: readonly Difference[];
  readonly warnings: readonly Remark[];
}

/** A record that cannot be used must not hide other data. */
export async function readOwn(
  paths: InstancePaths,
  qemu: Pick<QemuFacts, "process"> | undefined,
): Promise<Pick<WholeLook, "own" | "warnings">> {
  try {
    const own = await readOwnFacts(paths, qemu?.process, loadNotes);
    return { own, warnings: [] };
  } catch (error) {
    if (!(error instanceof HotplugError) || isDenied(error)) throw error;
    return { own: undefined, warnings: [remarkOf(error)] };
  }
}

/**
 * Asks QEMU, reads the node, and compares.
 *
 * @param content the readable part of the runtime file
 * @throws {HotplugError} status 4 if QEMU does not answer any more
 */
export async function lookWhole(
  qmp: QmpSession,
  { paths, content }: {
    readonly paths: InstancePaths;
    readonly content: RuntimeContent;
  },
): Promise<WholeLook> {
  const answer = await askQemu(qmp, paths, REGISTER);
  // QEMU works on its answers meanwhile.
  const node = await readNode(paths, content);
  const qemu = await answer();
  const { own, warnings } = await readOwn(paths, qemu);
  const place = { runDir: paths.runDir, lockKey: paths.lockKey };
  const none = { place, qemu: null, record: EMPTY_RECORD };
  const recorded = recordedDevices(content.runtime);
  const base = { ...node, qemu, own: own ?? none, recorded };
  const { differences, facts } = await compareWhole(base, qmp);
  const { nicFiles } = node;
  const { confinement } = facts;
  return { qemu, confinement, nicFiles, own, differences, warnings };
}
