/**
 * The steps that let QEMU get at a disk by its path, and note what that
 * changed; as plain JSON.
 *
 * @module
 */

import {
  absolute,
  accepted,
  anything as kind,
  type Check,
  LINE,
  object,
  text,
  whole,
  word,
} from "../engine/value_check.ts";
import type { Verbs } from "../engine/verbs.ts";
import { HotplugError } from "../errors.ts";
import type {
  AccessRecord,
  ChrootNode,
  GivenOwner,
} from "../host/access_record.ts";
import type { MakeTapStep, RemoveTapStep } from "../nic/tap_steps.ts";
import { isJson } from "../qmp/message.ts";
import { checkAccess } from "../state/own_check.ts";

/** Makes sure that QEMU can open a disk by its path. */
export interface ProbePathStep {
  /** Carried out by ./step_access.ts. */
  readonly kind: "probe-path";
  /** QEMU's. */
  readonly pid: number;
  /** As QEMU will open it, below its own root directory. */
  readonly path: string;
  /** What must be found there: {@linkcode identityOf}. */
  readonly identity: string;
  /** As QEMU will open it. */
  readonly access: "rw" | "ro";
}

/** Makes sure that what QEMU opened by its path is the disk. */
export interface VerifyOpenStep {
  /** Carried out by ./step_access.ts. */
  readonly kind: "verify-open";
  /** QEMU's. */
  readonly pid: number;
  /** For messages. */
  readonly path: string;
  /** What QEMU must have open: {@linkcode identityOf}. */
  readonly identity: string;
}

/** Gives a disk to QEMU's user. */
export interface GiveOwnerStep {
  /** Carried out by ./step_access.ts. */
  readonly kind: "give-owner";
  /** What was recorded before. */
  readonly given: GivenOwner;
}

/** Gives a disk back to whom it was taken from. */
export interface ReturnOwnerStep {
  /** Carried out by ./step_access.ts. */
  readonly kind: "return-owner";
  /** What was recorded when it was given. */
  readonly given: GivenOwner;
  /** A process: as long as it has the disk open, nothing is given back. */
  readonly holder?: number;
}

/** Makes a node of a block device in QEMU's root directory. */
export interface MakeNodeStep {
  /** Carried out by ./step_access.ts. */
  readonly kind: "make-node";
  /** What was recorded before. */
  readonly node: ChrootNode;
}

/** Removes such a node. */
export interface RemoveNodeStep {
  /** Carried out by ./step_access.ts. */
  readonly kind: "remove-node";
  /** What was recorded when it was made. */
  readonly node: ChrootNode;
  /** A process: as long as it has the disk open, the node stays. */
  readonly holder?: number;
}

/** A step that lets QEMU get at a device, or ends that. */
export type AccessStep =
  | MakeTapStep
  | RemoveTapStep
  | ProbePathStep
  | VerifyOpenStep
  | GiveOwnerStep
  | ReturnOwnerStep
  | MakeNodeStep
  | RemoveNodeStep;

/** What was changed on this node for a device, in this way. */
function accessBy(way: AccessRecord["way"]): Check {
  const fits = accepted((one) => checkAccess(one, "access"));
  return (value) => isJson(value) && value.way === way && fits(value);
}

const pid = whole(1, 2 ** 22);
const given = accessBy("chown");
const node = accessBy("mknod");

/** A check for each kind of these steps. */
export const ACCESS_CHECKS: { readonly [K in AccessStep["kind"]]: Check } = {
  "probe-path": object({
    kind,
    pid,
    path: absolute,
    identity: text(LINE),
    access: word("rw", "ro"),
  }),
  "verify-open": object({
    kind,
    pid,
    path: absolute,
    identity: text(LINE),
  }),
  "give-owner": object({ kind, given }),
  "return-owner": object({ kind, given }, { holder: pid }),
  "make-node": object({ kind, node }),
  "remove-node": object({ kind, node }, { holder: pid }),
  "make-tap": object({
    kind,
    tap: accessBy("tap"),
    queues: whole(1, 64),
    vnetHdr: word("on", "off"),
  }),
  "remove-tap": object({ kind, tap: accessBy("tap") }),
};

/** Hardly any operation has such steps: the rest is loaded when one runs. */
const owners = () => import("../host/disk_owner.ts");
const nodes = () => import("../host/chroot_node.ts");
const openings = () => import("../host/still_open.ts");

async function probe(
  { pid, path, identity, access }: ProbePathStep,
): Promise<string | undefined> {
  const { confinementText, readConfinement } = await import(
    "../host/confinement.ts"
  );
  const { openAsQemu, opensInTime } = await import("../host/reach.ts");
  const confinement = readConfinement({ pid, argv: [] });
  if (confinement === undefined) return `QEMU (pid ${pid}) has ended`;
  const wanted = { path, identity, access };
  const fault = await opensInTime(confinement, wanted) ??
    openAsQemu(confinement, wanted);
  return fault && `QEMU (${confinementText(confinement)}) cannot: ${fault}`;
}

