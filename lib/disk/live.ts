/**
 * The disks of a live QEMU, each with its proven open file.
 *
 * @module
 */

import { frontendId, isFirmware } from "../device/backend.ts";
import {
  type ImageProof,
  matchImages,
  type ProtocolNode,
} from "../device/image_match.ts";
import { identityAt } from "../host/identity.ts";
import type { OpenImage } from "../host/open_images.ts";
import { identityOfFd, type QemuProcess } from "../host/process.ts";
import { startOf } from "../host/process_identity.ts";
import { seenBy, type SeenPath, startedAtMs } from "../host/seen_path.ts";
import {
  BLOCK_GRAPH,
  type BlockGraph,
  dataNodes,
  reachedFrom,
} from "../qmp/block_graph.ts";
import type { QmpSession } from "../qmp/client.ts";
import type { BlockBackend } from "../qmp/commands.ts";
import {
  FDSET_FDS,
  fdsetIn,
  NAMED_NODES,
  type NamedNode,
  PROTOCOLS,
} from "../qmp/block_queries.ts";
import { ask, askAll } from "../qmp/query.ts";
import type { QemuFacts } from "../plan/facts.ts";

/** The file or block device that a disk of QEMU has open. */
export interface OpenSource {
  /** Inode or device number: {@linkcode identityOf}. */
  readonly identity: string;
  /** Decides Ganeti's `dev_type`. */
  readonly kind: "file" | "block";
  /** A path that leads there now; QEMU's own path if it does. */
  readonly path: string;
  /** The same path without links. */
  readonly resolved: string;
  /** The present size of the file or device; undefined if it is unknown. */
  readonly sizeBytes?: number | undefined;
}

/** A disk of a live QEMU. */
export interface LiveDisk {
  /** `qdev` of query-block. */
  readonly qdev: string;
  /** Device id, undefined if it has none. */
  readonly id: string | undefined;
  /** The backend for the guest's requests. */
  readonly backend: BlockBackend;
  /** Block drivers from the top down, e.g. `throttle`, `raw`, `file`. */
  readonly drivers: readonly string[];
  /** O_DIRECT, by the topmost node. */
  readonly direct: boolean;
  /** Whether the guest must not write. */
  readonly readOnly: boolean;
  /** Node-names from the top down. */
  readonly nodes: readonly string[];
  /** The proven open file, or why there is no proof. */
  readonly source: OpenSource | { readonly why: string };
}

/** Nodes that pass on the data below them. */
const PLAIN = ["raw", "throttle", "copy-on-read", "copy-before-write"];

/** Block driver of the image format, undefined if the guest reads raw data. */
export function imageFormat(
  { drivers }: Pick<LiveDisk, "drivers">,
): string | undefined {
  return drivers.slice(0, -1).find((one) => !PLAIN.includes(one));
}

/** Deno tells ctime in whole seconds, rounded down, like old file systems. */
const CLOCK_STEP_MS = 1000;

interface Host {
  readonly process: QemuProcess;
  readonly startedMs: number;
  readonly fdsets: ReadonlyMap<number, readonly number[]>;
  /** Names of the nodes that a device or a job uses; undefined: unknown. */
  readonly inUse: ReadonlySet<string> | undefined;
}

function passedTo({ file }: NamedNode, { process, fdsets }: Host): string[] {
  const set = fdsetIn(file);
  const fds = set === undefined ? [] : fdsets.get(set) ?? [];
  const found = fds.flatMap((fd) => identityOfFd(process.pid, fd) ?? []);
  return [...new Set(found)];
}

async function protocolNode(
  node: NamedNode,
  host: Host,
): Promise<ProtocolNode> {
  const { name, file, sizeBytes } = node;
  const isPath = file.startsWith("/") && fdsetIn(file) === undefined;
  const { identity: seen, changedMs }: SeenPath = isPath
    ? await seenBy(host.process.pid, file)
    : { identity: undefined, changedMs: Infinity };
  return {
    name,
    sizeBytes,
    passed: passedTo(node, host),
    seen,
    steady: changedMs < host.startedMs - CLOCK_STEP_MS ? "yes" : "no",
    ...(host.inUse?.has(name) === false && { use: "idle" }),
  };
}

