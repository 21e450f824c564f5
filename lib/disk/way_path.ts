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
import { type Confinement, confinementText } from "../host/confinement.ts";
import { type HotplugError, refuse, unsupported } from "../errors.ts";
import { FDSET_COMMANDS } from "../qmp/commands.ts";
import type { QemuFacts } from "../plan/facts.ts";
import type { AccessFacts } from "./way_facts.ts";
import type { DiskAddFacts } from "./add_facts.ts";
import {
  byNode,
  byOwner,
  type DiskAccess,
  expectConfinement,
  otherWays,
  probe,
} from "./way_grant.ts";
import { missingCommands } from "../plan/requirements.ts";

/** Whether QEMU takes opened files. */
export function takesFiles(qemu: QemuFacts): boolean {
  return missingCommands(qemu, FDSET_COMMANDS).length === 0;
}

/** CAP_DAC_OVERRIDE of linux/capability.h: permissions do not matter. */
const CAP_DAC_OVERRIDE = 1n << 1n;

/** What keeps a QEMU from opening just any disk of this node by itself. */
function barrier(confinement: Confinement | undefined): string | undefined {
  if (confinement === undefined) {
    return "whose process is unknown, so that nothing tells whether it can";
  }
  const { jail, userNamespace, credentials } = confinement;
  const who = confinementText(confinement);
  if (jail === "chroot") {
    return `which runs in a chroot (${who}) and does not see this node's disks`;
  }
  const mighty = (credentials.capabilities & CAP_DAC_OVERRIDE) !== 0n;
  if (mighty && userNamespace === "ours") return undefined;
  return `which runs as another user (${who}) and may not open this node's disks`;
}

/** The warning of Ganeti's design for KVM hotplug, with its reasons. */
function cannotSee(
  qemu: QemuFacts,
  confinement: Confinement | undefined,
  reason: string,
): HotplugError {
  const missing = missingCommands(qemu, FDSET_COMMANDS).join(", ");
  return unsupported(
    `This QEMU's monitor lacks ${missing}: no opened file can be handed over, and a disk must be opened by QEMU itself, ${reason}`,
    confinement && otherWays(confinement),
  );
}

/**
 * Refuses what gets at no disk whatever its permissions are.
 *
 * @throws {HotplugError} `unsupported`
 */
export function refuseNoWay(
  qemu: QemuFacts,
  confinement: Confinement | undefined,
): void {
  if (takesFiles(qemu)) return;
  const reason = barrier(confinement);
  if (reason !== undefined) throw cannotSee(qemu, confinement, reason);
}

/** The same for one disk, which this QEMU cannot open. */
function refuseUnseen(
  { qemu }: DiskAddFacts,
  { confinement, access }: AccessFacts,
): void {
  if (access === undefined) return;
  const reason = barrier(confinement);
  const error = cannotSee(
    qemu,
    confinement,
    reason ?? `which cannot: ${access}`,
  );
  if (reason === undefined) throw error;
  throw unsupported(
    error.message,
    [access, error.hint].filter((one) => one).join("; "),
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
      refuseUnseen(facts, access);
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
