/**
 * What a user asked for about memory.
 *
 * @module
 */

import type { Unrecorded } from "../plan/request.ts";

/** The ways in which a guest is given memory. */
export const MEMORY_KINDS = ["dimm", "virtio-mem"] as const;

/** One of them. */
export type MemoryKind = (typeof MEMORY_KINDS)[number];

interface AboutMemory {
  /** Checked: it becomes part of paths. */
  readonly instance: string;
}

/** Bring the guest's memory to a size. */
export interface MemorySet extends AboutMemory {
  readonly kind: "memory-set";
  readonly sizeBytes: number;
}

/** Give the guest more memory. */
export interface MemoryAdd extends AboutMemory {
  readonly kind: "memory-add";
  readonly sizeBytes: number;
  /** @default a DIMM, unless there is a virtio-mem device */
  readonly way?: MemoryKind | undefined;
  /** The most that a virtio-mem device can have. @default all that is free */
  readonly maxBytes?: number | undefined;
}

/** Bring a virtio-mem device to a size; only a part of another request. */
export interface MemoryResize extends AboutMemory {
  readonly kind: "memory-resize";
  /** Its device id. */
  readonly device: string;
  readonly requestedBytes: number;
}

/** Wait until a guest has followed a request; likewise. */
export interface MemoryAwait extends AboutMemory {
  readonly kind: "memory-await";
  /** Its device id. */
  readonly device: string;
  readonly requestedBytes: number;
  /** What the guest had before. */
  readonly fromBytes: number;
}

/** Take memory out. */
export interface MemoryRemove extends AboutMemory {
  readonly kind: "memory-remove";
  /** Selects one: index, device id. */
  readonly device: string;
  /** Whether memory goes that nothing records. @default "kept" */
  readonly unrecorded?: Unrecorded | undefined;
}

/** A request about memory of a running VM. */
export type MemoryRequest =
  | MemorySet
  | MemoryAdd
  | MemoryResize
  | MemoryAwait
  | MemoryRemove;
