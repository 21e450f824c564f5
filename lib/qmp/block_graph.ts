/**
 * The block graph: which node lies under which. Only this one question tells
 * it; its name begins with `x-`, so no caller may rely on an answer.
 *
 * @module
 */

import type { Query } from "./query.ts";
import { list, numberOf, object, text } from "./reading.ts";

/** `XDbgBlockGraph` of qapi/block-core.json. */
export type BlockGraph = ReturnType<typeof read>;
/** One of its nodes. */
export type GraphNode = BlockGraph["nodes"][number];

function read(value: unknown) {
  const graph = object(value);
  return {
    nodes: list(graph.nodes).map(({ id, type, name }) => ({
      id: numberOf(id),
      /** `block-driver`, `block-backend` or `block-job`. */
      type: text(type),
      /** Node-name; for a backend its name, or the QOM path of its device. */
      name: text(name),
    })),
    edges: list(graph.edges).map(({ parent, child, name }) => ({
      /** The id of the node above. */
      parent: numberOf(parent),
      child: numberOf(child),
      /** The role of the child: `root`, `file`, `backing`, … */
      name: text(name),
    })),
  };
}

/** Asks for the block graph; QEMU has it since 4.0. */
export const BLOCK_GRAPH: Query<BlockGraph> = {
  execute: "x-debug-query-block-graph",
  ifMissing: "nothing",
  read,
};

/** These nodes and everything below them, from the top down. */
export function reachedFrom(
  { nodes, edges }: BlockGraph,
  tops: readonly GraphNode[],
): GraphNode[] {
  const found = new Set(tops);
  for (const { id } of found) {
    const below = edges.filter(({ parent }) => parent === id);
    for (const one of nodes) {
      if (below.some(({ child }) => child === one.id)) found.add(one);
    }
  }
  return [...found];
}

/**
 * The names of the nodes that serve only this node, at any depth, each after
 * all nodes above it.
 */
export function nodesUnder(
  { nodes, edges }: BlockGraph,
  top: string,
): string[] {
  const first = nodes.find((one) =>
    one.type === "block-driver" && one.name === top
  );
  const found = first === undefined ? [] : [first];
  const ids = new Set(found.map((one) => one.id));
  for (const { id } of found) {
    for (const edge of edges.filter((one) => one.parent === id)) {
      const parents = edges.filter((one) => one.child === edge.child);
      const node = nodes.find((one) => one.id === edge.child);
      if (node === undefined || ids.has(node.id)) continue;
      // A node with another parent may still be needed; the last parent
      // decides.
      if (!parents.every((one) => ids.has(one.parent))) continue;
      ids.add(node.id);
      found.push(node);
    }
  }
  return found.slice(1).map((one) => one.name);
}

/**
 * The names of the nodes through which a disk's data goes, from the top down;
 * without nodes that only back an image.
 */
export function dataNodes(
  { nodes, edges }: BlockGraph,
  top: string,
): string[] {
  const names = [top];
  let at = nodes.find((one) => one.type === "block-driver" && one.name === top);
  // A graph has no circles, but an answer may have one.
  while (at !== undefined && names.length <= nodes.length) {
    const { id } = at;
    const edge = edges.find((one) => one.parent === id && one.name === "file");
    at = edge && nodes.find((one) => one.id === edge.child);
    if (at !== undefined) names.push(at.name);
  }
  return names;
}
