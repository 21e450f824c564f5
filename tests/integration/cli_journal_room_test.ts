/** A journal that cannot be written, and what tells of one that was left. */
import { saidIn } from "../support/document.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { diskAdd } from "./kill_requests.ts";
import { killAt } from "./killed.ts";
import {
  assertFailed,
  assertUnchanged,
  cli,
  Instance,
  NAME,
} from "../lab/scripted_instance.ts";

async function run(program: string, ...args: string[]): Promise<void> {
  const done = await new Deno.Command(program, { args }).output();
  if (done.success) return;
  throw new Error(`${program}: ${new TextDecoder().decode(done.stderr)}`);
}

Deno.test("no room for the journal: status 5, and nothing is begun", async () => {
  await using vm = new Instance();
  const source = vm.image();
  // Makes the directory, with the lock.
  assertEquals((await vm.cli("repair", NAME)).status, 0);
  const options = "size=64k,mode=0700";
  await run("mount", "-t", "tmpfs", "-o", options, "kvmhp-test", vm.ownDir);
  try {
    Deno.writeTextFileSync(`${vm.ownDir}/${NAME}.lock`, "", { mode: 0o600 });
    using file = Deno.openSync(`${vm.ownDir}/filler`, {
      create: true,
      write: true,
    });
    try {
      for (;;) file.writeSync(new Uint8Array(4096));
    } catch {
      // Full.
    }
    await assertUnchanged(vm, async () => {
      const ran = await vm.cli("disk", "add", NAME, source);
      const { message } = assertFailed(ran, 5, "state-write-failed");
      assertMatch(message, /journal .*No space left/);
    });
    assertEquals(
      [...Deno.readDirSync(vm.ownDir)].map(({ name }) => name).sort(),
      ["filler", `${NAME}.lock`],
    );
  } finally {
    await run("umount", vm.ownDir);
  }
  assertEquals(vm.peer.changes(), []);
});

Deno.test("list tells of a change that was interrupted", async () => {
  await using vm = new Instance();
  const attention = async () => {
    const { json } = await vm.cli("list");
    return (json.instances as Record<string, unknown>[])[0]?.attention;
  };
  assertEquals(await attention(), []);
  await killAt(vm, diskAdd(vm), { step: 2, when: "after" });
  assertEquals(
    saidIn(await attention()),
    `a change was interrupted; run: kvm-hotplug repair ${NAME} --run-dir ${vm.runDir}`,
  );
  const { json } = await vm.cli("list", NAME);
  assertMatch(saidIn(json.warnings), /was interrupted/);
  const text = await cli(["--run-dir", vm.runDir, "list", NAME]);
  assertEquals((text.out + text.err).match(/was interrupted/g)?.length, 1);
  // Nothing of what repair will undo is for a person to remove.
  assertEquals(json.differences, []);
  const { json: checked } = await vm.cli("check", NAME);
  assertMatch(saidIn(checked.warnings), /was interrupted/);
  assertEquals(checked.differences, []);
  const { status, json: shown } = await vm.cli(
    "state",
    "show",
    NAME,
    "--verify",
  );
  const [first, ...others] =
    (shown.verify as { differences: Record<string, string>[] }).differences;
  assertEquals([status, first?.message, others], [
    3,
    "a change was interrupted",
    [],
  ]);
  assertMatch(first?.hint ?? "", /^kvm-hotplug repair /);
  assertEquals((await vm.cli("repair", NAME)).status, 0);
  assertEquals(await attention(), []);
});
