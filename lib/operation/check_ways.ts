/**
 * Which ways to a disk there are for a QEMU that runs as it does. Pure.
 *
 * @module
 */

import { type Via, VIAS } from "../host/access_record.ts";
import { type Confinement, confinementText } from "../host/confinement.ts";
import { FDSET_COMMANDS } from "../qmp/commands.ts";
import type { QemuFacts } from "../plan/facts.ts";
import { missingCommands } from "../plan/requirements.ts";

/** One way, and what there is to say of it. */
export interface WayView {
  /** As `--via` takes it. */
  readonly via: Via;
  /** `depends`: on the disk, and asked of the kernel when one is added. */
  readonly usable: "yes" | "no" | "depends";
  /** Why. */
  readonly detail: string;
}

function fdset(qemu: QemuFacts): Omit<WayView, "via"> {
  const missing = missingCommands(qemu, FDSET_COMMANDS).join(", ");
  return missing === ""
    ? { usable: "yes", detail: "an opened file is handed over" }
    : { usable: "no", detail: `the monitor lacks ${missing}` };
}

function byItself(
  via: "path" | "chown" | "mknod",
  confinement: Confinement | undefined,
): Omit<WayView, "via"> {
  if (confinement === undefined) {
    return { usable: "no", detail: "QEMU's process is unknown" };
  }
  const { jail, userNamespace, mountNamespace } = confinement;
  const who = `QEMU runs as ${confinementText(confinement)}`;
  if (userNamespace === "another") {
    return { usable: "no", detail: "QEMU runs in another user namespace" };
  }
  if (via !== "mknod") return { usable: "depends", detail: who };
  if (jail === "none") {
    return { usable: "no", detail: "QEMU has no root directory of its own" };
  }
  return mountNamespace === "another"
    ? { usable: "no", detail: "QEMU runs in another mount namespace" }
    : { usable: "depends", detail: "of block devices" };
}

/** Every way to a disk, safest first. */
export function waysOf(
  qemu: QemuFacts,
  confinement: Confinement | undefined,
): WayView[] {
  return VIAS.map((via) => {
    switch (via) {
      case "fdset":
        return { via, ...fdset(qemu) };
      case "path":
      case "chown":
      case "mknod":
        return { via, ...byItself(via, confinement) };
      case "uri":
        return {
          via,
          usable: "depends",
          detail: "of what QEMU reaches by network from its root directory",
        };
      default:
        return via satisfies never;
    }
  });
}