/**
 * Names of the nodes below a device or a job; undefined: the graph is unknown.
 */
function usedIn(graph: BlockGraph): ReadonlySet<string> | undefined {
  const users = graph.nodes.filter(({ type }) => type !== "block-driver");
  if (users.length === 0) return undefined;
  return new Set(reachedFrom(graph, users).map(({ name }) => name));
}

interface Known {
  readonly nodes: ReadonlyMap<string, NamedNode>;
  readonly graph: BlockGraph;
  readonly proofs: ReadonlyMap<string, ImageProof>;
  readonly images: readonly OpenImage[];
}

/** A path of this node to the open file. */
async function sourceOf(
  identity: string,
  file: string,
  { images }: Known,
): Promise<LiveDisk["source"]> {
  const image = images.find((one) => one.identity === identity);
  if (image === undefined) return { why: "QEMU does not have it open" };
  const { path: resolved, kind, sizeBytes } = image;
  for (const path of [file, resolved]) {
    if (!path.startsWith("/")) continue;
    if (await identityAt(path) !== identity) continue;
    return { identity, kind, path, resolved, sizeBytes };
  }
  return { why: `its path ${resolved} does not exist any more` };
}

async function openedBy(
  names: readonly string[],
  known: Known,
): Promise<LiveDisk["source"]> {
  const last = known.nodes.get(names.at(-1) ?? "");
  if (last === undefined || !PROTOCOLS.includes(last.driver)) {
    return { why: "it is not a file or block device on this node" };
  }
  const proof = known.proofs.get(last.name);
  if (proof === undefined || "why" in proof) {
    return proof ??
      { why: "kvm-hotplug cannot tell which file or device it uses" };
  }
  return await sourceOf(proof.identity, last.file, known);
}

async function liveDisk(
  backend: BlockBackend,
  known: Known,
): Promise<LiveDisk> {
  const names = dataNodes(known.graph, backend.nodeName);
  return {
    qdev: backend.qdev,
    id: frontendId(backend.qdev),
    backend,
    drivers: names.flatMap((name) => known.nodes.get(name)?.driver ?? []),
    direct: backend.cache?.direct ?? false,
    readOnly: backend.readOnly ?? false,
    nodes: names,
    source: await openedBy(names, known),
  };
}

/**
 * Reads all disks with a device of QEMU.
 *
 * @param images the open images of the process
 */
export async function readLiveDisks(
  qmp: QmpSession,
  { commands, block }: QemuFacts,
  { process, images }: {
    readonly process: QemuProcess;
    readonly images: readonly OpenImage[];
  },
): Promise<LiveDisk[]> {
  const asked = await askAll(qmp, { nodes: NAMED_NODES, fdsets: FDSET_FDS });
  const graph = commands.has(BLOCK_GRAPH.execute)
    ? await ask(qmp, BLOCK_GRAPH)
    : { nodes: [], edges: [] };
  const startedMs = startedAtMs(startOf(process.pid) ?? 0);
  const { fdsets } = asked;
  const host: Host = { process, startedMs, fdsets, inUse: usedIn(graph) };
  const files = asked.nodes.filter(({ driver }) => PROTOCOLS.includes(driver));
  const proofs = matchImages({
    nodes: await Promise.all(files.map((node) => protocolNode(node, host))),
    images,
  });
  const nodes = new Map(asked.nodes.map((node) => [node.name, node]));
  const known = { nodes, graph, proofs, images };
  const used = block.filter((one) =>
    one.qdev !== "" && one.nodeName !== "" && !isFirmware(one)
  );
  return await Promise.all(used.map((backend) => liveDisk(backend, known)));
}
