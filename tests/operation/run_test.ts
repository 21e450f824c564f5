/** Requests about files alone: the VM does not run, and is not asked. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { fingerprintOf } from "../../lib/engine/journal.ts";
import { HotplugError } from "../../lib/errors.ts";
import type { Outcome } from "../../lib/operation/outcome.ts";
import type { Request } from "../../lib/operation/request.ts";
import { run } from "../../lib/operation/run.ts";
import {
  type DownNode,
  killedUpgrade,
  OLD,
  testDown,
} from "../support/down_node.ts";
import { uuidOf } from "../support/facts.ts";

const UPGRADE: Request = { kind: "state-upgrade", instance: "vm1" };

function isOld({ paths }: DownNode): boolean {
  return Deno.readTextFileSync(paths.runtime) === OLD;
}

/** Codes of what was told besides. */
function told({ settled = [], warnings }: Outcome): string[] {
  return [...settled, ...warnings].map(({ code }) => code);
}

testDown("run() upgrades a file once", async (node) => {
  const dry = await run(UPGRADE, node.options("dry-run"));
  assertEquals([dry.changed, dry.plan?.length, isOld(node)], [false, 2, true]);
  assertEquals([dry.action, dry.instance, told(dry)], ["upgrade", "vm1", []]);
  const first = await run(UPGRADE, node.options("apply"));
  assertEquals([first.changed, first.plan, told(first)], [true, undefined, []]);
  assertEquals([isOld(node), node.files().length], [false, 1]);
  const again = await run(UPGRADE, node.options("apply"));
  assertEquals([again.changed, told(again)], [false, []]);
});

testDown(
  "run() puts in order first what was interrupted, and says so",
  async (node) => {
    await killedUpgrade(node, 1);
    const before = node.files();
    const dry = await run(UPGRADE, node.options("dry-run"));
    assertEquals([told(dry), node.files()], [["unfinished"], before]);
    const done = await run(UPGRADE, node.options("apply"));
    assertEquals([done.changed, told(done)], [true, ["interrupted"]]);
    const [settled] = done.settled ?? [];
    assertMatch(settled?.message ?? "", /^state upgrade of .*: taken back$/);
    assertEquals([isOld(node), node.files().length], [false, 1]);
  },
);

testDown(
  "run() has done what it finished, if that was the same request",
  async (node) => {
    await killedUpgrade(node, 2, fingerprintOf(UPGRADE));
    const done = await run(UPGRADE, node.options("apply"));
    assertEquals([done.action, done.changed], ["upgrade", true]);
    assertEquals([told(done), done.warnings], [["interrupted"], []]);
    assertMatch(done.settled?.[0]?.message ?? "", /: finished$/);
    assertEquals([isOld(node), node.files().length], [false, 1]);
  },
);

testDown(
  "run() does a request beside another one that it finished",
  async (node) => {
    await killedUpgrade(node, 2, "another");
    const done = await run(UPGRADE, node.options("apply"));
    assertEquals([done.changed, told(done)], [false, ["interrupted"]]);
  },
);

testDown(
  "run() tells with a failure what was put in order before it",
  async (node) => {
    const remove: Request = {
      ...{ kind: "disk-remove", instance: "vm1", bootDisk: "kept" },
      device: uuidOf("disk", 7),
    };
    const failed = async (): Promise<HotplugError> =>
      await assertRejects(
        () => run(remove, node.options("apply")),
        HotplugError,
      );
    const plain = await failed();
    assertEquals([plain.code, plain.settled], ["not-running", []]);
    await killedUpgrade(node, 1);
    const { code, settled, changed } = await failed();
    assertEquals([code, changed], ["not-running", false]);
    assertEquals(settled.map((one) => one.code), ["interrupted"]);
  },
);

testDown("run() knows no instance without a file", async (node) => {
  Deno.removeSync(node.paths.runtime);
  for (const mode of ["apply", "dry-run"] as const) {
    const { code } = await assertRejects(
      () => run(UPGRADE, node.options(mode)),
      HotplugError,
    );
    assertEquals(code, "no-such-instance");
  }
});

testDown("run() needs a runtime file, except for adopt", async (node) => {
  const adopt: Request = { kind: "adopt", instance: "vm1" };
  const codeOf = async (request: Request) => {
    const work = () => run(request, node.options("apply"));
    return (await assertRejects(work, HotplugError)).code;
  };
  Deno.writeTextFileSync(node.paths.runtime, "{");
  assertEquals(await codeOf(UPGRADE), "bad-state-file");
  assertEquals(await codeOf(adopt), "bad-state-file");
  Deno.removeSync(node.paths.runtime);
  assertEquals(await codeOf(UPGRADE), "no-such-instance");
  // It has asked further: the VM does not run.
  assertEquals(await codeOf(adopt), "not-running");
});
