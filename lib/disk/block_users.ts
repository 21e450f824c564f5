/**
 * Other users of the block nodes of a disk. QEMU removes the disk's device
 * anyway, keeps the nodes, and refuses to delete them. Therefore the users are
 * checked before anything is changed.
 *
 * @module
 */

import { backendOf, frontendId } from "../device/backend.ts";
import { HotplugError } from "../errors.ts";
import type { Facts } from "../plan/facts.ts";
import {
  BLOCK_GRAPH,
  type BlockGraph,
  type GraphNode,
  reachedFrom,
} from "../qmp/block_graph.ts";
import {
  BLOCK_EXPORTS,
  BLOCK_JOBS,
  type BlockExport,
  type BlockJob,
} from "../qmp/block_queries.ts";
import type { QmpSession } from "../qmp/client.ts";
import type { BlockBackend } from "../qmp/commands.ts";
import { askAll } from "../qmp/query.ts";
import { commandLine } from "../state/instance.ts";

/** QEMU's answers about users of block nodes. */
export interface BlockUsers {
  /** Empty if QEMU does not tell it. */
  readonly graph: BlockGraph;
  /** Mirrors, backups, streams, … */
  readonly jobs: readonly BlockJob[];
  /** NBD, vhost-user-blk, FUSE. */
  readonly exports: readonly BlockExport[];
}

const NOBODY: BlockUsers = {
  graph: { nodes: [], edges: [] },
  jobs: [],
  exports: [],
};

/** Asks for all of them at once. */
export async function readBlockUsers(
  { qemu: { commands } }: Pick<Facts, "qemu">,
  qmp: QmpSession,
): Promise<BlockUsers> {
  if (!commands.has(BLOCK_JOBS.execute)) return NOBODY;
  return await askAll(qmp, {
    graph: BLOCK_GRAPH,
    jobs: BLOCK_JOBS,
    exports: BLOCK_EXPORTS,
  });
}

/** Facts about users of block nodes. */
interface UserFacts extends Pick<Facts, "qemu" | "paths"> {
  readonly users: BlockUsers;
}

/** The disk that may have users. */
interface UsedDisk {
  /** Device id, or the name of its block backend. */
  readonly id: string;
  /** @default the backend of the device with this id */
  readonly live?: BlockBackend | undefined;
}

/** A user, and the command that ends it. */
interface User {
  readonly who: string;
  readonly end: readonly string[] | undefined;
}

/**
 * The topmost nodes of a disk: the backend of its device, else the named node.
 * A released device leaves QEMU's tree some milliseconds before it gives up its
 * node: until then its backend has no name.
 */
function rootsOf(
  { qemu, users: { graph: { nodes, edges } } }: UserFacts,
  { id, live = backendOf(qemu.block, id) }: UsedDisk,
): GraphNode[] {
  const own = nodes.filter(({ type, name }) =>
    type === "block-backend" && name !== "" &&
    (frontendId(name) === id || name === live?.device || name === live?.qdev)
  );
  if (own.length > 0) return own;
  const top = live?.nodeName || id;
  const named = nodes.filter(({ type, name }) =>
    type === "block-driver" && name === top
  );
  const above = new Set(
    edges.filter(({ child }) => named.some((one) => one.id === child))
      .map(({ parent }) => parent),
  );
  const leaving = nodes.filter(({ id, type, name }) =>
    type === "block-backend" && name === "" && above.has(id)
  );
  return [...named, ...leaving];
}

function jobUser({ id, type }: BlockJob): User {
  const who = `block job ${id} (${type})`;
  return { who, end: ["block-job-cancel", `device=${id}`] };
}

/** The jobs above these nodes. */
function jobsOn(
  { graph, jobs }: BlockUsers,
  nodes: ReadonlySet<number>,
): User[] {
  // Without the graph any of them may use the nodes.
  if (graph.nodes.length === 0) return jobs.map(jobUser);
  const ids = new Set(
    graph.edges.filter(({ child }) => nodes.has(child))
      .map(({ parent }) => parent),
  );
  const names = graph.nodes.filter(({ type, id }) =>
    type === "block-job" && ids.has(id)
  ).map(({ name }) => name);
  return names.map((name) =>
    jobUser(jobs.find(({ id }) => id === name) ?? { id: name, type: "job" })
  );
}

/** Other users above the topmost node of the disk. */
function othersOn(
  { graph }: BlockUsers,
  roots: readonly GraphNode[],
  nodes: ReadonlySet<number>,
): User[] {
  const own = new Set(roots.map(({ id }) => id));
  const tops = new Set(
    roots.flatMap(({ type, id }) =>
      type === "block-driver" ? [id] : graph.edges
        .filter(({ parent }) => parent === id).map(({ child }) => child)
    ),
  );
  const above = new Set(
    graph.edges.filter(({ child, parent }) =>
      tops.has(child) && !own.has(parent) && !nodes.has(parent)
    ).map(({ parent }) => parent),
  );
  return graph.nodes.filter(({ id }) => above.has(id)).map(({ type, name }) => {
    const kind = type === "block-driver" ? "block node" : "device";
    const who = name === "" ? "a node without a name" : `${kind} ${name}`;
    return { who, end: undefined };
  });
}

/** The other users of a disk's nodes. */
function usersOf(facts: UserFacts, disk: UsedDisk): User[] {
  const { users } = facts;
  const { graph, exports } = users;
  const { id } = disk;
  const roots = rootsOf(facts, disk);
  const reached = reachedFrom(graph, roots);
  const nodes = new Set(reached.map((one) => one.id));
  const names = new Set([id, ...reached.map(({ name }) => name)]);
  const exported = exports.filter(({ node }) => names.has(node))
    .map(({ id, type }) => ({
      who: `${type} export ${id}`,
      end: ["block-export-del", `id=${id}`],
    }));
  const found = [...jobsOn(users, nodes), ...exported];
  return found.length > 0 ? found : othersOn(users, roots, nodes);
}

/**
 * Refuses a change that QEMU would refuse, or that would not be finished.
 *
 * @param disk.what for the message: `remove disk 1`
 * @throws {HotplugError} `in-use` if the disk's nodes have another user
 */
export function refuseUsed(
  facts: UserFacts,
  { what, ...disk }: UsedDisk & { readonly what: string },
): void {
  const [user] = usersOf(facts, disk);
  if (user === undefined) return;
  const { who, end } = user;
  throw new HotplugError(
    "in-use",
    `Cannot ${what}: QEMU's ${who} uses its block node`,
    {
      hint: end === undefined
        ? "end this use first"
        : `wait until it ends; to end it now, run: ${
          commandLine(facts.paths, "qmp", facts.paths.name, ...end)
        }`,
    },
  );
}
