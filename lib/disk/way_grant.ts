/**
 * Ways that change this node so that QEMU can open a disk by itself. Pure.
 *
 * @module
 */

import type { OwnRecordStep } from "../engine/own_steps.ts";
import { refuse } from "../errors.ts";
import type { ChrootNode, GivenOwner, Via } from "../host/access_record.ts";
import { type Confinement, confinementText } from "../host/confinement.ts";
import type { Facts } from "../plan/facts.ts";
import type { OwnDevice } from "../state/own_record.ts";
import type { DiskAddFacts } from "./add_facts.ts";
import type { AccessFacts } from "./way_facts.ts";
import type { WayStep } from "./way_steps.ts";
import type { DiskStep } from "./steps.ts";

/** A way to a disk, chosen and found passable. */
export interface DiskAccess {
  /** The way. */
  readonly via: Exclude<Via, "fdset" | "uri">;
  /** What QEMU opens. */
  readonly filename: string;
  /** The steps before QEMU opens it. */
  readonly steps: readonly DiskStep[];
}

/** What else could be tried, given how QEMU is confined. */
export function otherWays({ jail, mountNamespace }: Confinement): string {
  const ways = jail === "none"
    ? "--via chown gives the disk to QEMU's user"
    : mountNamespace === "ours"
    ? "--via mknod makes a node of a block device in QEMU's root directory"
    : "";
  return [ways, "a QEMU 2.9 or newer, unrestricted, takes it opened"]
    .filter((one) => one).join("; ");
}

/**
 * How QEMU is confined, where its view of this node can be asked for.
 *
 * @throws {HotplugError} `refused`
 */
export function expectConfinement(
  access: AccessFacts,
  via: string,
): Confinement {
  const { confinement } = access;
  if (confinement === undefined) {
    throw refuse(
      `Cannot reach the disk via ${via}: QEMU's process is unknown`,
      "only --via fdset does without",
    );
  }
  if (confinement.userNamespace === "ours") return confinement;
  throw refuse(
    `Cannot reach the disk via ${via}: QEMU runs in another user namespace, where its uid is another's`,
    "only --via fdset does without",
  );
}

/** Makes sure, once all is prepared, that QEMU can open it. */
export function probe(
  facts: DiskAddFacts,
  confinement: Confinement,
  { path, access }: { path: string; access: "rw" | "ro" },
): WayStep {
  const { pid } = confinement;
  const { identity } = facts.source;
  return { kind: "probe-path", pid, path, identity, access };
}

/**
 * The note of a way, and of what it changes, written before it is changed.
 * QEMU tells a path only.
 */
function noteStep(
  facts: DiskAddFacts,
  qemu: AccessFacts["qemu"],
  { uuid, ...way }: { uuid: string } & Pick<OwnDevice, "via" | "access">,
): OwnRecordStep {
  const before = facts.own.record.devices[uuid] ?? null;
  const after: OwnDevice = { kind: "disk", ...way };
  const { place } = facts.own;
  return { kind: "own-record", place, qemu, change: { uuid, before, after } };
}

/** Whose the disk was before an earlier process of QEMU's was given it. */
function ownerBefore({ own }: Facts, { uid, inode }: AccessFacts): number {
  for (const { access } of Object.values(own.record.devices)) {
    const given = access?.way === "chown" && access.inode === inode &&
      access.to === uid;
    if (given) return access.from;
  }
  return uid;
}

/**
 * The disk is given to QEMU's user.
 *
 * @throws {HotplugError} `refused` if that would not help
 */
export function byOwner(
  facts: DiskAddFacts,
  access: AccessFacts,
  { uuid, mode }: { uuid: string; mode: "rw" | "ro" },
): DiskAccess {
  const confinement = expectConfinement(access, "chown");
  const { path, inode } = access;
  if (access.reach !== undefined) {
    throw refuse(
      `Giving the disk to QEMU's user does not help: QEMU (${
        confinementText(confinement)
      }) does not get to it: ${access.reach}`,
      otherWays(confinement),
    );
  }
  const to = confinement.credentials.uid;
  const from = ownerBefore(facts, access);
  const look = probe(facts, confinement, { path, access: mode });
  const via = "chown";
  if (from === to) {
    const note = noteStep(facts, access.qemu, { uuid, via });
    return { via, filename: path, steps: [note, look] };
  }
  const given: GivenOwner = {
    way: "chown",
    path: facts.source.resolved,
    inode,
    from,
    to,
  };
  return {
    via,
    filename: path,
    steps: [
      noteStep(facts, access.qemu, { uuid, via, access: given }),
      { kind: "give-owner", given },
      look,
    ],
  };
}

/** @throws {HotplugError} `refused` unless a node can be made for QEMU */
function expectRoot(
  facts: DiskAddFacts,
  access: AccessFacts,
  { confinement, name }: { confinement: Confinement; name: string },
) {
  const { root } = access;
  if (facts.source.kind !== "block") {
    throw refuse(
      "Cannot make a node of the disk for QEMU: it is a file, and only a block device has nodes",
    );
  }
  if (root === undefined) {
    throw refuse(
      "Cannot make a node of the disk for QEMU: it has no root directory of its own",
      "--via chown gives the disk to QEMU's user",
    );
  }
  if (confinement.mountNamespace === "another") {
    throw refuse(
      "Cannot make a node of the disk for QEMU: it runs in another mount namespace",
    );
  }
  if (root.names.includes(name)) {
    throw refuse(
      `Cannot make a node of the disk for QEMU: ${confinement.root}/${name} is there already`,
      "look who made it",
    );
  }
  return root;
}

/**
 * A node of the disk is made in QEMU's root directory.
 *
 * @throws {HotplugError} `refused` if that cannot be
 */
export function byNode(
  facts: DiskAddFacts,
  access: AccessFacts,
  { uuid, name, mode }: { uuid: string; name: string; mode: "rw" | "ro" },
): DiskAccess {
  const confinement = expectConfinement(access, "mknod");
  const root = expectRoot(facts, access, { confinement, name });
  const node: ChrootNode = {
    way: "mknod",
    root: confinement.root,
    rootInode: root.inode,
    name,
    rdev: access.rdev,
    uid: confinement.credentials.uid,
    kind: root.nodev ? "bind" : "node",
    rootMode: root.passable ? null : root.mode,
  };
  const path = `/${name}`;
  const via = "mknod";
  return {
    via,
    filename: path,
    steps: [
      noteStep(facts, access.qemu, { uuid, via, access: node }),
      { kind: "make-node", node },
      probe(facts, confinement, { path, access: mode }),
    ],
  };
}
