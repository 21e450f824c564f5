/** Operations killed at every step, with and without their journal. */
import { assertEquals, assertMatch } from "@std/assert";
import {
  diskAdd,
  diskRemove,
  eachKill,
  nicAdd,
  ownFiles,
  withDisk,
} from "./kill_requests.ts";
import { killAt } from "./killed.ts";
import {
  DISK,
  Instance,
  NAME,
  NEW,
  NEW_DISK,
} from "../lab/scripted_instance.ts";

interface Repair {
  readonly repaired: readonly { readonly what: string; readonly did: string }[];
  readonly remaining: readonly {
    readonly what: string;
    readonly hint: string;
  }[];
}

async function repair(vm: Instance, ...more: string[]) {
  const ran = await vm.cli("repair", NAME, ...more);
  const { ok, instance, repaired, remaining } = ran.json;
  assertEquals([ok, instance], [true, NAME], ran.out);
  assertEquals(ran.status, (remaining as unknown[]).length === 0 ? 0 : 7);
  return { repaired, remaining } as Repair;
}

/** Runs what repair suggests, to the letter. */
async function runHints(vm: Instance, { remaining }: Repair) {
  for (const { hint } of remaining) {
    const [program, ...words] = hint.replace(/^.*run: /, "").split(" ");
    assertEquals(program, "kvm-hotplug", hint);
    const ran = await vm.cli(...words);
    assertEquals(ran.status, 0, `${hint}: ${ran.out}`);
  }
}

function deleteJournal(vm: Instance) {
  Deno.removeSync(`${vm.ownDir}/${NAME}.journal`);
}

async function assertInOrder(vm: Instance) {
  assertEquals(await repair(vm), { repaired: [], remaining: [] });
  assertEquals(ownFiles(vm), []);
}

Deno.test("repair: disk add killed at any step ends in order", async () => {
  await eachKill(async () => {}, diskAdd, async (vm, { turned }, before) => {
    const { repaired, remaining } = await repair(vm);
    assertEquals(remaining, []);
    assertEquals(repaired.length, 1);
    assertMatch(repaired[0]?.what ?? "", /^disk add of disk 1, begun .*, was/);
    assertEquals(repaired[0]?.did, turned ? "finished" : "taken back");
    if (!turned) assertEquals(vm.state(), before);
    await assertInOrder(vm);
  });
});

Deno.test("repair without a journal: every leftover of disk add goes", async () => {
  await eachKill(
    async () => {},
    diskAdd,
    async (vm, { step, when }, before) => {
      deleteJournal(vm);
      const found = await repair(vm);
      await runHints(vm, found);
      const committed = vm.text.includes(NEW);
      if (!committed) assertEquals(vm.state(), before, `${step} ${when}`);
      await assertInOrder(vm);
    },
  );
});

Deno.test("repair without a journal: every leftover of disk remove goes", async () => {
  await eachKill(
    withDisk,
    () => diskRemove,
    async (vm, { turned }, before) => {
      deleteJournal(vm);
      const found = await repair(vm);
      assertEquals(found.remaining, []);
      if (turned) {
        assertEquals(vm.text.includes(NEW), false);
        assertEquals(vm.peer.model.contents().join().includes(NEW_DISK), false);
      } else assertEquals(vm.state(), before);
      await assertInOrder(vm);
    },
  );
});

Deno.test("repair --dry-run changes nothing and says all", async () => {
  await using vm = new Instance();
  await killAt(vm, diskAdd(vm), { step: 3, when: "after" });
  // Not a part of what was interrupted: a file of another change.
  const other = `${vm.runtimePath}zzzzzzzz.new`;
  Deno.writeTextFileSync(other, "[");
  const before = { ...vm.state(), own: ownFiles(vm) };
  const { repaired, remaining } = await repair(vm, "--dry-run");
  assertEquals({ ...vm.state(), own: ownFiles(vm) }, before);
  assertEquals(repaired, []);
  assertMatch(
    remaining[0]?.what ?? "",
    /^disk add of disk 1, begun .*, was interrupted: repair undoes it$/,
  );
  assertEquals(remaining.length, 2, JSON.stringify(remaining));
  assertMatch(remaining[1]?.what ?? "", /zzzzzzzz/);
});

for (
  const [title, prepare, request] of [
    ["disk remove", withDisk, () => diskRemove],
    ["nic add", async () => {}, nicAdd],
  ] as const
) {
  Deno.test(`repair --dry-run tells of an interrupted ${title} as one, and what repair does`, async () => {
    await eachKill(prepare, request, async (vm, point) => {
      const { remaining } = await repair(vm, "--dry-run");
      const [first, ...more] = remaining;
      assertEquals(more, [], JSON.stringify(point));
      const { repaired } = await repair(vm);
      const did = /finishes it$/.test(first?.what ?? "")
        ? "finished"
        : "taken back";
      assertEquals(repaired.map((one) => one.did), [did]);
    });
  });
}

Deno.test("repair finishes what the guest released by itself", async () => {
  await using vm = new Instance();
  await withDisk(vm);
  vm.peer.model.devices.delete(NEW_DISK);
  const { repaired, remaining } = await repair(vm);
  assertEquals([repaired.length, remaining], [1, []]);
  assertEquals(vm.runtime[3].length, 1);
  assertEquals(vm.peer.model.contents().join().includes(NEW_DISK), false);
  await assertInOrder(vm);
});

