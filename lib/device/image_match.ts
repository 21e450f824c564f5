/**
 * Finds the open image of each block node of QEMU. QEMU tells only names, the
 * kernel tells only inodes. A result that follows from both for certain is a
 * proof; nothing else is. Pure.
 *
 * @module
 */

import type { Size } from "../qmp/reading.ts";

/** A node that opened a file or block device itself. */
export interface ProtocolNode {
  /** Node-name. */
  readonly name: string;
  /** The size in QEMU. */
  readonly sizeBytes: Size | undefined;
  /** The files of the fds in its fd set: only these can be its image. */
  readonly passed: readonly string[];
  /** The target of its path, undefined if it has no path or no target. */
  readonly seen: string | undefined;
  /** Whether the path must have led there already when QEMU opened it. */
  readonly steady: "yes" | "no";
  /** `idle`: no device and no job uses it, so it locks nothing. */
  readonly use?: "idle" | undefined;
}

/** An open image and its size. */
export interface MatchedImage {
  /** Inode or device number. */
  readonly identity: string;
  /** Undefined if it is unknown; it then fits every node. */
  readonly sizeBytes: number | undefined;
  /** Whether QEMU keeps a lock on it. */
  readonly lock?: "held" | undefined;
}

/** The result for one node's image. */
export type ImageProof =
  | { readonly identity: string }
  | { readonly why: string };

/** A file's size need not be a multiple of a sector; a node's size is. */
const SECTOR = 512;

/** A number holds whole sectors up to 4 EiB. */
function sectors(sizeBytes: Size): number {
  return Math.ceil(Number(sizeBytes) / SECTOR);
}

function fits(node: ProtocolNode, { sizeBytes }: MatchedImage): boolean {
  if (node.sizeBytes === undefined || sizeBytes === undefined) return true;
  return sectors(sizeBytes) === sectors(node.sizeBytes);
}

/**
 * Whether the size alone proves that this is the node's image. Nodes count too,
 * because an image that is open without a lock may be missing in the list.
 */
function isAlone(
  node: ProtocolNode,
  { image, nodes, images }: Evidence & { readonly image: MatchedImage },
): boolean {
  return !images.some((one) => one !== image && fits(node, one)) &&
    !nodes.some((one) => one !== node && fits(one, image));
}

/**
 * Whether an image can only belong to this node: it is locked, so a node in use
 * has it, and the images of the other nodes were passed to QEMU or have another
 * size. This is true after a mirror: its source is idle.
 */
function isOnlyTaker(
  node: ProtocolNode,
  { image, nodes }: Pick<Evidence, "nodes"> & { readonly image: MatchedImage },
): boolean {
  return image.lock === "held" &&
    !nodes.some((one) =>
      one !== node && one.use !== "idle" && one.passed.length !== 1 &&
      fits(one, image)
    );
}

/**
 * A rename can exchange two files, or two links, and leaves no trace in the
 * inodes.
 */
const EXCHANGED =
  "QEMU has two images of the same size open, and the path was changed after the VM was started, so it may lead to the wrong one";

/** The proof from the node's own data. */
function direct(
  node: ProtocolNode,
  { nodes, images }: Evidence,
): ImageProof {
  const [passed] = node.passed;
  if (node.passed.length === 1 && passed !== undefined) {
    return { identity: passed };
  }
  const { seen } = node;
  if (seen === undefined) {
    return { why: "QEMU does not tell which file it has open" };
  }
  const image = images.find(({ identity }) => identity === seen);
  if (image === undefined) {
    return { why: "its path leads to a different file than QEMU has open" };
  }
  if (!fits(node, image)) {
    return { why: "its path leads to a file of a different size" };
  }
  if (nodes.some((one) => one !== node && one.seen === seen)) {
    return { why: "the paths of two disks lead to the same file" };
  }
  const isCertain = node.steady === "yes" ||
    isAlone(node, { image, nodes, images }) ||
    isOnlyTaker(node, { image, nodes });
  if (!isCertain) return { why: EXCHANGED };
  return { identity: seen };
}

/** The data on which all proofs rest. */
export interface Evidence {
  /** All nodes of QEMU that opened a file or device themselves. */
  readonly nodes: readonly ProtocolNode[];
  /** All images that QEMU has open. */
  readonly images: readonly MatchedImage[];
}

/**
 * Proves by elimination: as many nodes as images are left, so each node has one
 * of them, and only one image has the node's size.
 */
function eliminate(
  proofs: Map<string, ImageProof>,
  { nodes, images }: Evidence,
) {
  const proven = new Set(
    [...proofs.values()].flatMap((one) =>
      "identity" in one ? [one.identity] : []
    ),
  );
  const open = nodes.filter(({ name }) => {
    const proof = proofs.get(name);
    return proof !== undefined && "why" in proof;
  });
  const left = images.filter(({ identity }) => !proven.has(identity));
  if (open.length !== left.length) return;
  for (const node of open) {
    const [image, ...others] = left.filter((one) => fits(node, one));
    if (image === undefined || others.length > 0) continue;
    if (node.seen !== undefined && node.seen !== image.identity) continue;
    if (open.filter((one) => fits(one, image)).length > 1) continue;
    proofs.set(node.name, { identity: image.identity });
  }
}

/** The proof for each node, by its name. */
export function matchImages(evidence: Evidence): Map<string, ImageProof> {
  const proofs = new Map(
    evidence.nodes.map((node) => [node.name, direct(node, evidence)] as const),
  );
  eliminate(proofs, evidence);
  return proofs;
}
