/**
 * What a QEMU may see of this node, as it is for most tests.
 *
 * @module
 */

import type { Confinement } from "../../lib/host/confinement.ts";

/** A QEMU without a jail that runs as nobody, but for what is given. */
export function confinement(more: Partial<Confinement> = {}): Confinement {
  return {
    pid: 4711,
    credentials: { uid: 65534, gid: 65534, groups: [], capabilities: 0n },
    root: "/",
    jail: "none",
    userNamespace: "ours",
    mountNamespace: "ours",
    networkNamespace: "ours",
    seccomp: 0,
    options: [],
    ...more,
  };
}

/** The credentials of a QEMU of the uid pool. */
export const POOL_USER: Confinement["credentials"] = {
  uid: 30_002,
  gid: 0,
  groups: [],
  capabilities: 0n,
};
