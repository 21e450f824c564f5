/**
 * How QEMU gets at a disk. Pure.
 *
 * An opened file, handed over in an fd set, works wherever QEMU runs and
 * changes nothing; so it comes first. A path that QEMU itself can open changes
 * nothing either. To give the disk to QEMU's user, or to make a node for it,
 * changes this node: only on request.
 *
 * @module
 */

import type { Via } from "../host/access_record.ts";
import { confinementText } from "../host/confinement.ts";
import { type HotplugError, refuse, unsupported } from "../errors.ts";
import { FDSET_COMMANDS } from "../qmp/commands.ts";
import type { QemuFacts } from "./facts.ts";
import type { AccessFacts } from "./facts_access.ts";
import type { DiskAddFacts } from "./facts_disk_add.ts";
import {
  byNode,
  byOwner,
  type DiskAccess,
  expectConfinement,
  otherWays,
  probe,
} from "./plan_access_grant.ts";
import { missingCommands } from "./refusals.ts";

/** Whether QEMU takes opened files. */
export function takesFiles(qemu: QemuFacts): boolean {
  return missingCommands(qemu, FDSET_COMMANDS).length === 0;
}

/** The warning of Ganeti's design for KVM hotplug, with its reasons. */
function cannotSee(facts: DiskAddFacts, access: AccessFacts): HotplugError {
  const missing = missingCommands(facts.qemu, FDSET_COMMANDS).join(", ");
  const { confinement } = access;
  const why =
    `This QEMU's monitor lacks ${missing}: it does not take the disk as an opened file, and must open it by itself`;
  if (confinement === undefined) {
    return unsupported(`${why}; ${access.access}`);
  }
  return unsupported(
    `${why}, which it (${
      confinementText(confinement)
    }) cannot: ${access.access}`,
    otherWays(confinement),
  );
}

function byPath(
  facts: DiskAddFacts,
  access: AccessFacts,
  mode: "rw" | "ro",
): DiskAccess {
  const confinement = expectConfinement(access, "path");
  const { path } = access;
  if (access.access !== undefined) {
    throw refuse(
      `QEMU (${
        confinementText(confinement)
      }) cannot open the disk by itself: ${access.access}`,
      takesFiles(facts.qemu)
        ? "leave --via out: this QEMU takes the disk opened"
        : otherWays(confinement),
    );
  }
  return {
    via: "path",
    filename: path,
    steps: [probe(facts, confinement, { path, access: mode })],
  };
}

/** The disk that is to be reached. */
export interface AccessWish {
  /** The user's word; undefined: what is safe and works. */
  readonly via: Exclude<Via, "uri"> | undefined;
  /** The disk's. */
  readonly uuid: string;
  /** Its device id, which a node is named after. */
  readonly id: string;
  /** How QEMU opens it. */
  readonly mode: "rw" | "ro";
}

/**
 * Chooses the way to a disk that QEMU opens by a path of its own.
 *
 * @returns undefined: the disk goes opened, in an fd set
 * @throws {HotplugError} status 3
 */
export function chooseAccess(
  facts: DiskAddFacts,
  { via, uuid, id, mode }: AccessWish,
): DiskAccess | undefined {
  const { access } = facts;
  if (via === "fdset" || (via === undefined && access === undefined)) {
    return undefined;
  }
  if (access === undefined) throw new TypeError(`no facts for --via ${via}`);
  switch (via) {
    case undefined:
      if (access.access !== undefined) throw cannotSee(facts, access);
      return byPath(facts, access, mode);
    case "path":
      return byPath(facts, access, mode);
    case "chown":
      return byOwner(facts, access, { uuid, mode });
    case "mknod":
      return byNode(facts, access, { uuid, name: id, mode });
    default:
      return via satisfies never;
  }
}
