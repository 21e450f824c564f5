/**
 * A user's request, checked word by word, before any look at this node.
 *
 * @module
 */

import type { KindRequest, LinksMend } from "../kinds.ts";
import type { AnyRequest } from "../plan/kind.ts";

/** A request that does not belong to a kind of device. */
interface InstanceRequest<W extends string> extends AnyRequest {
  readonly kind: W;
}

/** Give an entry the uuid that a master has for its device. */
export interface IdentityMend extends InstanceRequest<"identity-mend"> {
  readonly list: "disks" | "nics";
  /** Lower case. */
  readonly uuid: string;
  /** The possible paths of the disk, beside a URI. */
  readonly paths: readonly string[];
  readonly uri?: string | undefined;
  /** Only for a NIC, lower case. */
  readonly mac?: string | undefined;
  /** The data to record of it; undefined: only its uuid. */
  readonly said?: {
    /** JSON text, without hvinfo. */
    readonly object: string;
    readonly link?: string | undefined;
    readonly uri?: string | undefined;
  } | undefined;
}

/** Record devices that QEMU has and the runtime file lacks. */
export interface Adopt extends InstanceRequest<"adopt"> {
  /** The one device with this uuid, by its id; undefined: all. */
  readonly uuid?: string | undefined;
}

/**
 * A request that changes an instance. `state-upgrade`: bring its runtime file
 * to the current form.
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

/** The name of a request for a person: `disk add`. */
export function commandOf({ kind }: Request): string {
  return kind.split("-").slice(0, 2).join(" ");
}
