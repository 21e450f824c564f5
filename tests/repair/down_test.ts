/** Repair of an instance whose VM does not run: on real files, without QEMU. */
import { assertEquals, assertMatch } from "@std/assert";
import type { RepairOutcome } from "../../lib/plan/finding.ts";
import { repair } from "../../lib/repair/repair.ts";
import { inodeKey } from "../../lib/host/access_record.ts";
import { statPath } from "../../lib/sys/file_status.ts";
import {
  type DownNode,
  killedUpgrade,
  OLD,
  testDown,
} from "../support/down_node.ts";
import { present, uuidOf } from "../support/facts.ts";

/** Repairs the instance, or says what would be done. */
async function put(
  node: DownNode,
  mode: "apply" | "dry-run" = "apply",
): Promise<RepairOutcome> {
  const before = node.files();
  const outcome = await repair("vm1", node.options(mode));
  assertEquals([outcome.instance, outcome.pending], ["vm1", []]);
  if (mode === "dry-run") assertEquals(node.files(), before);
  return outcome;
}

const codes = ({ remaining }: RepairOutcome) =>
  remaining.map(({ code }) => code);

testDown("repair() of what is in order changes nothing", async (node) => {
  const before = node.files();
  const { repaired, remaining, plan, qemu } = await put(node);
  assertEquals([repaired, remaining, plan, qemu], [[], [], undefined, "down"]);
  assertEquals(node.files(), before);
  assertEquals((await put(node, "dry-run")).plan, []);
});

testDown(
  "repair() removes a leftover, and says before that it would",
  async (node) => {
    const before = node.files();
    const path = node.leave();
    const dry = await put(node, "dry-run");
    assertEquals([dry.repaired, codes(dry)], [[], ["leftover"]]);
    assertEquals(dry.remaining[0]?.hint, "kvm-hotplug repair vm1");
    assertEquals(dry.plan?.map(({ host }) => host?.includes(path)), [true]);
    const { repaired, remaining } = await put(node);
    assertEquals(repaired, [{
      what: `${path} is a leftover of an interrupted operation`,
      did: "removed it",
    }]);
    assertEquals([remaining, node.files()], [[], before]);
  },
);

testDown(
  "repair() lists what it cannot mend, and mends the rest",
  async (node) => {
    const path = node.leave();
    Deno.removeSync(path);
    Deno.mkdirSync(path);
    const other = `${node.paths.runtime}zzzzzzzz.new`;
    Deno.writeTextFileSync(other, "");
    const { repaired, remaining } = await put(node);
    assertEquals(repaired.map(({ what }) => what.split(" ")[0]), [other]);
    const [one, ...more] = remaining;
    assertEquals([one?.code, more], ["leftover", []]);
    assertEquals(one?.message.split(" ")[0], path);
    // Why it could not be done stands in the place of what to do.
    assertMatch(one?.hint ?? "", /directory/i);
    assertEquals(node.files().length, 1);
  },
);

testDown("repair() gives a disk back that a VM was given", async (node) => {
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
  const dry = await put(node, "dry-run");
  assertEquals(codes(dry), ["own-record", "leftover"]);
  const { repaired, remaining } = await put(node);
  assertEquals([repaired.length, remaining], [2, []]);
  assertEquals(Deno.statSync(path).uid, 12);
  assertEquals((await put(node)).repaired, []);
});

testDown(
  "repair() leaves all alone beside a record that cannot be read",
  async (node) => {
    const path = `${node.own}/vm1.json`;
    Deno.writeTextFileSync(path, "{", { mode: 0o600 });
    node.leave();
    for (const mode of ["apply", "dry-run"] as const) {
      const before = node.files();
      const outcome = await put(node, mode);
      assertEquals([outcome.repaired, codes(outcome)], [[], [
        "record-unusable",
      ]]);
      assertEquals(outcome.remaining[0]?.hint, `rm -r ${path}`);
      assertEquals(outcome.plan, mode === "dry-run" ? [] : undefined);
      assertEquals(node.files(), before);
    }
  },
);

testDown(
  "repair() mends nothing beside a journal that nobody may use",
  async (node) => {
    const path = `${node.own}/vm1.journal`;
    Deno.mkdirSync(path);
    node.leave();
    const before = node.files();
    for (const mode of ["dry-run", "apply"] as const) {
      const outcome = await put(node, mode);
      assertEquals(codes(outcome), ["journal-unusable", "leftover"]);
      const [first, second] = outcome.remaining;
      assertEquals(first?.hint, `rm -r ${path}`);
      assertEquals(second?.hint, "kvm-hotplug repair vm1");
      assertEquals([outcome.repaired, node.files()], [[], before]);
    }
  },
);

testDown(
  "repair() puts away a journal that holds nothing, or is damaged",
  async (node) => {
    const path = `${node.own}/vm1.journal`;
    const before = node.files();
    const plant = (text: string) =>
      Deno.writeTextFileSync(path, text, { mode: 0o600 });
    plant("");
    const dry = await put(node, "dry-run");
    assertEquals(codes(dry), ["interrupted"]);
    const { message, hint } = present(dry.remaining[0]);
    assertEquals(message, `${path} is a leftover of an interrupted operation`);
    assertEquals(hint, "kvm-hotplug repair vm1");
    assertEquals(codes(await put(node)), []);
    assertEquals(node.files(), before);
    plant('{"odd":1}\n{"odd":2}\n');
    node.leave();
    const outcome = await put(node);
    assertMatch(outcome.repaired[0]?.what ?? "", /^the journal is damaged: /);
    assertMatch(outcome.repaired[0]?.did ?? "", /^removed it, and compared/);
    assertEquals([outcome.repaired.length, codes(outcome)], [2, []]);
    assertEquals(node.files(), before);
  },
);

for (
  const [done, course, did] of [
    [1, "repair undoes it", "taken back"],
    [2, "repair finishes it", "finished"],
  ] as const
) {
  testDown(
    `repair() of a change killed after step ${done}: ${did}`,
    async (node) => {
      await killedUpgrade(node, done);
      const dry = await put(node, "dry-run");
      // What that change has left is not told besides.
      assertEquals(codes(dry), ["interrupted"]);
      assertMatch(dry.remaining[0]?.message ?? "", /^state upgrade of /);
      assertMatch(dry.remaining[0]?.message ?? "", new RegExp(`${course}$`));
      const { repaired, remaining } = await put(node);
      assertEquals([repaired.length, repaired[0]?.did, remaining], [
        1,
        did,
        [],
      ]);
      assertMatch(repaired[0]?.what ?? "", /, was interrupted$/);
      const isOld = Deno.readTextFileSync(node.paths.runtime) === OLD;
      assertEquals([isOld, node.files().length], [done === 1, 1]);
      assertEquals((await put(node)).repaired, []);
    },
  );
}
