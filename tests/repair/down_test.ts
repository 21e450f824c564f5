/** Repair of an instance whose VM does not run: on real files, without QEMU. */
import { assertEquals, assertMatch } from "@std/assert";
import { beginJournal, journalProgress } from "../../lib/engine/journal.ts";
import { World } from "../../lib/engine/world.ts";
import { planStateUpgrade } from "../../lib/operation/upgrade.ts";
import { expectRuntime } from "../../lib/plan/facts.ts";
import type { RepairOutcome } from "../../lib/plan/finding.ts";
import { repair } from "../../lib/repair/repair.ts";
import { type InstancePaths, instancePaths } from "../../lib/state/instance.ts";
import { inodeKey } from "../../lib/host/access_record.ts";
import { statPath } from "../../lib/sys/file_status.ts";
import { present, sample, sampleNames, uuidOf } from "../support/facts.ts";
import { unless } from "../support/left_out.ts";
import { kindOf, STEPS } from "../support/steps.ts";

/** Whoever repairs must be root. */
const NOT_ROOT = Deno.uid() === 0 ? undefined : "not root";

const OLD = sample(present(sampleNames().find((one) => /^02-2/.test(one))));

/** An instance's files below a run directory of its own. */
class Node implements Disposable {
  readonly paths: InstancePaths;

  constructor() {
    const runDir = Deno.makeTempDirSync({ prefix: "kvm-hotplug-repair-" });
    this.paths = instancePaths(runDir, "vm1");
    Deno.mkdirSync(`${runDir}/kvm-hypervisor/conf`, { recursive: true });
    Deno.mkdirSync(this.own, { mode: 0o700 });
    Deno.writeTextFileSync(this.paths.runtime, OLD);
  }

  get own(): string {
    return `${this.paths.runDir}/kvm-hotplug`;
  }

  /** A file that an interrupted change can leave. */
  leave(): string {
    const path = `${this.paths.runtime}abcdefgh.new`;
    Deno.writeTextFileSync(path, "");
    return path;
  }

  /** Each file with its size: nothing was changed while this is the same. */
  files(): string[] {
    const all: string[] = [];
    const walk = (folder: string) => {
      for (const { name, isDirectory } of Deno.readDirSync(folder)) {
        const path = `${folder}/${name}`;
        if (isDirectory) walk(path);
        else if (!name.endsWith(".lock")) {
          all.push(`${path} ${Deno.lstatSync(path).size}`);
        }
      }
    };
    walk(this.paths.runDir);
    return all.sort();
  }

  async repair(mode: "apply" | "dry-run" = "apply"): Promise<RepairOutcome> {
    const { runDir } = this.paths;
    const before = this.files();
    const outcome = await repair("vm1", {
      ...{ runDir, mode, timeoutMs: 500 },
      ...{ unplugTimeoutMs: 500, lockTimeoutMs: 500 },
    });
    assertEquals([outcome.instance, outcome.pending], ["vm1", []]);
    if (mode === "dry-run") assertEquals(this.files(), before);
    return outcome;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.paths.runDir, { recursive: true });
  }
}

function test(name: string, fn: (node: Node) => Promise<void>) {
  Deno.test({
    ...unless(NOT_ROOT, name),
    async fn() {
      using node = new Node();
      await fn(node);
    },
  });
}

const codes = ({ remaining }: RepairOutcome) =>
  remaining.map(({ code }) => code);

test("repair() of what is in order changes nothing", async (node) => {
  const before = node.files();
  const { repaired, remaining, plan, qemu } = await node.repair();
  assertEquals([repaired, remaining, plan, qemu], [[], [], undefined, "down"]);
  assertEquals(node.files(), before);
  assertEquals((await node.repair("dry-run")).plan, []);
});

test("repair() removes a leftover, and says before that it would", async (node) => {
  const before = node.files();
  const path = node.leave();
  const dry = await node.repair("dry-run");
  assertEquals([dry.repaired, codes(dry)], [[], ["leftover"]]);
  assertEquals(dry.remaining[0]?.hint, "kvm-hotplug repair vm1");
  assertEquals(dry.plan?.map(({ host }) => host?.includes(path)), [true]);
  const { repaired, remaining } = await node.repair();
  assertEquals(repaired, [{
    what: `${path} is a leftover of an interrupted operation`,
    did: "removed it",
  }]);
  assertEquals([remaining, node.files()], [[], before]);
});

