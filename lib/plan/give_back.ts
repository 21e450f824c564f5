/**
 * What is forgotten, and when something may be given back, once a device is
 * gone. Pure.
 *
 * @module
 */

import type { OwnFacts } from "../engine/own_facts.ts";
import type { OwnRecordStep } from "../engine/own_steps.ts";
import { noteOn, type OwnDevice } from "../state/own_check.ts";

const REMEMBERED = ["kind", "limits", "words"];

/**
 * Whether a note only says how the disk is limited when it comes back, or which
 * words of `kvm_cmd` are a device's.
 */
export function isRemembrance(device: OwnDevice): boolean {
  return Object.keys(device).every((key) => REMEMBERED.includes(key));
}

/** The process that must have let go before anything is given back. */
export function holderOf({ qemu }: OwnFacts): { readonly holder?: number } {
  return qemu === null ? {} : { holder: qemu.pid };
}

/**
 * The step that forgets a device, if anything is noted of it but its limits:
 * those hold again when it is plugged again, as long as this QEMU runs.
 */
export function forgetSteps(
  own: OwnFacts,
  uuid: string,
): OwnRecordStep[] {
  const { place, qemu, record } = own;
  const before = noteOn(record, uuid);
  if (before === undefined) return [];
  const { kind, limits } = before;
  const after = limits === undefined ? null : { kind, limits };
  if (after !== null && isRemembrance(before)) return [];
  const change = { uuid, before, after };
  const held = before.kind === "disk" && before.access !== undefined;
  const holder = held ? holderOf(own) : {};
  return [{ kind: "own-record", place, qemu, change, ...holder }];
}
