/**
 * A request of a user or a master about a NIC.
 *
 * @module
 */

import type { Network } from "../device/netinfo.ts";
import type { Nic } from "../device/nic.ts";
import type { NicMode } from "../host/network_words.ts";
import type { GanetiObject, Plug, Unrecorded } from "../plan/request.ts";

/** A Ganeti network in a user's words. */
export interface NetworkWish {
  /** Its uuid or name, or its description. */
  readonly network: string | Network;
  /** `found`: mode, link and VLAN come from a NIC in this network. */
  readonly place: "given" | "found";
}

/** Parts of a request beside the properties of the NIC. */
interface Besides {
  /** Only from a user, to be looked up. */
  readonly inNetwork?: NetworkWish | undefined;
  /** Name of the new tap, which must not exist; undefined: the kernel's choice. */
  readonly tap?: string | undefined;
}

/** Restrictions that the user accepts. */
interface Accepted {
  /** Whether Ganeti's start must be able to make it. @default "required" */
  readonly migratable?: "required" | "not-needed" | undefined;
}

/** The changes of a NIC: undefined stays, null is removed. */
export type NicChanges =
  & Besides
  & {
    readonly [K in keyof Nic]?:
      | Nic[K]
      | (undefined extends Nic[K] ? null : never)
      | undefined;
  };

/** A NIC in a master's description. */
export interface GanetiNic extends GanetiObject {
  /** Further variables for the network script: SPEC 6.1. */
  readonly environment: Readonly<Record<string, string>>;
  /** Place in the configuration; the NIC file has this number, too. */
  readonly seq: number | undefined;
}

/** An existing NIC. */
interface ThatNic {
  /** Checked: it becomes part of paths. */
  readonly instance: string;
  /** Selects one NIC: index, uuid or prefix, device id, name. */
  readonly device: string;
}

/**
 * Change a NIC: in place if possible, else by plugging it again in its slot.
 */
export interface NicModify extends ThatNic, Accepted {
  readonly kind: "nic-modify";
  /** At least one of them is given. */
  readonly changes: NicChanges;
  /** Only from a master. */
  readonly ganeti?: GanetiNic | undefined;
}

/** Remove a NIC. */
export interface NicRemove extends ThatNic {
  readonly kind: "nic-remove";
  /** Whether one goes that no entry records. @default "kept" */
  readonly unrecorded?: Unrecorded | undefined;
}

/** The properties of a new NIC; the hvparams decide undefined ones. */
type NicWords = {
  readonly [K in Exclude<keyof Nic, "mac" | "mode">]?: Nic[K] | undefined;
};

/** Plug a NIC. */
export interface NicAdd extends Plug, Besides, NicWords, Accepted {
  readonly kind: "nic-add";
  /** Lower case; a random one begins with `aa:00:00`. */
  readonly mac: { readonly value: string; readonly origin: "given" | "made" };
  /** `bridged` is the mode with a link. @default "none" */
  readonly mode?: NicMode | undefined;
  /** Only from a master. */
  readonly ganeti?: GanetiNic | undefined;
}

/** A request about a NIC of a running VM. */
export type NicRequest = NicAdd | NicModify | NicRemove;
