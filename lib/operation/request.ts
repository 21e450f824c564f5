/**
 * What a user asked for, checked word by word; nothing of this node was looked
 * at yet.
 *
 * @module
 */

import type { IdScheme } from "../device/device_id.ts";
import type { DiskFormat, DiskSettings } from "../device/disk_settings.ts";
import type { NicMode } from "../device/nic.ts";
import type { NetworkWish, NicModify, NicRemove } from "../nic/request.ts";
import type { Via } from "../host/access_record.ts";
import type { IoLimits } from "../qmp/io_limits.ts";

/** A uuid and whether the user gave it. */
export interface UuidChoice {
  /** Lower case. */
  readonly value: string;
  /** A made one does not tell a new disk from one that is there. */
  readonly origin: "given" | "made";
}

/** A device as a master describes it: SPEC 5.4. */
export interface GanetiObject {
  /** JSON text of the entry's object, which lacks only `hvinfo`. */
  readonly object: string;
  /** JSON text of the instance's hvparams, for what the file's lack. */
  readonly hvparams?: string | undefined;
}

/** A disk as a master describes it. */
export interface GanetiDisk extends GanetiObject {
  /** Ganeti's word for the kind of storage, of the object. */
  readonly devType: string;
  /** The path beside a URI, recorded as it came. */
  readonly link?: string | undefined;
}

/** A NIC as a master describes it. */
export interface GanetiNic extends GanetiObject {
  /** What the network script is told besides: SPEC 6.1. */
  readonly environment: Readonly<Record<string, string>>;
  /** Place in the configuration; the NIC file goes by it, too. */
  readonly seq: number | undefined;
}

/** What adding a disk and adding a NIC have in common. */
export interface Plug {
  /** Checked: it becomes part of paths. */
  readonly instance: string;
  /** Also the source of the device id. */
  readonly uuid: UuidChoice;
  /** Must be unique in the instance; none if undefined. */
  readonly name?: string | undefined;
  /** Ganeti's or QEMU's word; undefined: the hvparam decides. */
  readonly driver?: string | undefined;
  /** PCI slot, 0 to 31; undefined: the first free one. */
  readonly slot?: number | undefined;
  /** QEMU's id of it; undefined: `pci.0`. */
  readonly bus?: string | undefined;
  /** Undefined: that of the devices already recorded. */
  readonly idScheme?: IdScheme | undefined;
  /** Recorded in place of an object of our own. */
  readonly ganeti?: GanetiObject | undefined;
}

/** Plug a disk. */
export interface DiskAdd extends Plug {
  /** The user's words, joined by a dash. */
  readonly kind: "disk-add";
  /** Absolute path, or a storage URI; or `none`. */
  readonly source: string;
  /** What the user set; the instance's hvparams give the rest. */
  readonly settings: Partial<DiskSettings>;
  /** How QEMU is to get at it; undefined: what is safe and works. */
  readonly via?: Via | undefined;
  /** Never probed. @default "raw" */
  readonly format?: DiskFormat | undefined;
  /** Absolute: where backing files may lie besides the image's folder. */
  readonly allowBacking?: string | undefined;
  /** Id of one the VM was started with; undefined: the main loop. */
  readonly iothread?: string | undefined;
  /** For a VM that has no SCSI controller; undefined: the hvparam decides. */
  readonly controller?: string | undefined;
  /** Undefined: those it had when it was last taken out, else none. */
  readonly limits?: IoLimits | undefined;
  /** Whether a start from the runtime file must give the same disk. */
  readonly migratable: "required" | "not-needed";
  /** Only from a master. */
  readonly ganeti?: GanetiDisk | undefined;
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
  readonly linkState?: "up" | "down" | undefined;
  /** Only from a master. */
  readonly ganeti?: GanetiNic | undefined;
}

/** Take a disk out. */
export interface DiskRemove {
  /** The user's words, joined by a dash. */
  readonly kind: "disk-remove";
  /** Checked: it becomes part of paths. */
  readonly instance: string;
  /** Selects one disk: index, uuid or prefix, device id, name. */
  readonly device: string;
  /** `kept`: the disk the VM was started from is refused. */
  readonly bootDisk: "kept" | "forced";
  /** `forced`: also one that no entry records. @default "kept" */
  readonly unrecorded?: "kept" | "forced" | undefined;
}

/** Give a disk the size its source has by now, or another one. */
export interface DiskResize {
  /** The user's words, joined by a dash. */
  readonly kind: "disk-resize";
  /** Checked: it becomes part of paths. */
  readonly instance: string;
  /** Selects one disk: index, uuid or prefix, device id, name. */
  readonly device: string;
  /** The virtual size; undefined: that of the source. */
  readonly sizeBytes?: number | undefined;
  /** Whether QEMU may make a raw image file longer. */
  readonly fileGrowth: "allowed" | "refused";
}

/** Change a live disk. */
export interface DiskSet {
  /** The user's words, joined by a dash. */
  readonly kind: "disk-set";
  /** Checked: it becomes part of paths. */
  readonly instance: string;
  /** Selects one disk: index, uuid or prefix, device id, name. */
  readonly device: string;
  /** 0 ends a limit; what is not named stays. */
  readonly limits?: IoLimits | undefined;
  /** What is to lie in the drive; undefined: that stays. */
  readonly medium?: NewMediumWish | undefined;
}

/** What is to lie in a drive. */
export interface NewMediumWish {
  /** Absolute path; null: nothing. */
  readonly path: string | null;
  /** `forced`: the guest is not asked, though it locked the tray. */
  readonly lock: "heeded" | "forced";
  /** Whether Ganeti's start must be able to open it. */
  readonly migratable: "required" | "not-needed";
}

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

/** Bring the links of the disks to the configuration's order. */
export interface LinksMend {
  /** The user's words, joined by a dash. */
  readonly kind: "links-mend";
  /** Checked: it becomes part of paths. */
  readonly instance: string;
  /** Uuids of the configured disks, lower case. */
  readonly order: readonly string[];
}

/** A request about files alone: QEMU is not asked. */
export type OfflineRequest = StateUpgrade | LinksMend;

/** A request that changes devices of a running VM. */
export type DeviceRequest =
  | DiskAdd
  | DiskRemove
  | DiskResize
  | DiskSet
  | NicAdd
  | NicRemove
  | NicModify
  | Adopt;

/** A request that changes an instance. */
export type Request = DeviceRequest | OfflineRequest;

/** Whether a request is about files alone. */
export function isOffline(request: Request): request is OfflineRequest {
  return request.kind === "state-upgrade" || request.kind === "links-mend";
}

/** What a person calls a request: `disk add`. */
export function commandOf(request: Request): string {
  return request.kind.replace("-", " ");
}

/** How an operation reaches the instance and how long it may wait. */
export interface Reach {
  /** Absolute: {@linkcode defaultRunDir}, or what was given. */
  readonly runDir: string;
  /** Absolute path of a socket to use instead of the derived one. */
  readonly qmp?: string | undefined;
  /** Absolute path of a runtime file to use instead. */
  readonly state?: string | undefined;
  /** Longest wait for one QMP reply, in milliseconds. */
  readonly timeoutMs: number;
  /** Longest wait for the guest to release a device, in milliseconds. */
  readonly unplugTimeoutMs: number;
  /** Longest wait for another kvm-hotplug, in milliseconds. */
  readonly lockTimeoutMs: number;
}
