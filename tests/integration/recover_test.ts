/** Operations killed at every step of their plans, and what comes after. */
import { saidIn } from "../support/document.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { recover } from "../../lib/engine/recover.ts";
import { loadSteps } from "../../lib/operation/journal_reader.ts";
import { instancePaths } from "../../lib/state/instance.ts";
import {
  diskAdd,
  diskRemove,
  eachKill,
  nicAdd,
  nicRemove,
  withDisk,
  withNic,
} from "./kill_requests.ts";
import { killAt, planNow } from "./killed.ts";
import {
  Instance,
  NAME,
  NEW,
  NEW_DISK,
  NEW_NIC,
} from "../lab/scripted_instance.ts";

const OPTIONS = { timeoutMs: 2_000, unplugTimeoutMs: 1_000, load: loadSteps };

async function recoverNow(vm: Instance) {
  const recovery = await recover(instancePaths(vm.runDir, NAME), OPTIONS);
  await vm.peer.idle();
  return recovery;
}

for (
  const [title, requestOf, id] of [
    ["disk add", diskAdd, NEW_DISK],
    ["nic add", nicAdd, NEW_NIC],
  ] as const
) {
  Deno.test(`recover() ${title} killed at any step: back, or forward once the guest has it`, async () => {
    const seen = new Set<string | undefined>();
    await eachKill(
      async () => {},
      requestOf,
      async (vm, { turned }, before) => {
        const recovery = await recoverNow(vm);
        seen.add(recovery?.did);
        if (turned) {
          assertEquals(recovery?.did, "finished");
          const { json } = await vm.cli("list", NAME);
          const device = (json.devices as Record<string, unknown>[])
            .find((one) => one.id === id);
          assertEquals(device?.status, "ok");
          assertEquals(
            vm.peer.model.contents().filter((one) => /^fd/.test(one)),
            [],
          );
          assertEquals([...Deno.readDirSync(vm.at("conf"))].length, 1);
        } else {
          assertEquals(recovery?.did, "taken back");
          assertEquals(vm.state(), before);
        }
        assertEquals(await recoverNow(vm), undefined);
      },
    );
    assertEquals([...seen].sort(), ["finished", "taken back"]);
  });
}

for (
  const [title, prepare, request] of [
    ["disk remove", withDisk, diskRemove],
    ["nic remove", withNic, nicRemove],
  ] as const
) {
  Deno.test(`recover() ${title} killed at any step: forward once the guest was asked`, async () => {
    await eachKill(
      prepare,
      () => request,
      async (vm, { step }, before) => {
        const recovery = await recoverNow(vm);
        if (step === 0) {
          assertEquals([recovery?.did, vm.state()], ["taken back", before]);
          return;
        }
        assertEquals(recovery?.did, "finished");
        const contents = vm.peer.model.contents().join();
        assertEquals(contents.includes(NEW.slice(0, 8)), false, contents);
        assertEquals(vm.text.includes(NEW), false);
        const again = await vm.cli(...title.split(" "), NAME, NEW);
        assertEquals([again.status, again.json.changed], [0, false]);
      },
    );
  });
}

Deno.test("recover() of a VM that is gone brings node and file in order", async () => {
  for (const request of [diskAdd, nicAdd]) {
    await eachKill(async () => {}, request, async (vm, _at, before) => {
      await vm.peer.die();
      const recovery = await recover(
        instancePaths(vm.runDir, NAME),
        OPTIONS,
      );
      if (recovery?.did === "finished") {
        assertEquals(vm.text.includes(NEW), true);
      } else {
        const { files, taps } = vm.state();
        const was = before as ReturnType<Instance["state"]>;
        const isSocket = (line: string) => line.includes("/ctrl/");
        assertEquals(
          { files: files.filter((one) => !isSocket(one)), taps },
          { files: was.files.filter((one) => !isSocket(one)), taps: was.taps },
        );
      }
    });
  }
});

Deno.test("the same command again works after a kill at any step", async () => {
  await eachKill(async () => {}, diskAdd, async (vm) => {
    const image = `${vm.runDir}/disk.img`;
    const ran = await vm.cli("disk", "add", NAME, image, "--uuid", NEW);
    assertEquals(ran.status, 0, ran.out);
    const device = ran.json.device as Record<string, unknown>;
    assertEquals([device.id, device.index], [NEW_DISK, 1]);
    assertEquals(vm.runtime[3].length, 2);
    assertMatch(saidIn(ran.json.settled), /interrupted/);
  });
});

Deno.test("an index is that of the list before an interrupted removal is finished", async () => {
  await using vm = new Instance();
  await withDisk(vm);
  const other = "dddddddd-1111-4222-8333-444444444444";
  const image = vm.image("other.img");
  const added = await vm.cli("disk", "add", NAME, image, "--uuid", other);
  assertEquals((added.json.device as Record<string, unknown>).index, 2);
  const { steps } = await planNow(vm, diskRemove);
  await killAt(vm, diskRemove, { step: steps.length - 1, when: "before" });
  const ran = await vm.cli("disk", "remove", NAME, "2");
  assertEquals(ran.status, 0, ran.out);
  assertMatch(saidIn(ran.json.settled), /interrupted/);
  assertEquals((ran.json.device as Record<string, unknown>).uuid, other);
  assertEquals(vm.runtime[3].length, 1);
});

Deno.test("a dry run tells of a journal and touches nothing", async () => {
  await using vm = new Instance();
  await killAt(vm, diskAdd(vm), { step: 2, when: "after" });
  const before = vm.state();
  const image = vm.image("other.img");
  const state = { ...vm.state() };
  const ran = await vm.cli("disk", "add", NAME, image, "--dry-run");
  assertEquals([ran.status, vm.state()], [0, state], ran.out);
  assertMatch(saidIn(ran.json.warnings), /interrupted/);
  assertEquals(before.qemu, state.qemu);
});
