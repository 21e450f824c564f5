/** Answers that no QEMU gives: nothing crashes, nothing is changed. */
import { assert, assertEquals } from "@std/assert";
import {
  assertFailed,
  assertUnchanged,
  Instance,
  NAME,
  type Ran,
} from "../lab/scripted_instance.ts";

async function add(vm: Instance): Promise<Ran> {
  return await vm.cli("disk", "add", NAME, `${vm.runDir}/disk.img`);
}

function prepared(): Instance {
  const vm = new Instance();
  vm.image();
  return vm;
}

Deno.test("replies to nobody and with strange ids are not taken", async () => {
  await using vm = prepared();
  const strangers = [
    { return: "old", id: "kvm-hotplug-0" },
    { return: "none" },
    { return: "number", id: 3 },
    { error: { class: "GenericError", desc: "old" }, id: "kvm-hotplug-1" },
  ];
  vm.peer.once("query-status", { before: strangers });
  const ran = await add(vm);
  assertEquals(ran.status, 0, ran.out);
});

Deno.test("answers of strange forms crash nothing", async () => {
  const values = [null, 1, "x", [], [null, 1, [], {}], {}, { status: {} }];
  const questions = [
    "query-pci",
    "query-status",
    "query-block",
    "query-fdsets",
    "query-named-block-nodes",
    "query-migrate",
    "query-commands",
    "qom-list",
    "qom-get",
    "human-monitor-command",
    "query-name",
  ];
  for (const question of questions) {
    for (const value of values) {
      await using vm = prepared();
      vm.peer.once(question, { value });
      const ran = await vm.cli("list", NAME);
      assert([0, 4, 5].includes(ran.status), `${question}: ${ran.out}`);
    }
  }
});

Deno.test("an error of a strange form crashes nothing", async () => {
  const errors: readonly unknown[] = [
    {},
    { class: {}, desc: [] },
    { class: { toString: 1, valueOf: 1 }, desc: { toString: null } },
  ];
  for (const error of errors) {
    await using vm = prepared();
    vm.peer.once("blockdev-add", (call) => ({
      raw: `${JSON.stringify({ error, id: call.id })}\r\n`,
    }));
    await assertUnchanged(vm, async () => {
      assertFailed(await add(vm), 5, "qmp-error");
    });
  }
});

Deno.test("an answer nested a million deep crashes nothing", async () => {
  const deep = "[".repeat(1e6) + "]".repeat(1e6);
  const bridges = '[{"devices":[{"pci_bridge":'.repeat(20_000);
  for (const text of [deep, bridges + "{}" + "}]}]".repeat(20_000)]) {
    await using vm = prepared();
    vm.peer.once("query-pci", (call) => ({
      raw: `{"return":${text},"id":${JSON.stringify(call.id)}}\r\n`,
    }));
    const ran = await vm.cli("list", NAME);
    assert([0, 4, 5].includes(ran.status), ran.out.slice(0, 300));
  }
});

Deno.test("QEMU's words cannot move the cursor", async () => {
  await using vm = prepared();
  const desc = "\u001b[31m red\r\n\u202e turned";
  vm.peer.once("blockdev-add", { refuse: { class: "GenericError", desc } });
  const ran = await add(vm);
  const { qmp } = assertFailed(ran, 5, "qmp-error");
  assertEquals(qmp?.desc, desc);
  // deno-lint-ignore no-control-regex -- what must not be there
  assert(!/[\u001b\r\u202e]/.test(ran.out));
});