const probePath: Verbs<ProbePathStep> = {
  async do(step) {
    const fault = await probe(step);
    if (fault === undefined) return;
    throw new HotplugError(
      "host-error",
      `Cannot let QEMU open ${step.path} itself: ${fault}`,
      { hint: "everything was undone" },
    );
  },
  async undo() {},
  async confirm(step) {
    return await probe(step) === undefined ? "done" : "not-done";
  },
  describe: ({ pid, path, access }) => ({
    step: "make sure that QEMU can open the disk by itself",
    qmp: null,
    host: `open ${path} ${
      access === "rw" ? "read-write" : "read-only"
    } below /proc/${pid}/root with QEMU's uid, groups and capabilities`,
    undo: null,
  }),
};

async function hasOpen({ pid, identity }: VerifyOpenStep): Promise<boolean> {
  const { holds } = await import("../host/process.ts");
  return holds(pid, identity);
}

/** Between the probe and QEMU's own open the path may have been replaced. */
const verifyOpen: Verbs<VerifyOpenStep> = {
  async do(step) {
    if (await hasOpen(step)) return;
    throw new HotplugError(
      "host-error",
      `QEMU opened another file at ${step.path} than the disk: it was replaced meanwhile`,
      { hint: "everything was undone" },
    );
  },
  async undo() {},
  async confirm(step) {
    return await hasOpen(step) ? "done" : "not-done";
  },
  describe: ({ pid, path }) => ({
    step: "make sure that QEMU opened the disk and no other file",
    qmp: null,
    host: `look for ${path} in /proc/${pid}/fd`,
    undo: null,
  }),
};

const giveOwner: Verbs<GiveOwnerStep> = {
  async do({ given }, world) {
    (await owners()).giveOwner(given, world.heldFd("source-pin"));
  },
  async undo({ given }, world) {
    (await owners()).returnOwner(given, world.heldFd("source-pin"));
  },
  async confirm({ given }) {
    const owner = (await owners()).ownerNow(given);
    return owner === given.to ? "done" : "not-done";
  },
  describe: ({ given: { path, from, to } }) => ({
    step: "give the disk to QEMU's user",
    qmp: null,
    host: `chown ${to} ${path}`,
    undo: `chown ${from} ${path}, if it is still the same file`,
  }),
};

const returnOwner: Verbs<ReturnOwnerStep> = {
  async do({ given, holder }, world) {
    const { isStillOpen, stillOpen } = await openings();
    if (isStillOpen(given, holder)) return world.leave(stillOpen(given));
    world.leave((await owners()).returnOwner(given));
  },
  async undo({ given }) {
    const { giveOwner, ownerNow } = await owners();
    if (ownerNow(given) === given.from) giveOwner(given);
  },
  async confirm({ given }) {
    const owner = (await owners()).ownerNow(given);
    // Not where it was: to do it says so, and does nothing.
    if (owner === undefined) return "unknown";
    return owner === given.to ? "not-done" : "done";
  },
  describe: ({ given: { path, from, to } }) => ({
    step: "give the disk back to its owner",
    qmp: null,
    host: `chown ${from} ${path}, if it is still the same file`,
    undo: `chown ${to} ${path}`,
  }),
};

function nodeText({ node }: MakeNodeStep | RemoveNodeStep): string {
  const { root, name, rdev, uid, kind, rootMode } = node;
  const [major, minor] = rdev.split(":");
  const passable = rootMode === null
    ? ""
    : `; chmod ${(rootMode | 0o011).toString(8)} ${root}`;
  const made = `mknod ${root}/${name} b ${major} ${minor}`;
  return `${
    kind === "node" ? made : `${made}, made in /dev and bind-mounted`
  }, owner ${uid}, mode 0600${passable}`;
}

function removalText({ node }: MakeNodeStep | RemoveNodeStep): string {
  const { root, name, kind, rootMode } = node;
  return `${kind === "bind" ? "unmount and " : ""}remove ${root}/${name}${
    rootMode === null ? "" : `; chmod ${rootMode.toString(8)} ${root}`
  }`;
}

const makeNode: Verbs<MakeNodeStep> = {
  async do({ node }) {
    (await nodes()).makeChrootNode(node);
  },
  async undo({ node }) {
    (await nodes()).removeChrootNode(node);
  },
  async confirm({ node }) {
    return (await nodes()).hasChrootNode(node) ? "done" : "not-done";
  },
  describe: (step) => ({
    step: "make a node of the disk in QEMU's root directory",
    qmp: null,
    host: nodeText(step),
    undo: removalText(step),
  }),
};

const removeNode: Verbs<RemoveNodeStep> = {
  async do({ node, holder }, world) {
    const { isStillOpen, stillOpen } = await openings();
    if (isStillOpen(node, holder)) return world.leave(stillOpen(node));
    world.leave((await nodes()).removeChrootNode(node));
  },
  async undo({ node }) {
    const { hasChrootNode, makeChrootNode } = await nodes();
    if (!hasChrootNode(node)) makeChrootNode(node);
  },
  async confirm({ node }) {
    return (await nodes()).hasNodeTraces(node) ? "not-done" : "done";
  },
  describe: (step) => ({
    step: "remove the disk's node from QEMU's root directory",
    qmp: null,
    host: removalText(step),
    undo: nodeText(step),
  }),
};

/** The verbs of the steps that let QEMU get at a disk by its path. */
export const accessVerbs = {
  "probe-path": probePath,
  "verify-open": verifyOpen,
  "give-owner": giveOwner,
  "return-owner": returnOwner,
  "make-node": makeNode,
  "remove-node": removeNode,
} as const;