Deno.test("repair lists a disk plugged by hand, and the command that works", async () => {
  await using vm = new Instance();
  vm.peer.model.devices.set("mine", {
    id: "mine",
    driver: "virtio-blk-pci",
    slot: 20,
  });
  const found = await repair(vm);
  assertEquals(found.repaired, []);
  assertEquals(
    found.remaining.map(({ hint }) => hint.split(" ").slice(0, 10).join(" ")),
    [`to remove it, run: kvm-hotplug disk remove ${NAME} mine --force`],
  );
  await runHints(vm, found);
  assertEquals(vm.peer.model.devices.has("mine"), false);
  await assertInOrder(vm);
});

Deno.test("disk remove keeps what is not recorded, without --force", async () => {
  await using vm = new Instance();
  await withDisk(vm);
  const entry = vm.text;
  Deno.writeTextFileSync(vm.runtimePath, entry);
  const runtime = vm.runtime;
  runtime[3].pop();
  Deno.writeTextFileSync(vm.runtimePath, JSON.stringify(runtime));
  const ran = await vm.cli("disk", "remove", NAME, NEW_DISK);
  assertEquals([ran.status, ran.json.changed], [3, false]);
  assertEquals(vm.peer.model.devices.has(NEW_DISK), true);
  const forced = await vm.cli("disk", "remove", NAME, NEW, "--force");
  assertEquals([forced.status, forced.json.changed], [0, true], forced.out);
  assertEquals(vm.peer.model.devices.has(NEW_DISK), false);
  assertEquals(vm.peer.model.devices.has(DISK.id), true);
  await assertInOrder(vm);
});

const JOURNALS: Record<string, (path: string) => void> = {
  "torn": (path) => Deno.writeTextFileSync(path, '{"version":1,"bo'),
  "damaged": (path) => Deno.writeTextFileSync(path, "{}\n{}\n"),
  "of another version": (path) =>
    Deno.writeTextFileSync(path, '{"version":2}\n{"do":0}\n'),
};

for (const [how, plant] of Object.entries(JOURNALS)) {
  Deno.test(`a journal that is ${how} is put away by repair`, async () => {
    await using vm = new Instance();
    await killAt(vm, diskAdd(vm), { step: 3, when: "after" });
    plant(`${vm.ownDir}/${NAME}.journal`);
    if (how !== "torn") {
      const refused = await vm.cli("nic", "add", NAME);
      assertEquals([refused.status, refused.json.changed], [7, false]);
      const { code, hint } = refused.json.error as Record<string, string>;
      const again = `kvm-hotplug repair ${NAME} --run-dir ${vm.runDir}`;
      assertEquals([code, hint], ["interrupted", again]);
    }
    const found = await repair(vm);
    await runHints(vm, found);
    assertEquals(vm.peer.model.contents().join().includes(NEW_DISK), false);
    await assertInOrder(vm);
  });
}

Deno.test("a journal that is not root's alone is refused, and never used", async () => {
  const plants: Record<string, (path: string) => void> = {
    mode: (path) => Deno.chmodSync(path, 0o644),
    owner: (path) => Deno.chownSync(path, 65534, 65534),
    link: (path) => {
      Deno.renameSync(path, `${path}.real`);
      Deno.symlinkSync(`${path}.real`, path);
    },
    names: (path) => Deno.linkSync(path, `${path}.other`),
  };
  for (const [how, plant] of Object.entries(plants)) {
    await using vm = new Instance();
    await killAt(vm, diskAdd(vm), { step: 1, when: "before" });
    const path = `${vm.ownDir}/${NAME}.journal`;
    plant(path);
    const before = vm.state();
    const refused = await vm.cli("nic", "add", NAME);
    assertEquals([refused.status, vm.state()], [7, before], how);
    const { remaining } = await repair(vm);
    assertEquals(remaining[0]?.hint, `rm -r ${path}`, how);
  }
});

Deno.test("repair of a VM that is gone brings this node's side in order", async () => {
  for (const journal of ["kept", "deleted"]) {
    await using vm = new Instance();
    const text = vm.text;
    await killAt(vm, diskAdd(vm), { step: 5, when: "after" });
    if (journal === "deleted") deleteJournal(vm);
    await vm.peer.die();
    const ran = await vm.cli("repair", NAME);
    assertEquals([ran.status, ran.json.remaining], [0, []], ran.out);
    assertEquals((ran.json.repaired as unknown[]).length, 1);
    assertEquals([vm.text, ownFiles(vm)], [text, []]);
    assertEquals([...Deno.readDirSync(vm.at("conf"))].length, 1);
  }
});

Deno.test("repair removes only the staged files of its instance", async () => {
  await using vm = new Instance();
  const left = vm.at(`conf/${NAME}.runtimeabcdef12.new`);
  const others = [
    vm.at("conf/other.example.com.runtimeabcdef12.new"),
    vm.at(`conf/${NAME}.runtime.new`),
    vm.at(`conf/${NAME}.runtimeabcdef12.old`),
  ];
  for (const path of [left, ...others]) Deno.writeTextFileSync(path, "");
  const { repaired, remaining } = await repair(vm);
  assertEquals(repaired.map(({ what }) => what.split(" ")[0]), [left]);
  assertEquals(remaining, []);
  for (const path of others) Deno.statSync(path);
});
