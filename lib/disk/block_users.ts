/**
 * Who else uses the block nodes of a disk. QEMU lets the disk's device go all
 * the same, keeps the nodes, and refuses what is done to them: so this is asked
 * before anything is changed.
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
import { askAll } from "../qmp/query.ts";
import { commandLine } from "../state/instance.ts";

/** What QEMU tells of those who use block nodes. */
export interface BlockUsers {
  /** Empty if QEMU does not tell of it. */
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

/** What tells who uses block nodes. */
interface UserFacts extends Pick<Facts, "qemu" | "paths"> {
  readonly users: BlockUsers;
}

/** A user, and the command that makes an end of it. */
interface User {
  readonly who: string;
  readonly end: readonly string[] | undefined;
}

/**
 * Where a disk's nodes begin: its device's own end, else the named node. A
 * device that the guest has released leaves QEMU's tree some milliseconds
 * before it gives its node up: until then its end has no name.
 */
function rootsOf(
  { qemu, users: { graph: { nodes, edges } } }: UserFacts,
  id: string,
): GraphNode[] {
  const live = backendOf(qemu.block, id);
  const own = nodes.filter(({ type, name }) =>
    type === "block-backend" && name !== "" &&
    (frontendId(name) === id || name === live?.device)
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

/** The jobs among those that have one of these nodes under them. */
function jobsOn(
  { graph, jobs }: BlockUsers,
  nodes: ReadonlySet<number>,
): User[] {
  // Without the graph any of them may be the one.
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

/** What else lies above the node that the disk begins with. */
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

/** Who uses a disk's nodes beside it. */
function usersOf(facts: UserFacts, id: string): User[] {
  const { users } = facts;
  const { graph, exports } = users;
  const roots = rootsOf(facts, id);
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
 * Refuses what QEMU would not let be done, or not be finished.
 *
 * @param disk.id device id
 * @param disk.what for the message: `remove disk 1`
 * @throws {HotplugError} `in-use` if somebody else uses the disk's nodes
 */
export function refuseUsed(
  facts: UserFacts,
  { id, what }: { readonly id: string; readonly what: string },
): void {
  const [user] = usersOf(facts, id);
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
