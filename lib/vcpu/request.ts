/**
 * What a user asked for about processors.
 *
 * @module
 */

/** Bring the VM to so many processors. */
export interface VcpuSet {
  readonly kind: "vcpu-set";
  /** Checked: it becomes part of paths. */
  readonly instance: string;
  readonly count: number;
}

/** Plug processors in. */
export interface VcpuAdd {
  readonly kind: "vcpu-add";
  /** Checked: it becomes part of paths. */
  readonly instance: string;
  readonly count: number;
  /** Where one goes, and its id, if that is decided. @default the lowest */
  readonly chosen?: { readonly place: string; readonly id: string };
}

/** Take a processor out: that one, or the one in the highest place. */
export type VcpuRemove =
  & {
    readonly kind: "vcpu-remove";
    /** Checked: it becomes part of paths. */
    readonly instance: string;
    /** `forced`: also one that nothing records. @default "kept" */
    readonly unrecorded?: "kept" | "forced" | undefined;
  }
  & (
    // Its device id.
    | { readonly device: string }
    | { readonly which: "highest" }
  );

/** A request about processors of a running VM. */
export type VcpuRequest = VcpuSet | VcpuAdd | VcpuRemove;
