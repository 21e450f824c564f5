/** The runtime file, while somebody writes it who knows no lock. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { recover } from "../../lib/engine/recover.ts";
import { isCommit } from "../../lib/engine/state_steps.ts";
import { loadSteps } from "../../lib/operation/journal_reader.ts";
import { instancePaths } from "../../lib/state/instance.ts";
import { exchange, openFile } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import {
  assertUnchanged,
  Instance,
  NAME,
  NEW,
} from "../lab/scripted_instance.ts";
import { diskAdd } from "./kill_requests.ts";
import { killAt, planNow } from "./killed.ts";
import { SecondWriter } from "../lab/second_writer.ts";

function inFolder(vm: Instance): string[] {
  return [...Deno.readDirSync(vm.at("conf"))].map(({ name }) => name);
}

/** No word that the other wrote is lost. */
function assertKept(vm: Instance, { words }: SecondWriter) {
  const [command] = vm.runtime;
  assertEquals(command.slice(-words.length), words);
}

async function expectBothKept(
  times: number,
  how?: "replacing",
): Promise<void> {
  await using vm = new Instance();
  using other = new SecondWriter(vm.runtimePath, times, how);
  const words = ["disk", "add", NAME, vm.image(), "--uuid", NEW];
  const { status, out } = await vm.cli(...words);
  assertEquals([status, other.words.length], [0, times], out);
  assertKept(vm, other);
  assert(vm.text.includes(NEW));
  assertEquals(inFolder(vm), [`${NAME}.runtime`]);
}

Deno.test("another's writing while ours is made is not lost, however often", async () => {
  for (const times of [1, 2, 3, 8, 16]) await expectBothKept(times);
});

Deno.test("another's writing in the moment of our rename is not lost", async () => {
  for (const times of [1, 2, 3, 4, 5, 16]) {
    await expectBothKept(times, "replacing");
  }
});

Deno.test("a writer who never rests: an addition is undone, status 5", async () => {
  await using vm = new Instance();
  const source = vm.image();
  using other = new SecondWriter(vm.runtimePath, Infinity);
  const before = vm.peer.model.contents();
  const ran = await vm.cli("disk", "add", NAME, source, "--uuid", NEW);
  const error = ran.json.error as Record<string, string>;
  assertEquals([ran.status, error.code], [5, "state-write-failed"], ran.out);
  assertMatch(error.message ?? "", /another program keeps writing it/);
  assertEquals(vm.peer.model.contents(), before);
  assertKept(vm, other);
  assert(!vm.text.includes(NEW));
  assertEquals(inFolder(vm), [`${NAME}.runtime`]);
});

Deno.test("a writer who never rests: a released disk is 7, and finished later", async () => {
  await using vm = new Instance();
  {
    using other = new SecondWriter(vm.runtimePath, Infinity);
    const ran = await vm.cli("disk", "remove", NAME, "0", "--force");
    const { code } = ran.json.error as Record<string, string>;
    assertEquals([ran.status, code], [7, "rollback-incomplete"], ran.out);
    assertKept(vm, other);
    assertEquals(vm.runtime[3].length, 1);
  }
  const { status, out } = await vm.cli("repair", NAME);
  assertEquals(status, 0, out);
  assertEquals(vm.runtime[3], []);
  assertEquals(inFolder(vm), [`${NAME}.runtime`]);
  await assertUnchanged(vm, async () => void await vm.cli("repair", NAME));
});

Deno.test("recover() after a kill between exchange and unlink loses nothing", async () => {
  for (const isWritten of [false, true]) {
    await using vm = new Instance();
    const request = diskAdd(vm);
    const { steps } = await planNow(vm, request);
    await vm.peer.idle();
    const step = steps.findIndex(isCommit);
    const killed = await killAt(vm, request, { step, when: "before" });
    const { temporary = "" } = killed.steps.find(isCommit) ?? {};
    const [command, ...rest] = vm.runtime;
    const words = [...command, ...isWritten ? ["-second"] : []];
    if (isWritten) {
      Deno.writeTextFileSync(vm.runtimePath, JSON.stringify([words, ...rest]));
    }
    using dir = openFile(vm.at("conf"), O.RDONLY | O.DIRECTORY);
    exchange(temporary, `${NAME}.runtime`, { dir });
    assert(vm.text.includes(NEW));
    const times = { timeoutMs: 2_000, unplugTimeoutMs: 200, load: loadSteps };
    const recovery = await recover(instancePaths(vm.runDir, NAME), times);
    assertEquals(recovery?.did, "finished");
    assertEquals(vm.runtime[0], words);
    assert(vm.text.includes(NEW));
    assertEquals(inFolder(vm), [`${NAME}.runtime`]);
  }
});
