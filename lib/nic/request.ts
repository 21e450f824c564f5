/**
 * What a user asked for of a NIC that is there.
 *
 * @module
 */

import type { LinkState, NicMode } from "../host/network_words.ts";
import type { GanetiObject, Plug } from "../plan/request.ts";

/** A Ganeti network as a user names it. */
export interface NetworkWish {
  /** Its uuid or name, or the JSON text of a description: checked. */
  readonly word: string;
  /** `found`: mode, link and VLAN are those of the NIC that is on it. */
  readonly place: "given" | "found";
}

/** What is to be different of a NIC; what is undefined stays. */
export interface NicChanges {
  /** Must be unique in the instance. */
  readonly name?: string | undefined;
  /** Lower case. */
  readonly mac?: string | undefined;
  /** What its tap hangs on. */
  readonly mode?: NicMode | undefined;
  /** Bridge, switch, routing table; null: none. */
  readonly link?: string | null | undefined;
  /** Ganeti's form: `100`, `.100`, `:100:200`; null: none. */
  readonly vlan?: string | null | undefined;
  /** The guest's address; null: none. */
  readonly ip?: string | null | undefined;
  /** Only from a user, to be looked up. */
  readonly inNetwork?: NetworkWish | undefined;
  /** Uuid of the Ganeti network; null: none. */
  readonly network?: string | null | undefined;
  /** JSON text of its description, where no object of a master's has it. */
  readonly netinfo?: string | null | undefined;
  /** Ganeti's or QEMU's word. */
  readonly driver?: string | undefined;
  /** Queue pairs, 1 to 32. */
  readonly queues?: number | undefined;
  /** Whether the kernel accelerates it. */
  readonly vhost?: "on" | "off" | undefined;
  /** Whether its tap carries virtio-net headers. */
  readonly vnetHdr?: "on" | "off" | undefined;
  /** Name of the new tap, which must not exist. */
  readonly tap?: string | undefined;
  /** Absolute path of a network script; null: the usual one. */
  readonly script?: string | null | undefined;
  /** The carrier the guest sees. */
  readonly linkState?: LinkState | undefined;
}

/** Change a NIC: in place if that can be, else plugged anew in its slot. */
export interface NicModify {
  /** The user's words, joined by a dash. */
  readonly kind: "nic-modify";
  /** Checked: it becomes part of paths. */
  readonly instance: string;
  /** Selects one NIC: index, uuid or prefix, device id, name. */
  readonly device: string;
  /** At least one of them is given. */
  readonly changes: NicChanges;
  /** Only from a master. */
  readonly ganeti?: GanetiNic | undefined;
}

/** Take a NIC out. */
export interface NicRemove {
  /** The user's words, joined by a dash. */
  readonly kind: "nic-remove";
  /** Checked: it becomes part of paths. */
  readonly instance: string;
  /** Selects one NIC: index, uuid or prefix, device id, name. */
  readonly device: string;
  /** `forced`: also one that no entry records. @default "kept" */
  readonly unrecorded?: "kept" | "forced" | undefined;
}

/** A NIC as a master describes it. */
export interface GanetiNic extends GanetiObject {
  /** What the network script is told besides: SPEC 6.1. */
  readonly environment: Readonly<Record<string, string>>;
  /** Place in the configuration; the NIC file goes by it, too. */
  readonly seq: number | undefined;
}

/** Plug a NIC. */
export interface NicAdd extends Plug {
  /** The user's words, joined by a dash. */
  readonly kind: "nic-add";
  /** Lower case; a made one begins with `aa:00:00`. */
  readonly mac: { readonly value: string; readonly origin: "given" | "made" };
  /** Already decided: `bridged` comes with a link. */
  readonly mode: NicMode;
  /** Bridge, or what the network script makes of it. */
  readonly link?: string | undefined;
  /** Ganeti's form: `100`, `.100`, `:100:200`. */
  readonly vlan?: string | undefined;
  /** For the network script, which judges it. */
  readonly ip?: string | undefined;
  /** Only from a user, to be looked up. */
  readonly inNetwork?: NetworkWish | undefined;
  /** Uuid of the Ganeti network. */
  readonly network?: string | undefined;
  /** JSON text of its description, where no object of a master's has it. */
  readonly netinfo?: string | undefined;
  /** Queue pairs, 1 to 32; undefined: the hvparams decide. */
  readonly queues?: number | undefined;
  /** Undefined: hvparam `vhost_net` decides. */
  readonly vhost?: "on" | "off" | undefined;
  /** Undefined: hvparam `vnet_hdr` decides. */
  readonly vnetHdr?: "on" | "off" | undefined;
  /** Name of the tap; undefined: the kernel's choice. */
  readonly tap?: string | undefined;
  /** Absolute path of a network script. */
  readonly script?: string | undefined;
  /** The carrier the guest sees. @default "up" */
  readonly linkState?: LinkState | undefined;
  /** Only from a master. */
  readonly ganeti?: GanetiNic | undefined;
}

/** A request about a NIC of a running VM. */
export type NicRequest = NicAdd | NicModify | NicRemove;
