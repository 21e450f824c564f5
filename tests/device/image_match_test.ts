import { assertEquals, assertMatch } from "@std/assert";
import {
  type Evidence,
  type ImageProof,
  matchImages,
  type ProtocolNode,
} from "../../lib/device/image_match.ts";

const SIZE = 8192;

function node(name: string, more: Partial<ProtocolNode> = {}): ProtocolNode {
  return {
    name,
    sizeBytes: SIZE,
    passed: [],
    seen: undefined,
    steady: "yes",
    ...more,
  };
}

function image(identity: string, sizeBytes: number | undefined = SIZE) {
  return { identity, sizeBytes };
}

/** What is proven of each node: its image, or `-`. */
function proven({ nodes, images }: Evidence): Record<string, string> {
  const words = ([name, proof]: [string, ImageProof]) => [
    name,
    "identity" in proof ? proof.identity : "-",
  ];
  return Object.fromEntries(
    [...matchImages({ nodes, images })].map(words),
  );
}

Deno.test("matchImages() takes what was passed by fd", () => {
  const nodes = [node("a", { passed: ["1"] }), node("b", { passed: ["2"] })];
  const images = [image("2"), image("1")];
  assertEquals(proven({ nodes, images }), { a: "1", b: "2" });
});

Deno.test("matchImages() takes a path that leads to an open file", () => {
  const nodes = [node("a", { seen: "1" }), node("b", { seen: "2" })];
  const images = [image("1"), image("2")];
  assertEquals(proven({ nodes, images }), { a: "1", b: "2" });
});

Deno.test("matchImages() takes no path to a file that is not open", () => {
  const nodes = [node("a", { seen: "9" })];
  assertEquals(proven({ nodes, images: [image("1")] }), { a: "-" });
});

Deno.test("matchImages() takes no path to a file of another size", () => {
  const nodes = [node("a", { seen: "1" }), node("b", { passed: ["2"] })];
  const images = [image("1", SIZE + 512), image("2")];
  assertEquals(proven({ nodes, images }), { a: "-", b: "2" });
});

Deno.test("matchImages() rounds a file up to a sector", () => {
  const nodes = [node("a", { seen: "1" })];
  const images = [image("1", SIZE - 511)];
  assertEquals(proven({ nodes, images }), { a: "1" });
});

Deno.test("matchImages() takes no file that two paths lead to", () => {
  const nodes = [node("a", { seen: "1" }), node("b", { seen: "1" })];
  const images = [image("1"), image("2")];
  assertEquals(proven({ nodes, images }), { a: "-", b: "-" });
});

Deno.test("matchImages() takes a young path only where nothing is alike", () => {
  const nodes = [
    node("a", { seen: "1", steady: "no" }),
    node("b", { seen: "2", steady: "no" }),
  ];
  const alike = [image("1"), image("2")];
  assertEquals(proven({ nodes, images: alike }), { a: "-", b: "-" });
  const sizes = [
    node("a", { seen: "1", steady: "no" }),
    node("b", { seen: "2", steady: "no", sizeBytes: 512 }),
  ];
  const different = [image("1"), image("2", 512)];
  assertEquals(proven({ nodes: sizes, images: different }), {
    a: "1",
    b: "2",
  });
});

Deno.test("matchImages() takes an old path beside a young one of its size", () => {
  const nodes = [
    node("a", { seen: "1" }),
    node("b", { seen: "2", steady: "no" }),
    node("c", { seen: "3", steady: "no" }),
  ];
  const images = [image("1"), image("2"), image("3")];
  assertEquals(proven({ nodes, images }), { a: "1", b: "-", c: "-" });
});

Deno.test("matchImages() takes no young path if an image's size is unknown", () => {
  const nodes = [node("a", { seen: "1", steady: "no" })];
  const images = [image("1"), image("2", undefined)];
  assertEquals(proven({ nodes, images }), { a: "-" });
});

