/**
 * The disks of a live QEMU, each with the file it is proven to have open.
 *
 * @module
 */

import { frontendId } from "../device/backend.ts";
import {
  type ImageProof,
  matchImages,
  type ProtocolNode,
} from "../device/image_match.ts";
import { identitiesAt } from "../host/identity.ts";
import { type OpenImage, openImages } from "../host/open_images.ts";
import { identityOfFd, type QemuProcess } from "../host/process.ts";
import { startOf } from "../host/process_identity.ts";
import { seenBy, type SeenPath, startedAtMs } from "../host/seen_path.ts";
import { BLOCK_GRAPH, type BlockGraph, dataNodes } from "../qmp/block_graph.ts";
import type { QmpSession } from "../qmp/client.ts";
import type { BlockBackend } from "../qmp/commands.ts";
import {
  FDSET_FDS,
  NAMED_NODES,
  type NamedNode,
} from "../qmp/block_queries.ts";
import { ask, askAll } from "../qmp/query.ts";
import type { QemuFacts } from "../plan/facts.ts";

/** The file or block device that a disk of QEMU has open. */
export interface OpenSource {
  /** Inode or device number: {@linkcode identityOf}. */
  readonly identity: string;
  /** Decides Ganeti's `dev_type`. */
  readonly kind: "file" | "block";
  /** Leads there now; QEMU's own word for it if that does. */
  readonly path: string;
  /** The same without links. */
  readonly resolved: string;
  /** Of the file or device now; undefined if it cannot be told. */
  readonly sizeBytes?: number | undefined;
}

/** A disk of a live QEMU. */
export interface LiveDisk {
  /** `qdev` of query-block. */
  readonly qdev: string;
  /** Device id, undefined if it was given none. */
  readonly id: string | undefined;
  /** What the guest's requests go through. */
  readonly backend: BlockBackend;
  /** Block drivers from the top down, e.g. `throttle`, `raw`, `file`. */
  readonly drivers: readonly string[];
  /** O_DIRECT, as the topmost node has it. */
  readonly direct: boolean;
  /** Whether the guest must not write. */
  readonly readOnly: boolean;
  /** Node-names from the top down. */
  readonly nodes: readonly string[];
  /** What is proven to be open, or why nothing is. */
  readonly source: OpenSource | { readonly why: string };
}

/** Block drivers that open a file or block device themselves. */
const PROTOCOLS = ["file", "host_device"];

/** Deno tells ctime in whole seconds, rounded down, as old file systems do. */
const CLOCK_STEP_MS = 1000;

const FDSET = /^\/dev\/fdset\/(\d+)$/;

interface Host {
  readonly process: QemuProcess;
  readonly startedMs: number;
  readonly images: readonly OpenImage[];
  readonly fdsets: ReadonlyMap<number, readonly number[]>;
}

function passedTo({ file }: NamedNode, { process, fdsets }: Host): string[] {
  const set = FDSET.exec(file)?.[1];
  const fds = set === undefined ? [] : fdsets.get(Number(set)) ?? [];
  const found = fds.flatMap((fd) => identityOfFd(process.pid, fd) ?? []);
  return [...new Set(found)];
}

async function protocolNode(
  node: NamedNode,
  host: Host,
): Promise<ProtocolNode> {
  const { name, file, sizeBytes } = node;
  const isPath = file.startsWith("/") && !FDSET.test(file);
  const { identity: seen, changedMs }: SeenPath = isPath
    ? await seenBy(host.process.pid, file)
    : { identity: undefined, changedMs: Infinity };
  return {
    name,
    sizeBytes,
    passed: passedTo(node, host),
    seen,
    steady: changedMs < host.startedMs - CLOCK_STEP_MS ? "yes" : "no",
  };
}

/** The path under which this node finds what is open. */
function sourceOf(
  identity: string,
  file: string,
  { images, leads }: Known,
): OpenSource | { readonly why: string } {
  const image = images.find((one) => one.identity === identity);
  if (image === undefined) return { why: "QEMU does not have it open" };
  const resolved = image.path;
  const path = [file, resolved].find((one) => leads.get(one) === identity);
  if (path === undefined) {
    return { why: `no path of this node leads to it: it was ${resolved}` };
  }
  const { kind, sizeBytes } = image;
  return { identity, kind, path, resolved, sizeBytes };
}

interface Known {
  readonly nodes: ReadonlyMap<string, NamedNode>;
  readonly graph: BlockGraph;
  readonly proofs: ReadonlyMap<string, ImageProof>;
  readonly images: readonly OpenImage[];
  /** What paths of this node lead to: `identityOf`. */
  readonly leads: ReadonlyMap<string, string | undefined>;
}

/** Follows all paths by which this node may find what is open. */
async function followAll(
  nodes: readonly NamedNode[],
  images: readonly OpenImage[],
): Promise<Known["leads"]> {
  const all = [
    ...nodes.map(({ file }) => file),
    ...images.map(({ path }) => path),
  ];
  const paths = [...new Set(all)].filter((one) => one.startsWith("/"));
  const identities = await identitiesAt(paths);
  return new Map(paths.map((path, i) => [path, identities[i]]));
}

function openedBy(names: readonly string[], known: Known) {
  const last = known.nodes.get(names.at(-1) ?? "");
  if (last === undefined || !PROTOCOLS.includes(last.driver)) {
    return { why: "it is no file or block device of this node" };
  }
  const proof = known.proofs.get(last.name);
  if (proof === undefined || "why" in proof) {
    return proof ?? { why: "nothing tells what it has open" };
  }
  return sourceOf(proof.identity, last.file, known);
}

function liveDisk(backend: BlockBackend, known: Known): LiveDisk {
  const names = dataNodes(known.graph, backend.nodeName);
  const top = known.nodes.get(backend.nodeName);
  return {
    qdev: backend.qdev,
    id: frontendId(backend.qdev),
    backend,
    drivers: names.flatMap((name) => known.nodes.get(name)?.driver ?? []),
    direct: top?.direct ?? false,
    readOnly: top?.readOnly ?? false,
    nodes: names,
    source: openedBy(names, known),
  };
}

/**
 * Looks at all disks that a device of QEMU has.
 *
 * @param process whose open files are looked at
 */
export async function readLiveDisks(
  qmp: QmpSession,
  qemu: QemuFacts,
  process: QemuProcess,
): Promise<LiveDisk[]> {
  const asked = await askAll(qmp, { nodes: NAMED_NODES, fdsets: FDSET_FDS });
  const graph = qemu.commands.has(BLOCK_GRAPH.execute)
    ? await ask(qmp, BLOCK_GRAPH)
    : { nodes: [], edges: [] };
  const images = await openImages(process.pid);
  const startedMs = startedAtMs(startOf(process.pid) ?? 0);
  const host: Host = { process, startedMs, images, fdsets: asked.fdsets };
  const files = asked.nodes.filter(({ driver }) => PROTOCOLS.includes(driver));
  const proofs = matchImages({
    nodes: await Promise.all(files.map((node) => protocolNode(node, host))),
    images,
  });
  const leads = await followAll(files, images);
  const nodes = new Map(asked.nodes.map((node) => [node.name, node]));
  return qemu.block.filter(({ qdev, nodeName }) =>
    qdev !== "" && nodeName !== ""
  )
    .map((backend) =>
      liveDisk(backend, { nodes, graph, proofs, images, leads })
    );
}
