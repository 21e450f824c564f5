/** The runtime file: bad ones, ones that change, ones that cannot be written. */
import { assert, assertEquals } from "@std/assert";
import {
  assertFailed,
  assertUnchanged,
  diskEntry,
  Instance,
  NAME,
  NEW,
  NEW_DISK,
  NIC,
  nicEntry,
  runtimeText,
} from "../lab/scripted_instance.ts";

const OTHER = "c2222222-2222-4333-8444-555555555555";

async function run(program: string, ...args: string[]): Promise<void> {
  const done = await new Deno.Command(program, { args }).output();
  if (done.success) return;
  throw new Error(`${program}: ${new TextDecoder().decode(done.stderr)}`);
}

/** The file with one more NIC, as Ganeti's noded would write it. */
function withAnotherNic(): string {
  const mac = "aa:00:00:00:00:77";
  const more = nicEntry(OTHER, "nic-c2222222-2222-4333", { mac, addr: "0x1f" });
  return runtimeText({ nics: [nicEntry(NIC.uuid, NIC.id), more] });
}

/** As noded writes: beside it, then renamed over it. */
function replaceRuntime(vm: Instance, text: string) {
  Deno.writeTextFileSync(`${vm.runtimePath}.noded`, text);
  Deno.renameSync(`${vm.runtimePath}.noded`, vm.runtimePath);
}

const MALFORMED: Record<string, string> = {
  "nothing": "",
  "half a file": runtimeText().slice(0, 300),
  "an object": "{}",
  "too short": "[[],[]]",
  "two documents": `${runtimeText()}[]`,
  "a NIC that is text": '[[],["nic"],{},[]]',
  "a disk that is an object": "[[],[],{},[{}]]",
  "a link that is a number": "[[],[],{},[[{},1,null]]]",
  "a comment": `${runtimeText()}// end`,
  "deep": "[".repeat(100_000),
};

Deno.test("a malformed runtime file is refused with its place", async () => {
  for (const [what, text] of Object.entries(MALFORMED)) {
    await using vm = new Instance();
    Deno.writeTextFileSync(vm.runtimePath, text);
    for (const words of [["state", "show"], ["nic", "add"]]) {
      await assertUnchanged(vm, async () => {
        const ran = await vm.cli(...words, NAME);
        assertEquals(ran.status, 3, `${what}: ${ran.out}`);
        const { message, hint } = assertFailed(ran, 3, "bad-state-file");
        assert(message.includes(vm.runtimePath), message);
        const { runDir, runtimePath: path } = vm;
        const way =
          `mv ${path} ${path}.broken && kvm-hotplug adopt ${NAME} --run-dir ${runDir}`;
        assertEquals(hint?.split("run: ")[1], way);
        assert(/line|column|element|NIC|disk|must/.test(message), message);
      });
    }
    assertEquals(vm.peer.connections, 0);
  }
});

Deno.test("a runtime file that is no file is refused, and not waited for", async () => {
  const kinds: Record<string, (path: string) => Promise<void>> = {
    link: async (path) => {
      await Deno.rename(path, `${path}.real`);
      await Deno.symlink(`${path}.real`, path);
    },
    FIFO: async (path) => {
      await Deno.remove(path);
      await run("mkfifo", path);
    },
    directory: async (path) => {
      await Deno.remove(path);
      await Deno.mkdir(path);
    },
    binary: (path) => Deno.writeFile(path, new Uint8Array([0x5b, 0xff, 0x5d])),
    huge: (path) => Deno.truncate(path, 17 * 1024 * 1024),
  };
  for (const [what, make] of Object.entries(kinds)) {
    await using vm = new Instance();
    await make(vm.runtimePath);
    const ran = await vm.cli("nic", "add", NAME);
    assertEquals(ran.status, 3, `${what}: ${ran.out}`);
    const { hint } = assertFailed(ran, 3, "bad-state-file");
    assert(hint?.includes("kvm-hotplug adopt"), `${what}: ${hint}`);
    const { json } = await vm.cli("list");
    const [only] = json.instances as Record<string, unknown>[];
    assertEquals([only?.disks, (only?.attention as unknown[]).length], [
      null,
      1,
    ]);
  }
});

Deno.test("a path in the runtime file that no path can be is no crash", async () => {
  for (const link of ["/a\0b", "\ud800", "x".repeat(100_000), ""]) {
    await using vm = new Instance({ disks: [diskEntry(OTHER, "d", { link })] });
    const ran = await vm.cli("disk", "add", NAME, vm.image());
    assert([0, 3].includes(ran.status), ran.out);
    const listed = await vm.cli("list", NAME);
    assert([0, 3].includes(listed.status), listed.out);
  }
});

Deno.test("noded's change between stage and commit survives an add", async () => {
  await using vm = new Instance();
  vm.peer.once("device_add", {
    meanwhile: () => replaceRuntime(vm, withAnotherNic()),
  });
  const ran = await vm.cli("disk", "add", NAME, vm.image(), "--uuid", NEW);
  assertEquals(ran.status, 0, ran.out);
  const [, nics, , disks] = vm.runtime;
  const uuids = [...nics, disks[1][0]].map((one) => one.uuid);
  assertEquals(uuids, [NIC.uuid, OTHER, NEW]);
  assertEquals([...Deno.readDirSync(vm.at("conf"))].length, 1);
});

Deno.test("noded's change between stage and commit survives a removal", async () => {
  await using vm = new Instance();
  vm.peer.once("device_del", {
    meanwhile: () => replaceRuntime(vm, withAnotherNic()),
  });
  const ran = await vm.cli("nic", "remove", NAME, NIC.uuid);
  assertEquals(ran.status, 0, ran.out);
  const [, nics] = vm.runtime;
  assertEquals(nics.map((one: { uuid: string }) => one.uuid), [OTHER]);
});

Deno.test("a runtime file spoiled meanwhile: status 5, undone", async () => {
  const spoil: Record<string, (vm: Instance) => void> = {
    "is malformed": (vm) => Deno.writeTextFileSync(vm.runtimePath, "["),
    "is gone": (vm) => Deno.removeSync(vm.runtimePath),
    "is a directory": (vm) => {
      Deno.removeSync(vm.runtimePath);
      Deno.mkdirSync(vm.runtimePath);
    },
  };
  for (const [what, meanwhile] of Object.entries(spoil)) {
    await using vm = new Instance();
    vm.peer.once("device_add", { meanwhile: () => meanwhile(vm) });
    const contents = vm.peer.model.contents();
    const ran = await vm.cli("disk", "add", NAME, vm.image());
    assertEquals(ran.status, 5, `it ${what}: ${ran.out}`);
    assertFailed(ran, 5, "state-write-failed");
    assertEquals(vm.peer.model.contents(), contents);
    const rest = [...Deno.readDirSync(vm.at("conf"))].map(({ name }) => name);
    assert(rest.every((name) => name.endsWith(".runtime")), String(rest));
  }
});

Deno.test("--state and --qmp take the place of the derived paths", async () => {
  await using vm = new Instance();
  const state = `${vm.runDir}/other.json`;
  Deno.renameSync(vm.runtimePath, state);
  vm.peer.model.name = "stranger";
  const source = vm.image();
  const words = ["disk", "add", NAME, source, "--uuid", NEW, "--state", state];
  assertFailed(await vm.cli(...words), 3, "refused");
  const ran = await vm.cli(...words, "--qmp", vm.qmpPath);
  assertEquals(ran.status, 0, ran.out);
  assert(Deno.readTextFileSync(state).includes(NEW_DISK));
  assertEquals([...Deno.readDirSync(vm.at("conf"))], []);
});
