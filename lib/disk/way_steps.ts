/**
 * The steps that let QEMU get at a disk by its path, and note what that
 * changed; as plain JSON.
 *
 * @module
 */

import {
  absolute,
  LINE,
  shape,
  text,
  whole,
  word,
} from "../state/value_check.ts";
import { defineStep, type StepKind } from "../engine/world.ts";
import { HotplugError } from "../errors.ts";
import type { ChrootNode, GivenOwner } from "../host/access_record.ts";
import { chrootNode, givenOwner } from "./note.ts";
import { FOR_QEMU, LOOK_AT_QEMU, ON_NODE } from "../engine/verbs.ts";

/** Makes sure that QEMU can open a disk by its path. */
export interface ProbePathStep {
  /** {@linkcode PROBE_PATH_STEP}. */
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
  /** {@linkcode VERIFY_OPEN_STEP}. */
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
  /** {@linkcode GIVE_OWNER_STEP}. */
  readonly kind: "give-owner";
  /** What was recorded before. */
  readonly given: GivenOwner;
}

/** Gives a disk back to whom it was taken from. */
export interface ReturnOwnerStep {
  /** {@linkcode RETURN_OWNER_STEP}. */
  readonly kind: "return-owner";
  /** What was recorded when it was given. */
  readonly given: GivenOwner;
  /** A process: as long as it has the disk open, nothing is given back. */
  readonly holder?: number;
}

/** Makes a node of a block device in QEMU's root directory. */
export interface MakeNodeStep {
  /** {@linkcode MAKE_NODE_STEP}. */
  readonly kind: "make-node";
  /** What was recorded before. */
  readonly node: ChrootNode;
}

/** Removes such a node. */
export interface RemoveNodeStep {
  /** {@linkcode REMOVE_NODE_STEP}. */
  readonly kind: "remove-node";
  /** What was recorded when it was made. */
  readonly node: ChrootNode;
  /** A process: as long as it has the disk open, the node stays. */
  readonly holder?: number;
}

/** A step that lets QEMU get at a disk by its path, or ends that. */
export type WayStep =
  | ProbePathStep
  | VerifyOpenStep
  | GiveOwnerStep
  | ReturnOwnerStep
  | MakeNodeStep
  | RemoveNodeStep;

const pid = whole(1, 2 ** 22);

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

/** The step that makes sure that QEMU can open a disk by its path. */
export const PROBE_PATH_STEP: StepKind = defineStep<ProbePathStep>({
  kind: "probe-path",
  check: () =>
    shape({
      pid,
      path: absolute,
      identity: text(LINE),
      access: word("rw", "ro"),
    }),
  traits: () => LOOK_AT_QEMU,
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
});

async function hasOpen({ pid, identity }: VerifyOpenStep): Promise<boolean> {
  const { holds } = await import("../host/process.ts");
  return holds(pid, identity);
}

/** The step that makes sure that QEMU opened the disk. */
export const VERIFY_OPEN_STEP: StepKind = defineStep<VerifyOpenStep>({
  kind: "verify-open",
  check: () => shape({ pid, path: absolute, identity: text(LINE) }),
  traits: () => LOOK_AT_QEMU,
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
});

/** The step that gives a disk to QEMU's user. */
export const GIVE_OWNER_STEP: StepKind = defineStep<GiveOwnerStep>({
  kind: "give-owner",
  check: () => shape({ given: givenOwner }),
  traits: () => FOR_QEMU,
  async do({ given }, world) {
    await (await owners()).giveOwner(given, world.heldFd("source-pin"));
  },
  async undo({ given }, world) {
    await (await owners()).returnOwner(given, world.heldFd("source-pin"));
  },
  async confirm({ given }) {
    const owner = await (await owners()).ownerNow(given);
    return owner === given.to ? "done" : "not-done";
  },
  describe: ({ given: { path, from, to } }) => ({
    step: "give the disk to QEMU's user",
    qmp: null,
    host: `chown ${to} ${path}`,
    undo: `chown ${from} ${path}, if it is still the same file`,
  }),
});

/** The step that gives a disk back. */
export const RETURN_OWNER_STEP: StepKind = defineStep<ReturnOwnerStep>({
  kind: "return-owner",
  check: () => shape({ given: givenOwner }, { holder: pid }),
  traits: () => ON_NODE,
  async do({ given, holder }, world) {
    const { isStillOpen, stillOpen } = await openings();
    if (isStillOpen(given, holder)) return world.leave(stillOpen(given));
    world.leave(await (await owners()).returnOwner(given));
  },
  async undo({ given }) {
    const { giveOwner, ownerNow } = await owners();
    if (await ownerNow(given) === given.from) await giveOwner(given);
  },
  async confirm({ given }) {
    const owner = await (await owners()).ownerNow(given);
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
});

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

/** The step that makes a node in QEMU's root directory. */
export const MAKE_NODE_STEP: StepKind = defineStep<MakeNodeStep>({
  kind: "make-node",
  check: () => shape({ node: chrootNode }),
  traits: () => FOR_QEMU,
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
});

/** The step that removes such a node. */
export const REMOVE_NODE_STEP: StepKind = defineStep<RemoveNodeStep>({
  kind: "remove-node",
  check: () => shape({ node: chrootNode }, { holder: pid }),
  traits: () => ON_NODE,
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
});
