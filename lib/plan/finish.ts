/**
 * Devices that were plugged and never recorded: Ganeti leaves one if its own
 * check of the new device fails (SPEC 10.1, item 4, and 13). A master that asks
 * for such a device again means this device. Pure.
 *
 * @module
 */

import { type Plan, planOf } from "../engine/plan.ts";
import type { Step } from "../engine/verbs.ts";
import { refuse } from "../errors.ts";
import { commandLine } from "../state/instance.ts";
import {
  type DeviceEntry,
  formatRuntime,
  parseRuntime,
} from "../state/runtime.ts";
import { applyChange, type RuntimeChange } from "../state/runtime_change.ts";
import type { Facts } from "./facts.ts";
import type { KindName, OwnKind } from "./kind.ts";
import { findStray } from "./removal.ts";
import type { Plug } from "./request.ts";
import { stateSteps } from "./steps.ts";

/** Such a device. */
export interface Unfinished<E extends DeviceEntry = DeviceEntry> {
  readonly id: string;
  /** The change that records it. */
  readonly change: RuntimeChange;
  /** Its future entry. */
  readonly entry: E;
}

/** Such a device, or why it is not the requested one. */
export type FoundUnfinished<E extends DeviceEntry> =
  | Unfinished<E>
  | { readonly id: string; readonly why: string };

/** Its id, if QEMU has such a device. */
export function unfinishedId(
  facts: Facts,
  kind: Pick<OwnKind, "word" | "strays">,
  { uuid, ganeti }: Plug,
): string | undefined {
  if (ganeti === undefined) return undefined;
  const stray = findStray(facts, kind, uuid.value);
  return stray?.has === "device" ? stray.id : undefined;
}

/** The instance with its entry. */
export function withChange(
  { path, runtime }: Facts["content"],
  change: RuntimeChange,
): Facts["content"]["runtime"] {
  const root = applyChange(runtime.root, change);
  const after = parseRuntime(formatRuntime(root), path);
  // They may be completed from the configuration.
  return { ...after, hvparams: runtime.hvparams };
}

/**
 * Plans to record it.
 *
 * @param check makes the plan for an existing device
 * @throws {HotplugError} `refused` if it is another device; as `check` does
 */
export function planFinish<E extends DeviceEntry>(
  facts: Facts,
  found: FoundUnfinished<E>,
  { kind, check, besides = [] }: {
    readonly kind: KindName;
    readonly check: (facts: Facts, entry: E) => Plan;
    readonly besides?: readonly Step[];
  },
): Plan {
  const { paths, content } = facts;
  if ("why" in found) {
    const remove = [kind.word, "remove", paths.name, found.id, "--force"];
    throw refuse(
      `QEMU has an unrecorded device ${found.id}, which is not the requested ${kind.title}: ${found.why}`,
      `to remove it, run: ${commandLine(paths, ...remove)}`,
    );
  }
  const { change, entry } = found;
  const runtime = withChange(content, change);
  const after = {
    ...facts,
    content: { ...content, runtime },
    recorded: [...facts.recorded, entry],
  };
  const plan = check(after, entry);
  const { stage, commit } = stateSteps(facts, change);
  return planOf({
    ...plan,
    turn: undefined,
    ifCut: "finish",
    kinds: [kind.word],
    steps: [stage, ...besides, commit],
  });
}
