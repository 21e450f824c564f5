/**
 * Notes in the tool's own record about devices that are gone.
 *
 * @module
 */

import { type Remark, remark } from "../errors.ts";
import {
  type HeldTap,
  type Holder,
  holdersOf,
  holdersText,
} from "../host/tap_holders.ts";
import { nameOfEntry, titleOf } from "../device/select.ts";
import {
  commandLine,
  type InstancePaths,
  resumeLine,
} from "../state/instance.ts";
import type { OwnRecord, PendingRemoval } from "../state/own_check.ts";
import type { RecordedDevice } from "../state/runtime.ts";
import { shellWord } from "../state/shell_word.ts";
import type { Difference, WholeFacts } from "./difference.ts";
import { isRemembrance } from "./give_back.ts";
import type { Kind, KindName } from "./kind.ts";
import { keyOf, noteFor } from "./recorded.ts";
import { allStrays } from "./strays.ts";

/** The remark about a held tap. Pure. */
export function heldTap(name: string, holders: readonly Holder[]): Remark {
  return remark(
    "held-tap",
    `Tap ${name} stays on this node: QEMU has closed it, and ${
      holdersText(holders)
    } has it open`,
    {
      hint:
        `the tap disappears when that process closes it; to remove it now, run: ip link delete ${
          shellWord(name)
        }`,
    },
  );
}

/**
 * A removal that the guest has not completed. Pure.
 *
 * @param entry what records it, undefined if nothing does
 */
export function pendingRemark(
  { title }: Pick<PendingRemoval, "title">,
  entry: RecordedDevice | undefined,
  paths: Pick<InstancePaths, "name" | "reachedBy">,
): Remark {
  const device = entry && nameOfEntry(entry);
  const command = device?.id &&
    commandLine(paths, device.kind, "remove", paths.name, device.id);
  return remark("pending-removal", `the guest has not released ${title}`, {
    device,
    hint: command ? `to finish the removal, run: ${command}` : undefined,
  });
}

/**
 * A device that stays, and that its guest may still release: the guest was
 * asked so that the device could be plugged again. Pure.
 *
 * @param about.runState undefined if QEMU did not tell it
 */
export function releaseAsked(
  entry: RecordedDevice,
  { paths, record, runState = "running" }: {
    readonly paths: Pick<InstancePaths, "name" | "reachedBy">;
    readonly record: OwnRecord;
    readonly runState: string | undefined;
  },
): Difference[] {
  const { kind, hvinfo: { id } } = entry;
  const { pending, replug } = noteFor(record, entry) ?? {};
  if (replug === undefined || pending !== undefined) return [];
  // A running guest had its time when the change was undone.
  if (typeof replug !== "string" && runState === "running") return [];
  const resume = runState === "paused"
    ? `resume the VM (${resumeLine(paths, paths.name)}); then repeat`
    : "repeat";
  return [remark(
    "release-asked",
    `the guest was asked to release ${
      titleOf(entry)
    } (${id}) for a change that was cancelled; it may still release it`,
    {
      device: nameOfEntry(entry),
      hint:
        `${resume} the ${kind} modify command; or, to plug the device in again after its release, run: ${
          commandLine(paths, "repair", paths.name)
        }`,
    },
  )];
}

/** The taps that are noted as held, by the keys of their notes. Pure. */
export function heldIn({ devices }: OwnRecord): [string, HeldTap][] {
  return Object.entries(devices).flatMap(([uuid, { access }]) =>
    access?.way === "held" ? [[uuid, access] as [string, HeldTap]] : []
  );
}

/** The differences of held taps, by the keys of their notes. */
export function heldDifferences(
  record: OwnRecord,
): ReadonlyMap<string, Difference> {
  return new Map(
    heldIn(record).map((
      [uuid, { name }],
    ) => [uuid, heldTap(name, holdersOf(name))]),
  );
}

/** Under what devices of a kind are noted that are not recorded. Pure. */
export function lostKeys(
  facts: WholeFacts,
  kind: KindName & Pick<Kind, "strays">,
): string[] {
  const { own, content: { runtime } } = facts;
  const { word, recorded } = kind;
  // The note of a device that is still plugged is removed with the device.
  const plugged = allStrays(facts.qemu, runtime, [kind]).some((one) =>
    one.has === "device" && one.origin === "plugged"
  );
  if (plugged) return [];
  const known = new Set(recorded(runtime).map(keyOf));
  return Object.entries(own.record.devices).flatMap(([key, one]) =>
    one.kind !== word || isRemembrance(one) || known.has(key) ? [] : [key]
  );
}

/** The difference of one of them. Pure. */
export function lostDifference(uuid: string): Difference {
  return {
    code: "own-record",
    device: null,
    message: `${uuid} is in the tool's own record, but the device is gone`,
    hint:
      "repair undoes the changes made on this node for the device, and removes the record",
    mend: {
      word: "give-back",
      subject: uuid,
      did:
        "undid the changes made on this node for the device, and removed the record",
    },
  };
}
