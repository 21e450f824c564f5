/**
 * What a user asked for, checked word by word; nothing of this node was looked
 * at yet.
 *
 * @module
 */

import type { KindRequest, LinksMend } from "../kinds.ts";

/** Record what QEMU has and the runtime file lacks. */
export interface Adopt {
  /** The user's word. */
  readonly kind: "adopt";
  /** Checked: it becomes part of paths. */
  readonly instance: string;
}

/** Bring the runtime file to today's form; the VM need not run. */
export interface StateUpgrade {
  /** The user's words, joined by a dash. */
  readonly kind: "state-upgrade";
  /** Checked: it becomes part of paths. */
  readonly instance: string;
}

/** A request about files alone: QEMU is not asked. */
export type OfflineRequest = StateUpgrade | LinksMend;

/** A request that changes devices of a running VM. */
export type DeviceRequest = KindRequest | Adopt;

/** A request that changes an instance. */
export type Request = DeviceRequest | OfflineRequest;

/** Whether a request is about files alone. */
export function isOffline(request: Request): request is OfflineRequest {
  return request.kind === "state-upgrade" || request.kind === "links-mend";
}

/** What a person calls a request: `disk add`. */
export function commandOf(request: Request): string {
  return request.kind.split("-").slice(0, 2).join(" ");
}
