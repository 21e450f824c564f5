/** What is told of the wait for a guest. */
import { assertEquals, assertRejects } from "@std/assert";
import { lineInPlace } from "../../lib/commands/waiting.ts";
import { HotplugError } from "../../lib/errors.ts";
import { unplug } from "../../lib/engine/unplug.ts";
import { World } from "../../lib/engine/world.ts";
import { QmpSession } from "../../lib/qmp/client.ts";
import { STEPS } from "../support/steps.ts";
import { DISK, Instance } from "../lab/scripted_instance.ts";

/** The line that a person sees in the end of a wait of two seconds. */
async function lineOf(signal: AbortSignal | undefined): Promise<string> {
  await using vm = new Instance();
  vm.peer.guest = "is silent";
  let shown = "";
  const line = lineInPlace((text) => shown = text);
  const options = {
    qmpPath: vm.qmpPath,
    timeoutMs: 5_000,
    unplugTimeoutMs: 2_000,
    waiting: line.told,
    steps: STEPS,
  };
  const session = await QmpSession.open(vm.qmpPath, options);
  using world = new World(session, options);
  const target = { id: DISK.id, title: "disk 0", runState: "running", signal };
  await assertRejects(() => unplug(target, world), HotplugError, "within 2 s");
  return shown.replaceAll(/[^ -~]\[?K?/g, "");
}

Deno.test("unplug() offers Ctrl-C only where it is heard", async () => {
  const text = "the guest has not released disk 0: 1 s of 2";
  const { signal } = new AbortController();
  assertEquals(
    await Promise.all([lineOf(signal), lineOf(undefined)]),
    [`${text} (Ctrl-C stops waiting)`, text],
  );
});
