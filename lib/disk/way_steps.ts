/**
 * The steps by which QEMU can open a disk by its path, and the notes of their
 * changes; as plain JSON.
 *
 * @module
 */

import { HotplugError } from "../errors.ts";
import { FOR_QEMU, ON_NODE, stepCheck } from "../engine/verbs.ts";
import { defineLook, defineStep } from "../engine/world.ts";
import type { ChrootNode } from "../host/access_record.ts";
import {
  hasChrootNode,
  hasNodeTraces,
  makeChrootNode,
  removeChrootNode,
} from "../host/chroot_node.ts";
import { confinementText, readConfinement } from "../host/confinement.ts";
import { giveOwner, ownerNow, returnOwner } from "../host/disk_owner.ts";
import { holds } from "../host/process.ts";
import { openAsQemu, opensInTime } from "../host/reach.ts";
import { isStillOpen, stillOpen } from "../host/still_open.ts";
import {
  absolute,
  LINE,
  type Of,
  text,
  whole,
  word,
} from "../state/value_check.ts";
import { chrootNode, givenOwner } from "./note.ts";

const opened = {
  // QEMU's pid.
  pid: whole(1, 2 ** 22),
  // The path that QEMU opens, below its own root directory.
  path: absolute,
  // The identity that must be found there: {@linkcode identityOf}.
  identity: text(LINE),
};
const given = givenOwner;
const node = chrootNode;
// A process: while it has the disk open, nothing is undone.
const holder = whole(1, 2 ** 22);

const checkProbe = stepCheck("probe-path", {
  ...opened,
  access: word("rw", "ro"),
});
const checkVerify = stepCheck("verify-open", opened);
const checkGive = stepCheck("give-owner", { given });
const checkReturn = stepCheck("return-owner", { given }, { holder });
const checkMake = stepCheck("make-node", { node });
const checkRemove = stepCheck("remove-node", { node }, { holder });

async function probe(
  { pid, path, identity, access }: Of<typeof checkProbe>,
): Promise<string | undefined> {
  const confinement = readConfinement({ pid, argv: [] });
  if (confinement === undefined) return `QEMU (pid ${pid}) has ended`;
  const wanted = { path, identity, access };
  const fault = await opensInTime(confinement, wanted) ??
    openAsQemu(confinement, wanted);
  return fault && `QEMU (${confinementText(confinement)}) cannot: ${fault}`;
}

const PROBE_PATH_STEP = defineLook({
  check: checkProbe,
  async fault(step) {
    const fault = await probe(step);
    return fault === undefined ? undefined : new HotplugError(
      "host-error",
      `Cannot let QEMU open ${step.path} itself: ${fault}`,
      { hint: "everything was undone" },
    );
  },
  describe: ({ pid, path, access }) => ({
    step: "make sure that QEMU can open the disk itself",
    host: `open ${path} ${
      access === "rw" ? "read-write" : "read-only"
    } below /proc/${pid}/root with QEMU's uid, groups and capabilities`,
  }),
});

const VERIFY_OPEN_STEP = defineLook({
  check: checkVerify,
  fault: ({ pid, path, identity }) =>
    holds(pid, identity) ? undefined : new HotplugError(
      "host-error",
      `QEMU opened a different file: ${path} was replaced while the disk was added`,
      { hint: "everything was undone" },
    ),
  describe: ({ pid, path }) => ({
    step: "make sure that QEMU opened the disk and no other file",
    host: `look for ${path} in /proc/${pid}/fd`,
  }),
});

const GIVE_OWNER_STEP = defineStep({
  check: checkGive,
  traits: () => FOR_QEMU,
  async do({ given }, world) {
    await giveOwner(given, world.heldFd("source-pin"));
  },
  async undo({ given }, world) {
    await returnOwner(given, world.heldFd("source-pin"));
  },
  confirm: async ({ given }) => await ownerNow(given) === given.to,
  describe: ({ given: { path, from, to } }) => ({
    step: "give the disk to QEMU's user",
    host: `chown ${to} ${path}`,
    undo: `chown ${from} ${path}, if it is still the same file`,
  }),
});

const RETURN_OWNER_STEP = defineStep({
  check: checkReturn,
  traits: () => ON_NODE,
  async do({ given, holder }, world) {
    if (isStillOpen(given, holder)) return world.leave(stillOpen(given));
    world.leave(await returnOwner(given));
  },
  async undo({ given }) {
    if (await ownerNow(given) === given.from) await giveOwner(given);
  },
  async confirm({ given }) {
    const owner = await ownerNow(given);
    // Not at its path any more: the undo says so, and does nothing.
    return owner === undefined ? "unknown" : owner !== given.to;
  },
  describe: ({ given: { path, from, to } }) => ({
    step: "give the disk back to its owner",
    host: `chown ${from} ${path}, if it is still the same file`,
    undo: `chown ${to} ${path}`,
  }),
});

function nodeText(
  { root, name, rdev, uid, kind, rootMode }: ChrootNode,
): string {
  const [major, minor] = rdev.split(":");
  const passable = rootMode === null
    ? ""
    : `; chmod ${(rootMode | 0o011).toString(8)} ${root}`;
  const made = `mknod ${root}/${name} b ${major} ${minor}`;
  return `${
    kind === "node" ? made : `${made}, made in /dev and bind-mounted`
  }, owner ${uid}, mode 0600${passable}`;
}

function removalText({ root, name, kind, rootMode }: ChrootNode): string {
  return `${kind === "bind" ? "unmount and " : ""}remove ${root}/${name}${
    rootMode === null ? "" : `; chmod ${rootMode.toString(8)} ${root}`
  }`;
}

const MAKE_NODE_STEP = defineStep({
  check: checkMake,
  traits: () => FOR_QEMU,
  do: ({ node }) => makeChrootNode(node),
  undo({ node }) {
    removeChrootNode(node);
  },
  confirm: ({ node }) => hasChrootNode(node),
  describe: ({ node }) => ({
    step: "make a device node for the disk in QEMU's root directory",
    host: nodeText(node),
    undo: removalText(node),
  }),
});

const REMOVE_NODE_STEP = defineStep({
  check: checkRemove,
  traits: () => ON_NODE,
  do({ node, holder }, world) {
    if (isStillOpen(node, holder)) return world.leave(stillOpen(node));
    world.leave(removeChrootNode(node));
  },
  undo({ node }) {
    if (!hasChrootNode(node)) makeChrootNode(node);
  },
  confirm: ({ node }) => !hasNodeTraces(node),
  describe: ({ node }) => ({
    step: "remove the disk's device node from QEMU's root directory",
    host: removalText(node),
    undo: nodeText(node),
  }),
});

/** The kinds of these steps. */
export const WAY_STEPS = [
  PROBE_PATH_STEP,
  VERIFY_OPEN_STEP,
  GIVE_OWNER_STEP,
  RETURN_OWNER_STEP,
  MAKE_NODE_STEP,
  REMOVE_NODE_STEP,
];
