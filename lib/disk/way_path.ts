/**
 * The ways by which QEMU opens a disk by a path. Pure.
 *
 * A path that QEMU itself can open changes nothing. To give the disk to QEMU's
 * user, or to make a node for it, changes this node: only on request.
 *
 * @module
 */

import type { BackingNode, DiskDevice, NodeOptions } from "../device/disk.ts";
import type { OwnRecordStep } from "../engine/own_steps.ts";
import { type HotplugError, refuse, unsupported } from "../errors.ts";
import type { ChrootNode, GivenOwner, Via } from "../host/access_record.ts";
import { type Confinement, confinementText } from "../host/confinement.ts";
import type { Facts, QemuFacts } from "../plan/facts.ts";
import type { CheckFacts, KindRule } from "../plan/kind.ts";
import { missingCommands } from "../plan/requirements.ts";
import { FDSET_COMMANDS } from "../qmp/commands.ts";
import { noteOn } from "../state/own_check.ts";
import type { DiskNote } from "./note.ts";
import type { DiskAddFacts } from "./add_facts.ts";
import type { DiskStep } from "./steps.ts";
import type { AccessFacts } from "./way_facts.ts";

/** The way of a new disk, and its steps. */
export interface Way {
  readonly via: Via;
  /** The place from which QEMU gets the data. */
  readonly from: NodeOptions["from"];
  /** Before QEMU opens it. */
  readonly before: readonly DiskStep[];
  /** Once QEMU has it open, before the guest gets it. @default none */
  readonly opened?: readonly DiskStep[];
  /** Once the guest has the disk. @default none */
  readonly after?: readonly DiskStep[];
  /** Images below a qcow2 image. @default none */
  readonly backing?: readonly BackingNode[];
}

/** Facts for a disk that QEMU opens by itself. */
interface PathFacts extends DiskAddFacts {
  readonly access: AccessFacts;
  readonly confinement: Confinement;
}

/** Whether QEMU accepts opened files. */
function takesFiles(qemu: QemuFacts): boolean {
  return missingCommands(qemu, FDSET_COMMANDS).length === 0;
}

/** The other ways for this confinement of QEMU. */
function otherWays({ jail, mountNamespace }: Confinement): string {
  const ways = jail === "none"
    ? "use --via chown, which gives the disk to QEMU's user"
    : mountNamespace === "ours"
    ? "use --via mknod, which makes a device node in QEMU's root directory (block devices only)"
    : "";
  return [ways, "QEMU 2.9 or newer gets the disk as an open file"]
    .filter((one) => one).join("; ");
}

/** CAP_DAC_OVERRIDE of linux/capability.h: permissions do not matter. */
const CAP_DAC_OVERRIDE = 1n << 1n;

/** Why a QEMU cannot open every disk of this node by itself. */
function barrier(confinement: Confinement | undefined): string | undefined {
  if (confinement === undefined) {
    return "but QEMU's process is unknown";
  }
  const { jail, userNamespace, credentials } = confinement;
  const who = confinementText(confinement);
  if (jail === "chroot") {
    return `but QEMU runs in a chroot (${who}) and does not see this node's disks`;
  }
  const mighty = (credentials.capabilities & CAP_DAC_OVERRIDE) !== 0n;
  if (mighty && userNamespace === "ours") return undefined;
  return `but QEMU runs as another user (${who}) and may not open this node's disks`;
}

/** The warning of Ganeti's design for KVM hotplug, with its reasons. */
function cannotSee(
  qemu: QemuFacts,
  confinement: Confinement | undefined,
  { reason, fault }: { reason: string; fault?: string | undefined },
): HotplugError {
  const missing = missingCommands(qemu, FDSET_COMMANDS).join(", ");
  const hints = [fault, confinement && otherWays(confinement)];
  return unsupported(
    `This QEMU's monitor lacks ${missing}: QEMU must open the disk itself, ${reason}`,
    hints.filter((one) => one).join("; ") || undefined,
  );
}

/** The needs of any new disk beside a place, in the form of `check`. */
export function diskRequirements(
  { qemu, confinement }: CheckFacts,
): KindRule[] {
  return [{
    name: "disk-access",
    at: "after-place",
    refuse() {
      const reason = takesFiles(qemu) ? undefined : barrier(confinement);
      if (reason !== undefined) throw cannotSee(qemu, confinement, { reason });
    },
    state: () =>
      takesFiles(qemu)
        ? "QEMU gets the disk as an open file"
        : "QEMU opens the disk itself: it runs as root and sees all files of this node",
  }];
}

/** QEMU opens this path once these steps are done. */
function opens(
  { source: { identity }, confinement: { pid } }: PathFacts,
  { settings: { access } }: DiskDevice,
  { via, path, steps = [] }: {
    readonly via: Via;
    readonly path: string;
    readonly steps?: readonly DiskStep[];
  },
): Way {
  return {
    via,
    from: { filename: path },
    before: [...steps, { kind: "probe-path", pid, path, identity, access }],
    opened: [{ kind: "verify-open", pid, path, identity }],
  };
}

