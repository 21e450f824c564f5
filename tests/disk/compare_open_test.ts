import { assertEquals, assertStringIncludes } from "@std/assert";
import { diskDifferences } from "../../lib/disk/compare.ts";
import { diskMend } from "../../lib/disk/mend.ts";
import { EMPTY_RECORD, type OwnDevice } from "../../lib/state/own_check.ts";
import { compared, NOTHING_ASKED } from "../support/comparison.ts";
import { disk, facts, NEW_UUID, present, uuidOf } from "../support/facts.ts";
import { known } from "../support/steps.ts";

function noted(inode: string): OwnDevice {
  const path = "/srv/d0.img";
  const access = { way: "chown", path, inode, from: 0, to: 65534 } as const;
  return { kind: "disk", via: "chown", access };
}

/** A disk that is gone, beside one that is recorded. */
function gone(inode: string, inUse = new Set([NEW_UUID])) {
  const devices = {
    [NEW_UUID]: noted("0:1 5 0:0"),
    [uuidOf("disk", 0)]: noted(inode),
  };
  const qemu = { boot: NEW_UUID, pid: 4711, start: 5, name: "vm1" };
  const record = { ...EMPTY_RECORD, devices };
  const own = { ...facts().own, qemu, record };
  return compared({ disks: [disk(0, 12)], own, inUse });
}

/** What is told of it, and its mend. */
async function told(given: ReturnType<typeof gone>) {
  const [one, ...others] = diskDifferences(given);
  assertEquals(others, []);
  const difference = present(one);
  const plan = await diskMend(given, difference, NOTHING_ASKED);
  return { difference, plan: plan && known(plan, given.paths) };
}

Deno.test("a disk that cannot be given back yet is told of", async () => {
  const { difference, plan } = await told(gone("0:1 6 0:0"));
  const { code, message, mend } = difference;
  assertEquals([code, mend, plan], ["way-in-use", undefined, undefined]);
  assertStringIncludes(message, "/srv/d0.img still belongs to uid 65534");
});

Deno.test("a disk that was plugged anew is forgotten", async () => {
  const { difference, plan } = await told(gone("0:1 5 0:0"));
  assertEquals(difference.code, "own-record");
  const [step, ...others] = present(plan).steps;
  assertEquals(others, []);
  assertEquals(step?.kind === "own-record" && step.change.after, null);
  assertEquals(step?.kind === "own-record" && step.holder, undefined);
});

Deno.test("a disk that QEMU has let go is given back", async () => {
  const { difference, plan } = await told(gone("0:1 6 0:0", new Set()));
  assertEquals(difference.code, "own-record");
  const kinds = present(plan).steps.map(({ kind }) => kind);
  assertEquals(kinds, ["return-owner", "own-record"]);
});
