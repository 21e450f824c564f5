/**
 * What a user asked for, checked word by word; nothing of this node was looked
 * at yet.
 *
 * @module
 */

import type { KindRequest, LinksMend } from "../kinds.ts";
import type { AnyRequest } from "../plan/kind.ts";

/** A request that is about no kind of device. */
interface InstanceRequest<W extends string> extends AnyRequest {
  readonly kind: W;
}

/**
 * A request that changes an instance. `adopt`: record what QEMU has and the
 * runtime file lacks; `state-upgrade`: bring that file to today's form.
 */
export type Request =
  | KindRequest
  | LinksMend
  | InstanceRequest<"adopt">
  | InstanceRequest<"state-upgrade">;

/** Whether a request is about files alone: QEMU is not asked. */
export function isOffline({ kind }: Request): boolean {
  return kind === "state-upgrade" || kind === "links-mend";
}

/** What a person calls a request: `disk add`. */
export function commandOf({ kind }: Request): string {
  return kind.split("-").slice(0, 2).join(" ");
}
