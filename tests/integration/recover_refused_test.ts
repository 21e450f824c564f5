/** Journals that are not for the VM, or not for the name, that was given. */
import { saidIn } from "../support/document.ts";
import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { diskAdd, nicAdd } from "./kill_requests.ts";
import { killAt, planNow } from "./killed.ts";
import { cli, Instance, NAME, NEW_DISK } from "../lab/scripted_instance.ts";

interface Refusal {
  readonly code: string;
  readonly message: string;
}

for (const request of [diskAdd, nicAdd]) {
  Deno.test(`${request.name}: recovery changes nothing in another VM`, async () => {
    await using vm = new Instance();
    await killAt(vm, request(vm), { step: 4, when: "after" });
    vm.peer.model.name = "other.example.com";
    const before = vm.state();
    for (const words of [["repair", NAME], ["nic", "add", NAME]]) {
      const ran = await vm.cli(...words);
      assertEquals([ran.status, ran.json.changed], [3, false], ran.out);
      const { code, message } = ran.json.error as Refusal;
      assertEquals(code, "refused");
      assertMatch(message, /other\.example\.com/);
      assertEquals(vm.state(), before);
    }
    vm.peer.model.name = NAME;
    const mended = await vm.cli("repair", NAME);
    assertEquals([mended.status, mended.json.changed], [0, true], mended.out);
  });
}

Deno.test("recover() takes back a recorded addition whose device is gone", async () => {
  await using vm = new Instance();
  const { text } = vm;
  const { steps } = await planNow(vm, diskAdd(vm));
  const commit = steps.findIndex(({ kind }) => kind === "commit-state");
  await killAt(vm, diskAdd(vm), { step: commit, when: "after" });
  assertNotEquals(vm.text, text);
  vm.peer.model.devices.delete(NEW_DISK);
  const ran = await vm.cli("repair", NAME);
  assertEquals(ran.status, 0, ran.out);
  assertEquals((ran.json.repaired as { did: string }[])[0]?.did, "taken back");
  assertEquals(vm.text, text);
  assertEquals(vm.peer.model.contents().join().includes(NEW_DISK), false);
});

Deno.test("a journal of one file by another name of the instance is kept", async () => {
  await using vm = new Instance();
  const file = `${vm.runDir}/mine.runtime`;
  Deno.copyFileSync(vm.runtimePath, file);
  await killAt(vm, diskAdd(vm), { step: 4, when: "after", runtime: file });
  const before = vm.state();
  const reach = ["--state", file, "--qmp", vm.qmpPath];
  for (const words of [["repair"], ["repair", "--dry-run"], ["nic", "add"]]) {
    const ran = await vm.cli(...words, "other", ...reach);
    assertEquals([ran.status, ran.json.ok], [3, false], ran.out);
    const { code, message } = ran.json.error as Refusal;
    assertEquals(code, "refused");
    assertMatch(message, new RegExp(`belongs to instance ${NAME}`));
    assertEquals(vm.state(), before);
  }
  const mended = await vm.cli("repair", NAME, ...reach);
  assertEquals([mended.status, mended.json.changed], [0, true], mended.out);
});

Deno.test("repair of a VM that is down says that QEMU was not asked", async () => {
  await using vm = new Instance();
  await vm.peer.die();
  const text = await cli(["--run-dir", vm.runDir, "repair", NAME]);
  assertMatch(text.out, /does not run; the runtime file and the node agree/);
  const { json } = await vm.cli("repair", NAME);
  assertEquals((json.warnings as string[]).length, 1);
});

const FAULTS: Record<string, (path: string) => void> = {
  link: (path) => {
    Deno.renameSync(path, `${path}.real`);
    Deno.symlinkSync(`${path}.real`, path);
  },
  file: (path) => {
    Deno.removeSync(path, { recursive: true });
    Deno.writeTextFileSync(path, "");
  },
  mode: (path) => Deno.chmodSync(path, 0o755),
  owner: (path) => Deno.chownSync(path, 65534, 65534),
};

for (const [how, plant] of Object.entries(FAULTS)) {
  Deno.test(`list tells of a folder of ours that is refused: ${how}`, async () => {
    await using vm = new Instance();
    Deno.mkdirSync(vm.ownDir, { recursive: true });
    Deno.chmodSync(vm.ownDir, 0o700);
    const attention = async () => {
      const { json } = await vm.cli("list");
      return (json.instances as { attention: unknown }[])[0]?.attention;
    };
    assertEquals(await attention(), []);
    plant(vm.ownDir);
    assertMatch(saidIn(await attention()), /kvm-hotplug must be/);
    const refused = await vm.cli("nic", "add", NAME);
    assertEquals([refused.status, refused.json.changed], [3, false]);
  });
}
