import { assertEquals } from "@std/assert";
import { isMoved } from "../../lib/disk/moved.ts";
import type { LiveDisk } from "../../lib/disk/live.ts";
import { disk, idOf, runtime } from "../support/facts.ts";

const ID = idOf("disk", 0);
const [ENTRY] = runtime({ disks: [disk(0, 12)] }).disks;

function live(more: Partial<LiveDisk>): LiveDisk {
  return {
    qdev: ID,
    id: ID,
    backend: {
      ...{ qdev: ID, device: "", nodeName: ID, file: "/dev/fdset/1" },
      sizeBytes: 1,
    },
    drivers: ["raw", "file"],
    direct: true,
    readOnly: false,
    nodes: [ID, "#block1"],
    source: { why: "nothing proves it" },
    ...more,
  };
}

function judge(
  more: Partial<LiveDisk>,
  { named = [], nodes = [ID], mode = "rw", leadsTo = "old" as string | null } =
    {},
): boolean {
  if (ENTRY === undefined) throw new Error("no entry");
  return isMoved({ ...ENTRY, mode }, live(more), {
    nodeNames: new Set<string>(nodes),
    link: {
      lead: { identity: leadsTo ?? undefined },
      named: named.map((identity) => ({ path: "/p", identity })),
    },
  });
}

const open = (identity: string): Pick<LiveDisk, "source"> => ({
  source: {
    ...{ identity, kind: "file", path: "/p", resolved: "/p" } as const,
    sizeBytes: 1,
  },
});

Deno.test("isMoved() goes by what is proven to be open", () => {
  const overlay = { drivers: ["qcow2", "file"], nodes: ["s", "#block7"] };
  assertEquals(judge({ ...open("new"), ...overlay }), true);
  // Once it is recorded, the old node beneath tells nothing any more.
  assertEquals(judge({ ...open("old"), ...overlay }, { mode: "ro" }), false);
  assertEquals(judge({ ...open("new"), nodes: ["target", "#block8"] }), true);
  // Its link has drifted, which is told of the link.
  assertEquals(judge(open("mine"), { named: ["mine"] as never[] }), false);
});

Deno.test("isMoved() goes by the nodes where nothing is proven", () => {
  assertEquals(judge({}), false);
  const filtered = { nodes: ["#block9", ID, "#block1"] };
  assertEquals(judge(filtered), false);
  assertEquals(judge({ nodes: ["target", "#block8"] }), true);
  // Nobody recorded what it was, either.
  assertEquals(judge(open("new"), { leadsTo: null }), false);
});

Deno.test("isMoved() goes by the format of a node that was not named", () => {
  const drive = { nodes: ["#block5", "#block6"] };
  assertEquals(judge(drive, { nodes: [] }), false);
  const image = { ...drive, drivers: ["qcow2", "file"] };
  assertEquals(judge(image, { nodes: [] }), true);
  assertEquals(judge(image, { nodes: [], mode: "ro" }), false);
});
