/** `state show` and `state upgrade`, on files of every age. */
import { assertEquals, assertMatch } from "@std/assert";
import { assert, sample } from "../support/facts.ts";
import { NAME } from "../lab/runtime_text.ts";
import {
  assertFailed,
  assertUnchanged,
  Instance,
} from "../lab/scripted_instance.ts";

const OLD = sample("02-2.10");

Deno.test("state show needs no QEMU and keeps the file to the letter", async () => {
  await using vm = new Instance();
  Deno.writeTextFileSync(vm.runtimePath, OLD);
  await assertUnchanged(vm, async () => {
    const ran = await vm.cli("state", "show", NAME);
    assertEquals(ran.status, 0, ran.out);
    assertEquals(ran.out.includes(`"raw":${OLD.trim()},`), true);
    const { version, current, understood } = ran.json as {
      version: string;
      current: boolean;
      understood: { disks: { id: string; slot: number }[] };
    };
    assertEquals([version, current], ["2.10", false]);
    const [disk] = understood.disks;
    assertEquals([disk?.id, disk?.slot], ["hotdisk-e13df160-pci-4", 4]);
  });
  assertEquals(vm.peer.connections, 0);
});

Deno.test("state upgrade changes an old file once", async () => {
  await using vm = new Instance();
  Deno.writeTextFileSync(vm.runtimePath, OLD);
  await assertUnchanged(vm, async () => {
    const dry = await vm.cli("state", "upgrade", NAME, "--dry-run");
    assertEquals([dry.status, dry.json.changed], [0, false], dry.out);
    assertEquals((dry.json.plan as unknown[]).length, 2);
  });
  const first = await vm.cli("state", "upgrade", NAME);
  assertEquals([first.status, first.json.changed], [0, true], first.out);
  const [, [nic], hvparams] = vm.runtime;
  assertEquals(nic.hvinfo.id, "hotnic-e23df160-pci-5");
  assertEquals(hvparams.disk_discard, "ignore");
  const { inode } = fileOf(vm);
  const again = await vm.cli("state", "upgrade", NAME);
  assertEquals([again.status, again.json.changed], [0, false], again.out);
  assertEquals(fileOf(vm).inode, inode, "not even replaced");
  assertEquals(vm.peer.connections, 0);
});

function fileOf(vm: Instance) {
  return { inode: Deno.statSync(vm.runtimePath).ino };
}

Deno.test("state upgrade takes a file that is mostly blanks in no time", async () => {
  await using vm = new Instance();
  const blanks = " ".repeat(300_000);
  const text = `[["kvm"], [${blanks}], {}, [${blanks}[{}, null]${blanks}]]\n\n`;
  Deno.writeTextFileSync(vm.runtimePath, text);
  const begin = performance.now();
  const { status, out } = await vm.cli("state", "upgrade", NAME);
  assertEquals(status, 0, out);
  assert(performance.now() - begin < 5_000);
  const after = Deno.readTextFileSync(vm.runtimePath);
  const entry = '[{"hvinfo": {}}, null, null]';
  assert(after === text.replace("[{}, null]", entry), "all else as it was");
});

Deno.test("state upgrade gives a NIC without uuid one that stays", async () => {
  await using vm = new Instance();
  const text = '[["kvm"], [{"mac": "aa:00:00:00:00:01"}], {"acpi": true}]\n';
  Deno.writeTextFileSync(vm.runtimePath, text);
  const shown = await vm.cli("state", "show", NAME);
  assertEquals(shown.json.version, "2.7");
  await vm.cli("state", "upgrade", NAME);
  const [, [{ uuid }], , disks] = vm.runtime;
  assertMatch(uuid, /^[0-9a-f-]{36}$/);
  assertEquals(disks, []);
  const { understood } = shown.json as {
    understood: { nics: { uuid: string }[] };
  };
  assertEquals(understood.nics[0]?.uuid, uuid);
});

Deno.test("a change of an old file writes today's form", async () => {
  await using vm = new Instance();
  Deno.writeTextFileSync(vm.runtimePath, OLD);
  const ran = await vm.cli("nic", "add", NAME, "--mode", "none");
  assertEquals(ran.status, 0, ran.out);
  const [command, nics] = vm.runtime;
  assertEquals(nics.length, 3);
  assertEquals(command.includes("-localtime"), false);
  assertEquals(nics[2].hvinfo.id, (ran.json.device as { id: string }).id);
  // Its scheme is that of the devices the file has.
  assertMatch(nics[2].hvinfo.id, /^nic-[0-9a-f]{8}-pci-\d+$/);
});

Deno.test("state commands refuse what is no runtime file", async () => {
  const bad = ["[[], [], 7]", '[[], [{"pci": 99}], {}, []]', "nothing"];
  for (const text of bad) {
    await using vm = new Instance();
    Deno.writeTextFileSync(vm.runtimePath, text);
    for (const words of [["show"], ["upgrade"], ["show", "--verify"]]) {
      await assertUnchanged(vm, async () => {
        const ran = await vm.cli("state", ...words, NAME);
        assertFailed(ran, 3, "bad-state-file");
      });
    }
  }
  await using vm = new Instance();
  const gone = await vm.cli("state", "show", "nobody.example.com");
  assertFailed(gone, 3, "no-such-instance");
});
