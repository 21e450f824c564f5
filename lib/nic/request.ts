/**
 * What a user or a master asked for about a NIC.
 *
 * @module
 */

import type { Network } from "../device/netinfo.ts";
import type { Nic } from "../device/nic.ts";
import type { NicMode } from "../host/network_words.ts";
import type { GanetiObject, Plug, Unrecorded } from "../plan/request.ts";

/** A Ganeti network as a user names it. */
export interface NetworkWish {
  /** Its uuid or name, or what describes it. */
  readonly network: string | Network;
  /** `found`: mode, link and VLAN are those of the NIC that is on it. */
  readonly place: "given" | "found";
}

/** What is asked for beside what the NIC will be. */
interface Besides {
  /** Only from a user, to be looked up. */
  readonly inNetwork?: NetworkWish | undefined;
  /** Name of the new tap, which must not exist; undefined: the kernel's choice. */
  readonly tap?: string | undefined;
}

/** What is accepted with a NIC. */
interface Accepted {
  /** Whether Ganeti's start must be able to have it. @default "required" */
  readonly migratable?: "required" | "not-needed" | undefined;
}

/** What is to be different of a NIC: undefined stays, null is taken away. */
export type NicChanges =
  & Besides
  & {
    readonly [K in keyof Nic]?:
      | Nic[K]
      | (undefined extends Nic[K] ? null : never)
      | undefined;
  };

/** A NIC as a master describes it. */
export interface GanetiNic extends GanetiObject {
  /** What the network script is told besides: SPEC 6.1. */
  readonly environment: Readonly<Record<string, string>>;
  /** Place in the configuration; the NIC file goes by it, too. */
  readonly seq: number | undefined;
}

/** A NIC that is there. */
interface ThatNic {
  /** Checked: it becomes part of paths. */
  readonly instance: string;
  /** Selects one NIC: index, uuid or prefix, device id, name. */
  readonly device: string;
}

/** Change a NIC: in place if that can be, else plugged anew in its slot. */
export interface NicModify extends ThatNic, Accepted {
  readonly kind: "nic-modify";
  /** At least one of them is given. */
  readonly changes: NicChanges;
  /** Only from a master. */
  readonly ganeti?: GanetiNic | undefined;
}

/** Take a NIC out. */
export interface NicRemove extends ThatNic {
  readonly kind: "nic-remove";
  /** Whether one goes that no entry records. @default "kept" */
  readonly unrecorded?: Unrecorded | undefined;
}

/** What a new NIC is to be; what is undefined is left to the hvparams. */
type NicWords = {
  readonly [K in Exclude<keyof Nic, "mac" | "mode">]?: Nic[K] | undefined;
};

/** Plug a NIC. */
export interface NicAdd extends Plug, Besides, NicWords, Accepted {
  readonly kind: "nic-add";
  /** Lower case; a made one begins with `aa:00:00`. */
  readonly mac: { readonly value: string; readonly origin: "given" | "made" };
  /** `bridged` comes with a link. @default "none" */
  readonly mode?: NicMode | undefined;
  /** Only from a master. */
  readonly ganeti?: GanetiNic | undefined;
}

/** A request about a NIC of a running VM. */
export type NicRequest = NicAdd | NicModify | NicRemove;