function byPath(facts: PathFacts, disk: DiskDevice): Way {
  const { qemu, access: { path, openFault }, confinement } = facts;
  if (openFault === undefined) return opens(facts, disk, { via: "path", path });
  throw refuse(
    `QEMU (${
      confinementText(confinement)
    }) cannot open the disk by itself: ${openFault}`,
    takesFiles(qemu)
      ? "omit --via: this QEMU can get the disk as an open file"
      : otherWays(confinement),
  );
}

/**
 * The note of a way, and of its changes, written before the changes. QEMU tells
 * only a path.
 */
function noteStep(
  { own: { place, record, qemu } }: PathFacts,
  uuid: string,
  way: Pick<DiskNote, "via" | "access">,
): OwnRecordStep {
  const before = noteOn(record, uuid) ?? null;
  const after: DiskNote = { kind: "disk", ...way };
  return { kind: "own-record", place, qemu, change: { uuid, before, after } };
}

/** The owner of the disk before an earlier process of QEMU got it. */
function ownerBefore({ own }: Facts, { uid, inode }: AccessFacts): number {
  for (const { access } of Object.values(own.record.devices)) {
    const given = access?.way === "chown" && access.inode === inode &&
      access.to === uid;
    if (given) return access.from;
  }
  return uid;
}

/** Gives the disk to QEMU's user. */
function byOwner(facts: PathFacts, disk: DiskDevice): Way {
  const { source, access, confinement } = facts;
  if (access.reachFault !== undefined) {
    throw refuse(
      `Cannot use --via chown: QEMU (${
        confinementText(confinement)
      }) cannot reach the disk: ${access.reachFault}`,
      otherWays(confinement),
    );
  }
  const via = "chown";
  const to = confinement.credentials.uid;
  const from = ownerBefore(facts, access);
  const { path, inode } = access;
  const given: GivenOwner = {
    way: via,
    path: source.resolved,
    inode,
    from,
    to,
  };
  const steps: DiskStep[] = from === to
    ? [noteStep(facts, disk.uuid, { via })]
    : [
      noteStep(facts, disk.uuid, { via, access: given }),
      { kind: "give-owner", given },
    ];
  return opens(facts, disk, { via, path, steps });
}

/** @throws {HotplugError} `refused` unless a node can be made for QEMU */
function expectRoot(
  { source, access: { root }, confinement }: PathFacts,
  name: string,
) {
  const refused = (why: string, hint?: string) =>
    refuse(`Cannot use --via mknod: ${why}`, hint);
  if (source.kind !== "block") {
    throw refused(
      "SOURCE is a file, and only a block device has a device node",
    );
  }
  if (root === undefined) {
    throw refused(
      "QEMU has no root directory of its own",
      "use --via chown, which gives the disk to QEMU's user",
    );
  }
  if (confinement.mountNamespace === "another") {
    throw refused("QEMU runs in another mount namespace");
  }
  if (root.names.includes(name)) {
    const there = `${confinement.root}/${name} already exists`;
    throw refused(there, "find out which program made it");
  }
  return root;
}

/**
 * Makes a node of the disk, with the name of its id, in QEMU's root directory.
 */
function byNode(facts: PathFacts, disk: DiskDevice): Way {
  const { access: { rdev }, confinement } = facts;
  const { id: name, uuid } = disk;
  const root = expectRoot(facts, name);
  const via = "mknod";
  const node: ChrootNode = {
    way: via,
    root: confinement.root,
    rootInode: root.inode,
    name,
    rdev,
    uid: confinement.credentials.uid,
    kind: root.nodev ? "bind" : "node",
    rootMode: root.passable ? null : root.mode,
  };
  const steps: DiskStep[] = [
    noteStep(facts, uuid, { via, access: node }),
    { kind: "make-node", node },
  ];
  return opens(facts, disk, { via, path: `/${name}`, steps });
}

/**
 * Chooses among the ways by a path.
 *
 * @param via the user's word; undefined: QEMU does not accept opened files
 * @throws {HotplugError} status 3
 */
export function pathWay(
  given: DiskAddFacts,
  disk: DiskDevice,
  { via, access }: {
    readonly via: "path" | "chown" | "mknod" | undefined;
    readonly access: AccessFacts;
  },
): Way {
  const { confinement, openFault: fault } = access;
  if (via === undefined && fault !== undefined) {
    const barred = barrier(confinement);
    throw cannotSee(
      given.qemu,
      confinement,
      barred === undefined
        ? { reason: `but QEMU cannot: ${fault}` }
        : { reason: barred, fault },
    );
  }
  if (confinement?.userNamespace !== "ours") {
    // The kernel cannot be asked for QEMU's view of this node.
    throw refuse(
      `Cannot use --via ${via ?? "path"}: ${
        confinement === undefined
          ? "QEMU's process is unknown"
          : "QEMU runs in another user namespace, so its uid is not known"
      }`,
      "use --via fdset, which does not need this",
    );
  }
  const facts = { ...given, access, confinement };
  switch (via) {
    case undefined:
    case "path":
      return byPath(facts, disk);
    case "chown":
      return byOwner(facts, disk);
    case "mknod":
      return byNode(facts, disk);
    default:
      return via satisfies never;
  }
}
