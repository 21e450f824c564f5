/**
 * Notes that are removed, and changes that may be undone, once a device is
 * gone. Pure.
 *
 * @module
 */

import type { OwnFacts } from "../engine/own_facts.ts";
import type { OwnRecordStep } from "../engine/own_steps.ts";
import { defined } from "../state/defined.ts";
import { noteOn, type OwnDevice } from "../state/own_check.ts";

const REMEMBERED = ["kind", "limits", "limitGroup", "words"];

/**
 * Whether a note only has the limits for a later return of the disk, or the
 * device's words of `kvm_cmd`.
 */
export function isRemembrance(device: OwnDevice): boolean {
  return Object.keys(device).every((key) => REMEMBERED.includes(key));
}

/** The process that must have closed it before anything is undone. */
export function holderOf({ qemu }: OwnFacts): { readonly holder?: number } {
  return qemu === null ? {} : { holder: qemu.pid };
}

/**
 * The step that removes the note of a device, except its limits: these apply
 * again when it is plugged again, as long as this QEMU runs.
 */
export function forgetSteps(
  own: OwnFacts,
  uuid: string,
): OwnRecordStep[] {
  const { place, qemu, record } = own;
  const before = noteOn(record, uuid);
  if (before === undefined) return [];
  const { kind, limits, limitGroup } = before;
  const after = limits === undefined
    ? null
    : defined({ kind, limits, limitGroup });
  if (after !== null && isRemembrance(before)) return [];
  const change = { uuid, before, after };
  const held = before.kind === "disk" && before.access !== undefined;
  const holder = held ? holderOf(own) : {};
  return [{ kind: "own-record", place, qemu, change, ...holder }];
}
