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

/** Give an entry the uuid that a master has for its device. */
export interface IdentityMend extends InstanceRequest<"identity-mend"> {
  readonly list: "disks" | "nics";
  /** Lower case. */
  readonly uuid: string;
  /** What the disk may be, besides a URI. */
  readonly paths: readonly string[];
  readonly uri?: string | undefined;
  /** Of a NIC, lower case. */
  readonly mac?: string | undefined;
  /** What is to be recorded of it; undefined: its uuid alone. */
  readonly said?: {
    /** JSON text, without hvinfo. */
    readonly object: string;
    readonly link?: string | undefined;
    readonly uri?: string | undefined;
  } | undefined;
}

/** Record what QEMU has and the runtime file lacks. */
export interface Adopt extends InstanceRequest<"adopt"> {
  /** The one device that has it, by its id; undefined: all. */
  readonly uuid?: string | undefined;
}

/**
 * A request that changes an instance. `state-upgrade`: bring its runtime file
 * to today's form.
 */
export type Request =
  | KindRequest
  | LinksMend
  | IdentityMend
  | Adopt
  | InstanceRequest<"state-upgrade">;

/** Whether a request is about files alone: QEMU is not asked. */
export function isOffline({ kind }: Request): boolean {
  return ["state-upgrade", "links-mend", "identity-mend"].includes(kind);
}

/** What a person calls a request: `disk add`. */
export function commandOf({ kind }: Request): string {
  return kind.split("-").slice(0, 2).join(" ");
}
