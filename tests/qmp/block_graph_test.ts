/** What lies under which block node. */
import { assertEquals } from "@std/assert";
import {
  BLOCK_GRAPH,
  type BlockGraph,
  dataNodes,
  nodesUnder,
  reachedFrom,
} from "../../lib/qmp/block_graph.ts";

/** Nodes of `letter: its children`, with what each child is for. */
function graphOf(
  all: { readonly [name: string]: readonly string[] },
  type = "block-driver",
): BlockGraph {
  const names = Object.keys(all);
  const idOf = (name = "") => 10 + names.indexOf(name);
  return {
    nodes: names.map((name) => ({ id: idOf(name), type, name })),
    edges: names.flatMap((name) =>
      (all[name] ?? []).map((word) => {
        const [child, use = "file"] = word.split(" ");
        return { parent: idOf(name), child: idOf(child), name: use };
      })
    ),
  };
}

Deno.test("BLOCK_GRAPH reads what QEMU tells", () => {
  const answer = {
    nodes: [{ id: 3, type: "block-job", name: "j" }],
    edges: [{ parent: 3, child: 4, name: "root", perm: [] }],
  };
  assertEquals(BLOCK_GRAPH.read(answer), {
    nodes: [{ id: 3, type: "block-job", name: "j" }],
    edges: [{ parent: 3, child: 4, name: "root" }],
  });
  assertEquals(BLOCK_GRAPH.read(undefined), { nodes: [], edges: [] });
});

Deno.test("dataNodes() follows the data down to the file", () => {
  const graph = graphOf({
    base: [],
    throttle: ["qcow2"],
    qcow2: ["base backing", "proto"],
    proto: [],
    other: ["proto"],
  });
  assertEquals(dataNodes(graph, "throttle"), ["throttle", "qcow2", "proto"]);
  assertEquals(dataNodes(graph, "proto"), ["proto"]);
  assertEquals(dataNodes(graph, "unknown"), ["unknown"]);
  assertEquals(dataNodes({ nodes: [], edges: [] }, "x"), ["x"]);
  // A backend of the name is not the node.
  assertEquals(dataNodes(graphOf({ a: ["b"], b: [] }, "x"), "a"), ["a"]);
  const gone = graphOf({ a: ["gone"] });
  assertEquals(dataNodes(gone, "a"), ["a"]);
  const circle = graphOf({ a: ["b"], b: ["a"] });
  assertEquals(dataNodes(circle, "a"), ["a", "b", "a"]);
});

Deno.test("nodesUnder() has what serves this node alone, from the top down", () => {
  const graph = graphOf({
    shared: [],
    leaf: [],
    below: ["leaf", "shared backing"],
    top: ["left", "right"],
    right: ["below"],
    left: ["below"],
    other: ["shared backing"],
  });
  assertEquals(nodesUnder(graph, "top"), ["left", "right", "below", "leaf"]);
  assertEquals(nodesUnder(graph, "left"), []);
  assertEquals(nodesUnder(graph, "other"), []);
  assertEquals(nodesUnder(graph, "unknown"), []);
  const circle = graphOf({ a: ["b"], b: ["a"] });
  assertEquals(nodesUnder(circle, "a"), ["b"]);
  assertEquals(nodesUnder(graphOf({ a: ["gone"] }), "a"), []);
  assertEquals(nodesUnder(graphOf({ a: ["b"], b: [] }, "x"), "a"), []);
});

Deno.test("reachedFrom() has everything below, each once", () => {
  const graph = graphOf({
    ...{ leaf: [], top: ["a", "b"], a: ["leaf"], b: ["leaf"], other: ["a"] },
  });
  const { nodes } = graph;
  const from = (...tops: string[]) =>
    reachedFrom(graph, nodes.filter(({ name }) => tops.includes(name)))
      .map(({ name }) => name);
  assertEquals(from("top"), ["top", "a", "b", "leaf"]);
  assertEquals(from("other", "b"), ["b", "other", "leaf", "a"]);
  assertEquals(from(), []);
});
