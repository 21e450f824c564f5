/** `disk add` whose questions are refused, not answered, or answered badly. */
import { assertEquals, assertMatch } from "@std/assert";
import {
  assertFailed,
  assertUnchanged,
  Instance,
  NAME,
  NEW,
  type Ran,
} from "../lab/scripted_instance.ts";

const NO = { class: "GenericError", desc: "QEMU says no" };

async function add(vm: Instance, ...more: string[]): Promise<Ran> {
  const source = `${vm.runDir}/disk.img`;
  return await vm.cli("disk", "add", NAME, source, "--uuid", NEW, ...more);
}

function prepared(): Instance {
  const vm = new Instance();
  vm.image();
  return vm;
}

Deno.test("disk add that is not QMP any more is undone", async () => {
  for (const raw of ["garbage\r\n", "[1]\r\n", '{"neither":1}\r\n']) {
    await using vm = prepared();
    vm.peer.once("blockdev-add", { raw });
    await assertUnchanged(vm, async () => {
      assertFailed(await add(vm), 5, "qmp-error");
    });
  }
});

Deno.test("disk add before its first change: garbage is status 4", async () => {
  await using vm = prepared();
  vm.peer.once("query-fdsets", { raw: "garbage\r\n" });
  await assertUnchanged(vm, async () => {
    assertFailed(await add(vm), 4, "not-running");
  });
});

Deno.test("disk add refused by a question changes nothing", async () => {
  const questions = new Set<string>();
  {
    await using vm = prepared();
    await add(vm, "--dry-run");
    for (const { command } of vm.peer.calls) questions.add(command);
  }
  assertEquals(questions.size, 11);
  for (const question of questions) {
    for (const close of ["before-reply", "after-reply"] as const) {
      await using vm = prepared();
      vm.peer.once(question, { close });
      await assertUnchanged(vm, async () => {
        // A connection that ends behind the last reply is met by add-fd.
        const ran = await add(vm);
        assertEquals(ran.json.changed, false);
        assertEquals(ran.status, 4, `${question} ${close}: ${ran.out}`);
      });
    }
  }
});

Deno.test("disk add without a reply to a question: monitor-timeout", async () => {
  for (const question of ["qmp_capabilities", "query-pci"]) {
    await using vm = prepared();
    vm.peer.once(question, { reply: "never" });
    await assertUnchanged(vm, async () => {
      const ran = await add(vm, "--timeout", "0.1");
      const { message } = assertFailed(ran, 4, "monitor-timeout");
      assertMatch(message, new RegExp(question));
    });
  }
});

Deno.test("disk add refused by qmp_capabilities: the VM could not be asked", async () => {
  await using vm = prepared();
  vm.peer.once("qmp_capabilities", { refuse: NO });
  await assertUnchanged(vm, async () => {
    const ran = await add(vm);
    assertEquals([ran.status, ran.json.changed], [4, false], ran.out);
  });
});