Deno.test("matchImages() takes no young path beside a node of its size", () => {
  // What is open without a lock is not seen, and may have had this name.
  const nodes = [
    node("a", { seen: "9", steady: "no" }),
    node("b", { seen: "1", steady: "no" }),
  ];
  assertEquals(proven({ nodes, images: [image("1")] }), { a: "-", b: "-" });
  const passed = [nodes[1]!, node("c", { passed: ["1"] })];
  assertEquals(proven({ nodes: passed, images: [image("1")] }), {
    b: "-",
    c: "1",
  });
});

Deno.test("matchImages() eliminates by what is proven, not by young paths", () => {
  const young = [
    node("a", { seen: "1", steady: "no" }),
    node("b", { seen: "2", steady: "no" }),
    node("c"),
  ];
  const images = [image("1"), image("2"), image("3")];
  assertEquals(proven({ nodes: young, images }), { a: "-", b: "-", c: "-" });
  const nodes = [
    node("a", { passed: ["1"] }),
    node("b", { seen: "2", steady: "no" }),
  ];
  assertEquals(proven({ nodes, images: images.slice(0, 2) }), {
    a: "1",
    b: "2",
  });
});

Deno.test("matchImages() says what makes a young path no proof", () => {
  const nodes = [node("a", { seen: "1", steady: "no" })];
  const images = [image("1"), image("2")];
  const proof = matchImages({ nodes, images }).get("a");
  assertMatch(
    proof !== undefined && "why" in proof ? proof.why : "",
    /images of the same size.*path was changed after the VM was started/,
  );
});

Deno.test("matchImages() takes the one image that is left", () => {
  const nodes = [node("a", { seen: "1" }), node("b")];
  const images = [image("1"), image("2")];
  assertEquals(proven({ nodes, images }), { a: "1", b: "2" });
});

Deno.test("matchImages() tells those that are left apart by size alone", () => {
  const nodes = [node("a"), node("b", { sizeBytes: 512 })];
  const images = [image("1"), image("2", 512)];
  assertEquals(proven({ nodes, images }), { a: "1", b: "2" });
  const alike = [node("a"), node("b")];
  assertEquals(proven({ nodes: alike, images: [image("1"), image("2")] }), {
    a: "-",
    b: "-",
  });
});

Deno.test("matchImages() eliminates nothing if not all images are seen", () => {
  // An image that is open without a lock is not among those that are seen.
  const nodes = [node("a"), node("b", { sizeBytes: 512 })];
  assertEquals(proven({ nodes, images: [image("1")] }), { a: "-", b: "-" });
  assertEquals(
    proven({ nodes: [node("a")], images: [image("1"), image("2", 512)] }),
    { a: "-" },
  );
});

Deno.test("matchImages() does not overrule a path by elimination", () => {
  const nodes = [node("a", { seen: "9" })];
  assertEquals(proven({ nodes, images: [image("1")] }), { a: "-" });
});

Deno.test("matchImages() gives a locked image to the only node that is in use", () => {
  const size = 8 * 1024 * 1024;
  const about = { sizeBytes: size, passed: [], steady: "no" } as const;
  const source = { ...about, name: "source", seen: undefined };
  const target = { ...about, name: "target", seen: "new" };
  const images = [
    { identity: "old", sizeBytes: size },
    { identity: "new", sizeBytes: size, lock: "held" as const },
  ];
  const proofOf = (nodes: Parameters<typeof matchImages>[0]["nodes"]) =>
    matchImages({ nodes, images }).get("target");
  const idle = { ...source, use: "idle" as const };
  assertEquals(proofOf([idle, target]), { identity: "new" });
  // Two that are in use may have been exchanged.
  assertEquals("why" in (proofOf([source, target]) ?? {}), true);
  const [old, free] = [images[0], { ...images[1], lock: undefined }];
  const unlocked = matchImages({
    nodes: [idle, target],
    images: [old, free] as typeof images,
  });
  assertEquals("why" in (unlocked.get("target") ?? {}), true);
});
