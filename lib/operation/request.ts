/**
 * What a user asked for, checked word by word; nothing of this node was looked
 * at yet.
 *
 * @module
 */

import type { IdScheme } from "../device/device_id.ts";
import type { DiskSettings } from "../device/disk.ts";
import type { NicMode } from "../device/nic.ts";

/** A uuid and whether the user gave it. */
export interface UuidChoice {
  readonly value: string;
  readonly origin: "given" | "made";
}

/** What adding a disk and adding a NIC have in common. */
export interface Plug {
  readonly instance: string;
  readonly uuid: UuidChoice;
  readonly name?: string | undefined;
  readonly driver?: string | undefined;
  /** PCI slot, 0 to 31; undefined: the first free one. */
  readonly slot?: number | undefined;
  readonly bus?: string | undefined;
  readonly idScheme?: IdScheme | undefined;
}

/** Plug a disk. */
export interface DiskAdd extends Plug {
  readonly kind: "disk-add";
  /** Absolute path. */
  readonly source: string;
  /** What the user set; the instance's hvparams give the rest. */
  readonly settings: Partial<DiskSettings>;
  readonly iothread?: string | undefined;
  readonly migratable: "required" | "not-needed";
}

/** Plug a NIC. */
export interface NicAdd extends Plug {
  readonly kind: "nic-add";
  readonly mac: { readonly value: string; readonly origin: "given" | "made" };
  readonly mode: NicMode;
  readonly link?: string | undefined;
  readonly vlan?: string | undefined;
  readonly ip?: string | undefined;
  readonly network?: string | undefined;
  readonly queues?: number | undefined;
  readonly vhost?: "on" | "off" | undefined;
  readonly vnetHdr?: "on" | "off" | undefined;
  /** Name of the tap; undefined: the kernel's choice. */
  readonly tap?: string | undefined;
  /** Absolute path of a network script. */
  readonly script?: string | undefined;
}

/** Take a disk out. */
export interface DiskRemove {
  readonly kind: "disk-remove";
  readonly instance: string;
  /** Selects one disk: index, uuid or prefix, device id, name. */
  readonly device: string;
  readonly bootDisk: "kept" | "forced";
}

/** Take a NIC out. */
export interface NicRemove {
  readonly kind: "nic-remove";
  readonly instance: string;
  readonly device: string;
}

/** A request that changes an instance. */
export type Request = DiskAdd | DiskRemove | NicAdd | NicRemove;

/** How an operation reaches the instance and how long it may wait. */
export interface Reach {
  readonly runDir: string;
  readonly qmp?: string | undefined;
  readonly state?: string | undefined;
  /** Longest wait for one QMP reply, in milliseconds. */
  readonly timeoutMs: number;
  /** Longest wait for the guest to release a device, in milliseconds. */
  readonly unplugTimeoutMs: number;
  /** Longest wait for another kvm-hotplug, in milliseconds. */
  readonly lockTimeoutMs: number;
}