test("repair() gives a disk back that a VM was given", async (node) => {
  const path = `${node.paths.runDir}/disk.img`;
  Deno.writeTextFileSync(path, "");
  Deno.chownSync(path, 4001, null);
  const inode = inodeKey(statPath(path));
  const access = { way: "chown", path, inode, from: 12, to: 4001 };
  const uuid = uuidOf("disk", 1);
  const devices = { [uuid]: { kind: "disk", via: "chown", access } };
  const record = JSON.stringify({ version: 1, qemu: null, devices });
  Deno.writeTextFileSync(`${node.own}/vm1.json`, record, { mode: 0o600 });
  node.leave();
  const dry = await node.repair("dry-run");
  assertEquals(codes(dry), ["own-record", "leftover"]);
  const { repaired, remaining } = await node.repair();
  assertEquals([repaired.length, remaining], [2, []]);
  assertEquals(Deno.statSync(path).uid, 12);
  assertEquals((await node.repair()).repaired, []);
});

test("repair() leaves all alone beside a record that cannot be read", async (node) => {
  const path = `${node.own}/vm1.json`;
  Deno.writeTextFileSync(path, "{", { mode: 0o600 });
  node.leave();
  for (const mode of ["apply", "dry-run"] as const) {
    const before = node.files();
    const outcome = await node.repair(mode);
    assertEquals([outcome.repaired, codes(outcome)], [[], ["record-unusable"]]);
    assertEquals(outcome.remaining[0]?.hint, `rm -r ${path}`);
    assertEquals(outcome.plan, mode === "dry-run" ? [] : undefined);
    assertEquals(node.files(), before);
  }
});

test("repair() mends nothing beside a journal that nobody may use", async (node) => {
  const path = `${node.own}/vm1.journal`;
  Deno.mkdirSync(path);
  node.leave();
  const before = node.files();
  for (const mode of ["dry-run", "apply"] as const) {
    const outcome = await node.repair(mode);
    assertEquals(codes(outcome), ["journal-unusable", "leftover"]);
    const [first, second] = outcome.remaining;
    assertEquals(first?.hint, `rm -r ${path}`);
    assertEquals(second?.hint, "kvm-hotplug repair vm1");
    assertEquals([outcome.repaired, node.files()], [[], before]);
  }
});

test("repair() puts away a journal that holds nothing, or is damaged", async (node) => {
  const path = `${node.own}/vm1.journal`;
  const before = node.files();
  const plant = (text: string) =>
    Deno.writeTextFileSync(path, text, { mode: 0o600 });
  plant("");
  const dry = await node.repair("dry-run");
  assertEquals(codes(dry), ["interrupted"]);
  const { message, hint } = present(dry.remaining[0]);
  assertEquals(message, `${path} is a leftover of an interrupted operation`);
  assertEquals(hint, "kvm-hotplug repair vm1");
  assertEquals(codes(await node.repair()), []);
  assertEquals(node.files(), before);
  plant('{"odd":1}\n{"odd":2}\n');
  node.leave();
  const outcome = await node.repair();
  assertMatch(outcome.repaired[0]?.what ?? "", /^the journal is damaged: /);
  assertMatch(outcome.repaired[0]?.did ?? "", /^removed it, and compared/);
  assertEquals([outcome.repaired.length, codes(outcome)], [2, []]);
  assertEquals(node.files(), before);
});

/** Upgrades the runtime file, and is killed once its steps are done. */
async function killedAfter(node: Node, done: number): Promise<void> {
  const { paths } = node;
  const plan = planStateUpgrade(paths, expectRuntime(paths));
  using world = new World(undefined, {
    ...{ timeoutMs: 500, unplugTimeoutMs: 500, qmpPath: paths.qmp },
    steps: STEPS,
  });
  const about = { plan, command: "state upgrade", request: "" };
  using journal = beginJournal(paths, { ...about, qemu: undefined });
  const progress = journalProgress(journal, world);
  for (const [index, step] of plan.steps.slice(0, done).entries()) {
    const kind = kindOf(step);
    progress.doing?.(step, index, kind);
    await kind.do(step, world);
  }
}

for (
  const [done, course, did] of [
    [1, "repair undoes it", "taken back"],
    [2, "repair finishes it", "finished"],
  ] as const
) {
  test(`repair() of a change killed after step ${done}: ${did}`, async (node) => {
    await killedAfter(node, done);
    const dry = await node.repair("dry-run");
    // What that change has left is not told besides.
    assertEquals(codes(dry), ["interrupted"]);
    assertMatch(dry.remaining[0]?.message ?? "", /^state upgrade of /);
    assertMatch(dry.remaining[0]?.message ?? "", new RegExp(`${course}$`));
    const { repaired, remaining } = await node.repair();
    assertEquals([repaired.length, repaired[0]?.did, remaining], [1, did, []]);
    assertMatch(repaired[0]?.what ?? "", /, was interrupted$/);
    const isOld = Deno.readTextFileSync(node.paths.runtime) === OLD;
    assertEquals([isOld, node.files().length], [done === 1, 1]);
    assertEquals((await node.repair()).repaired, []);
  });
}
