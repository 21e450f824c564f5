/**
 * What a user asked for of a disk, checked word by word; nothing of this node was looked at yet.
 *
 * @module
 */

import type { DiskSettings } from "../device/disk_settings.ts";
import type { Via } from "../host/access_record.ts";
import type { DiskFormat } from "../host/qcow2.ts";
import type { GanetiObject, Plug, Unrecorded } from "../plan/request.ts";
import type { PropertyValues } from "../device/properties.ts";
import type { IoLimits } from "../device/io_limits.ts";

/** A disk as a master describes it. */
export interface GanetiDisk extends GanetiObject {
  /** Ganeti's word for the kind of storage, of the object. */
  readonly devType: string;
  /** The path beside a URI, recorded as it came. */
  readonly link?: string | undefined;
}

/** Plug a disk. */
export interface DiskAdd extends Plug {
  readonly kind: "disk-add";
  /** Absolute path, or a storage URI. */
  readonly source: string;
  /** What the user set; the instance's hvparams give the rest. */
  readonly settings: Partial<DiskSettings>;
  /** How QEMU is to get at it; undefined: what is safe and works. */
  readonly via?: Via | undefined;
  /** Never probed. @default "raw" */
  readonly format?: DiskFormat | undefined;
  /** Absolute: a folder for backing files, beside the folder of the image. */
  readonly allowBacking?: string | undefined;
  /** Those that were given; `serial` may be `uuid`. */
  readonly properties?: PropertyValues | undefined;
  /** For a VM that has no SCSI controller; undefined: the hvparam decides. */
  readonly controller?: string | undefined;
  /** Undefined: those it had when it was last taken out, else none. */
  readonly limits?: IoLimits | undefined;
  /** Undefined: no other disk shares its limits, if `limits` are given. */
  readonly limitGroup?: string | undefined;
  /** Whether a start from the runtime file must give the same disk. */
  readonly migratable: "required" | "not-needed";
  /** Only from a master. */
  readonly ganeti?: GanetiDisk | undefined;
}

/** Plug a drive without a medium: what says how one is read is refused. */
export interface EmptyDriveAdd extends Omit<DiskAdd, "kind" | "source"> {
  readonly kind: "disk-add-empty";
}

/** What is asked of one recorded disk. */
export interface OneDisk {
  /** Checked: it becomes part of paths. */
  readonly instance: string;
  /** Selects one disk: index, uuid or prefix, device id, name, path, URI. */
  readonly device: string;
}

/** How the volume of a disk that a master takes out may be open. */
export interface Volume {
  /** Where its object says that it is. */
  readonly paths: readonly string[];
  /** For userspace access; undefined: none, or the object does not tell. */
  readonly uri: string | undefined;
  /** Its place in the configuration: Ganeti's link goes by it. */
  readonly seq: number | undefined;
}

/** Take a disk out. */
export interface DiskRemove extends OneDisk {
  readonly kind: "disk-remove";
  /** `kept`: the disk the VM was started from is refused. */
  readonly bootDisk: "kept" | "forced";
  /** Whether one goes that no entry records. @default "kept" */
  readonly unrecorded?: Unrecorded | undefined;
  /** Only from a master, which destroys it if there is nothing to do. */
  readonly volume?: Volume | undefined;
}

/** Give a disk the size its source has by now, or another one. */
export interface DiskResize extends OneDisk {
  readonly kind: "disk-resize";
  /** The new virtual size; undefined: the size of the source. */
  readonly sizeBytes?: number | undefined;
  /** The word that gave `sizeBytes`, for messages. @default the bytes */
  readonly sizeWord?: string | undefined;
  /** Whether QEMU may make a raw image file longer. */
  readonly fileGrowth: "allowed" | "refused";
  /** `whole`: a block device may have more than that. @default "refused" */
  readonly largerDevice?: "whole" | "refused" | undefined;
}

/** Limit a live disk. */
export interface DiskSet extends OneDisk {
  readonly kind: "disk-set";
  /** 0 removes a limit; other limits stay. Without any, nothing changes. */
  readonly limits: IoLimits;
  /** Null: the disk leaves its group; undefined: it stays where it is. */
  readonly limitGroup?: string | null | undefined;
}

/** Change what lies in a drive. */
export interface MediumSet extends OneDisk {
  readonly kind: "disk-set-medium";
  /** Absolute path; null: nothing. */
  readonly path: string | null;
  /** `forced`: the guest is not asked, though it locked the tray. */
  readonly lock: "heeded" | "forced";
  /** Whether Ganeti's start must be able to open it. */
  readonly migratable: "required" | "not-needed";
}

/** A request about a disk of a running VM. */
export type DiskRequest =
  | DiskAdd
  | EmptyDriveAdd
  | DiskRemove
  | DiskResize
  | DiskSet
  | MediumSet;

/** Bring the links of the disks to the configuration's order. */
export interface LinksMend {
  readonly kind: "links-mend";
  /** Checked: it becomes part of paths. */
  readonly instance: string;
  /** Uuids of the configured disks, lower case. */
  readonly order: readonly string[];
}
