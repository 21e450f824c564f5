import { assertEquals } from "@std/assert";
import { type BlockUsers, refuseUsed } from "../../lib/disk/block_users.ts";
import { disk, facts, idOf, NO_USERS, refusal } from "../support/facts.ts";

const ID = idOf("disk", 0);
const QDEV = `/machine/peripheral/${ID}/virtio-backend`;

/** A graph of `type:name`, and of edges by their places. */
function graphOf(
  nodes: readonly string[],
  edges: readonly (readonly [number, number, string])[],
): BlockUsers["graph"] {
  return {
    nodes: nodes.map((one, id) => {
      const [type = "", ...rest] = one.split(":");
      return { id, type: `block-${type}`, name: rest.join(":") };
    }),
    edges: edges.map(([parent, child, name]) => ({ parent, child, name })),
  };
}

/** The device, its node and the file under it. */
const OWN = [`backend:${QDEV}`, `driver:${ID}`, "driver:#block1"] as const;
const OWN_EDGES = [[0, 1, "root"], [1, 2, "file"]] as const;

function given(users: Partial<BlockUsers>) {
  const live = {
    ...{ device: "", qdev: QDEV, nodeName: ID, file: "/srv/d.img" },
    sizeBytes: 1,
  };
  return facts({
    disks: [disk(0, 12)],
    qemu: { block: [live] },
    users: { ...NO_USERS, ...users },
  });
}

function told(users: Partial<BlockUsers>) {
  const { message, hint } = refusal(
    "in-use",
    () => refuseUsed(given(users), { id: ID, what: "remove disk 0" }),
  );
  return [message, hint];
}

const job = { id: "j1", type: "mirror" };
const CANCEL =
  "wait until it ends; to end it now, run: kvm-hotplug qmp vm1 block-job-cancel device=j1";
const BY_JOB =
  "Cannot remove disk 0: QEMU's block job j1 (mirror) uses its block node";

Deno.test("refuseUsed() names the job that has the disk's node under it", () => {
  // As 7.2 and 10.0 show a mirror: a filter of its own is on top.
  const graph = graphOf(
    [`backend:${QDEV}`, "driver:#block9", ...OWN.slice(1), "job:j1"],
    [[0, 1, "root"], [1, 2, "backing"], [2, 3, "file"], [4, 1, "main node"], [
      4,
      2,
      "source",
    ]],
  );
  assertEquals(told({ graph, jobs: [job] }), [BY_JOB, CANCEL]);
});

Deno.test("refuseUsed() takes any job for the one where nothing tells", () => {
  assertEquals(told({ jobs: [job] }), [BY_JOB, CANCEL]);
});

Deno.test("refuseUsed() names the export of the node", () => {
  const graph = graphOf([...OWN, "backend:"], [...OWN_EDGES, [3, 1, "root"]]);
  const [message, hint] = told({
    graph,
    exports: [{ id: "e1", type: "nbd", node: ID }],
  });
  assertEquals([message, hint], [
    "Cannot remove disk 0: QEMU's nbd export e1 uses its block node",
    "wait until it ends; to end it now, run: kvm-hotplug qmp vm1 block-export-del id=e1",
  ]);
});

Deno.test("refuseUsed() names whatever else lies above", () => {
  const overlay = graphOf(
    [...OWN, "driver:ov"],
    [...OWN_EDGES, [3, 1, "backing"]],
  );
  assertEquals(told({ graph: overlay })[0]?.includes("block node ov"), true);
  const other = graphOf(
    [...OWN, "backend:/machine/peripheral/twin"],
    [...OWN_EDGES, [3, 1, "root"]],
  );
  assertEquals(told({ graph: other })[0]?.includes("device /machine"), true);
});

Deno.test("refuseUsed() leaves alone what others do with their own nodes", () => {
  const graph = graphOf(
    [...OWN, "driver:ov", "driver:base", "driver:other", "job:j1"],
    // An overlay that is the disk's own top, and a base that another shares.
    [[0, 3, "root"], [3, 1, "backing"], [1, 2, "file"], [1, 4, "backing"], [
      5,
      4,
      "backing",
    ], [6, 5, "main node"]],
  );
  const exports = [{ id: "e1", type: "nbd", node: "other" }];
  refuseUsed(given({ graph, jobs: [job], exports }), { id: ID, what: "x" });
});

Deno.test("refuseUsed() knows the end of a device that is just leaving QEMU", () => {
  const id = ID;
  // As 7.2 and 10.0 show it between the guest's release and DEVICE_DELETED.
  const leaving = graphOf(
    ["backend:", ...OWN.slice(1)],
    [[0, 1, "root"], [1, 2, "file"]],
  );
  refuseUsed(given({ graph: leaving }), { id, what: "remove disk 0" });
  // Beside the device's own end it is somebody else's.
  const beside = graphOf([...OWN, "backend:"], [...OWN_EDGES, [3, 1, "root"]]);
  assertEquals(told({ graph: beside })[0]?.includes("without a name"), true);
  const overlay = graphOf(
    ["backend:", ...OWN.slice(1), "driver:ov"],
    [[0, 1, "root"], [1, 2, "file"], [3, 1, "backing"]],
  );
  assertEquals(told({ graph: overlay })[0]?.includes("block node ov"), true);
});
