/** `list` and `--dry-run`: they answer, and change nothing at all. */
import { assertEquals, assertMatch, assertObjectMatch } from "@std/assert";
import {
  DISK,
  diskEntry,
  type Doc,
  fds,
  inodes,
  Instance,
  NAME,
  NEW,
  NEW_DISK,
  NIC,
  type Ran,
  taps,
} from "../lab/scripted_instance.ts";

/** Runs a question and asserts that not even a time stamp is different. */
async function ask(vm: Instance, ...words: string[]): Promise<Ran> {
  const look = () => ({
    inodes: inodes(vm.runDir),
    fds: fds(),
    taps: taps(),
    qemu: vm.peer.model.contents(),
  });
  const before = look();
  const ran = await vm.cli(...words);
  assertEquals(look(), before);
  assertEquals(vm.peer.changes(), []);
  return ran;
}

function statuses(ran: Ran): unknown[] {
  return (ran.json.devices as Doc[]).map((
    { id, index, status },
  ) => [id, index, status]);
}

/** One disk sits elsewhere, one is gone, and a NIC was plugged by hand. */
function differing(): Instance {
  const gone = diskEntry(NEW, NEW_DISK, { addr: "0xe" });
  const moved = diskEntry(DISK.uuid, DISK.id, { addr: "0x10" });
  const vm = new Instance({ disks: [moved, gone] });
  const plug = (id: string, driver: string, slot: number) =>
    vm.peer.model.devices.set(id, { id, driver, slot });
  plug(DISK.id, "virtio-blk-pci", 12);
  plug("by-hand", "virtio-net-pci", 20);
  return vm;
}

Deno.test("list INSTANCE compares file and QEMU", async () => {
  await using vm = differing();
  const ran = await ask(vm, "list", NAME);
  assertEquals(ran.status, 0);
  assertEquals(statuses(ran), [
    [DISK.id, 0, "differs"],
    [NEW_DISK, 1, "not-in-qemu"],
    [NIC.id, 0, "ok"],
    ["by-hand", null, "not-recorded"],
  ]);
  assertObjectMatch(ran.json.qemu as Doc, {
    version: "7.2.22",
    machine: "pc-i440fx-7.2",
    pid: null,
    run_state: "running",
  });
});

Deno.test("list --whole and check look as deep as list INSTANCE", async () => {
  await using vm = differing();
  const one = await ask(vm, "list", NAME);
  const devices = one.json.devices as { differences: unknown[] }[];
  const all = [
    ...devices.flatMap(({ differences }) => differences),
    ...one.json.differences as unknown[],
  ];
  const codes = (remarks: unknown) =>
    (remarks as { code: string }[]).map(({ code }) => code).sort();
  const looked = async (...words: string[]) => {
    const { json } = await ask(vm, "list", ...words);
    const [found] = json.instances as Doc[];
    return [json.compared, found?.compared, codes(found?.attention)];
  };
  assertEquals(await looked("--whole"), ["whole", "whole", codes(all)]);
  assertEquals(codes(all).length > 3, true);
  const shallow = ["not-in-qemu"];
  assertEquals(await looked(), ["presence", "presence", shallow]);

  const { status, json } = await ask(vm, "check", NAME);
  assertEquals([json.compared, codes(json.differences)], ["whole", codes(all)]);
  assertEquals(status, json.supported ? 0 : 3);
});

Deno.test("list INSTANCE shows a disk as it was added", async () => {
  await using vm = new Instance();
  const words = ["--uuid", NEW, "--name", "data"];
  const added = await vm.cli("disk", "add", NAME, vm.image(), ...words);
  vm.peer.calls.length = 0;
  const listed = await ask(vm, "list", NAME);
  const [, disk] = listed.json.devices as Doc[];
  const ok = { status: "ok", differences: [] };
  // No QEMU tells them.
  const untold = { aio: null, discard: null };
  assertEquals(disk, { ...added.json.device as Doc, ...ok, ...untold });
});

Deno.test("list INSTANCE shows a NIC as it was added", async () => {
  await using vm = new Instance();
  Deno.mkdirSync(vm.at(`nic/${NAME}`));
  const added = await vm.cli("nic", "add", NAME, "--uuid", NEW);
  vm.peer.calls.length = 0;
  const listed = await ask(vm, "list", NAME);
  const nic = (listed.json.devices as Doc[]).find((one) => one.uuid === NEW);
  const { vhost: _, ...rest } = added.json.device as Doc;
  const { vhost: __, ...shown } = nic ?? {};
  assertEquals(shown, { ...rest, status: "ok", differences: [] });
});

Deno.test("list INSTANCE of a VM that does not run tells the file", async () => {
  await using vm = new Instance();
  await vm.peer.die();
  const ran = await ask(vm, "list", NAME);
  assertEquals([ran.status, ran.json.qemu], [0, null]);
  assertEquals(statuses(ran), [
    [DISK.id, 0, "not-in-qemu"],
    [NIC.id, 0, "not-in-qemu"],
  ]);
  assertMatch(ran.err, /^warning: /);
});

Deno.test("list INSTANCE does not call a garbled QEMU down", async () => {
  await using vm = new Instance();
  vm.peer.once("query-pci", { raw: "garbage\n" });
  const ran = await ask(vm, "list", NAME);
  assertEquals(ran.status, 4, ran.out);
});

Deno.test("list tells of every instance, whole or not", async () => {
  await using vm = new Instance();
  const conf = (name: string) => vm.at(`conf/${name}.runtime`);
  Deno.copyFileSync(vm.runtimePath, conf("vm2"));
  Deno.writeTextFileSync(conf("vm3"), "[");
  Deno.writeTextFileSync(`${vm.runtimePath}abcd.new`, "");
  const ran = await ask(vm, "list");
  assertEquals(ran.status, 0);
  const all = (ran.json.instances as Doc[]).map((
    one,
  ) => [
    one.instance,
    one.running,
    one.disks,
    one.nics,
    (one.attention as unknown[]).length === 0,
  ]);
  assertEquals(all, [
    [NAME, true, 1, 1, true],
    ["vm2", false, 1, 1, true],
    ["vm3", false, null, null, false],
  ]);
  assertEquals(vm.peer.connections, 1);
});

Deno.test("list of a node without instances is empty, not an error", async () => {
  await using vm = new Instance();
  Deno.removeSync(vm.runtimePath);
  const none = { ok: true, instances: [], compared: "presence" };
  const empty = { ...none, instance: null, warnings: [] };
  assertEquals((await ask(vm, "list")).json, empty);
});

Deno.test("list of a run directory that is not there is status 3", async () => {
  await using vm = new Instance();
  const ran = await vm.cli("list", "--run-dir", `${vm.runDir}/nothing`);
  const { code, message } = ran.json.error as Doc;
  assertEquals([ran.status, code], [3, "no-such-run-dir"], ran.out);
  assertEquals(message, `Run directory ${vm.runDir}/nothing does not exist`);
});

/** Commands and how many steps their dry run must show. */
const DRY = {
  "disk add": 8,
  "nic add": 8,
  "disk remove": 4,
  "nic remove": 4,
} as const;

for (const [command, steps] of Object.entries(DRY)) {
  Deno.test(`${command} --dry-run shows its plan and changes nothing`, async () => {
    await using vm = new Instance();
    const last = { "disk add": [vm.image()], "nic add": [] }[command] ?? ["0"];
    const words = [...command.split(" "), NAME, ...last];
    const ran = await ask(vm, ...words, "--dry-run");
    assertEquals(ran.status, 0, ran.out);
    const { ok, dry_run, changed, plan, device } = ran.json;
    assertEquals([ok, dry_run, changed], [true, true, false]);
    assertEquals(typeof (device as Doc).slot, "number");
    const all = plan as Doc[];
    assertEquals(all.length, steps);
    for (const step of all) {
      assertEquals(Object.keys(step).sort(), ["host", "qmp", "step", "undo"]);
      assertEquals([step.qmp, step.host].includes(null), true);
    }
  });
}

Deno.test("disk add --dry-run names the commands that are then sent", async () => {
  await using vm = new Instance();
  const words = ["disk", "add", NAME, vm.image(), "--uuid", NEW];
  const dry = await ask(vm, ...words, "--dry-run");
  const planned = (dry.json.plan as Doc[]).flatMap(({ qmp }) => {
    const { execute, arguments: args } = qmp as Doc ?? {};
    return execute === undefined || execute === "query-pci"
      ? []
      : [[execute, args]];
  });
  await vm.cli(...words);
  const sent = vm.peer.calls.filter(({ command }) =>
    vm.peer.changes().includes(command)
  ).map(({ command, args }) => [command, args]);
  assertEquals(sent, planned);
});

Deno.test("a dry run goes on beside a call that holds the lock", async () => {
  await using vm = new Instance();
  const both = await Promise.all([
    vm.cli("disk", "add", NAME, vm.image()),
    vm.cli("nic", "add", NAME, "--dry-run", "--lock-timeout", "0"),
  ]);
  assertEquals(both.map((ran) => ran.status), [0, 0]);
});

Deno.test("a dry run meets the refusals of the real thing", async () => {
  await using vm = new Instance();
  vm.peer.model.migration = "active";
  const ran = await ask(vm, "nic", "add", NAME, "--dry-run");
  assertEquals(ran.status, 3);
});

Deno.test("help and version look at nothing", async () => {
  await using vm = new Instance();
  for (
    const words of [["--help"], ["help"], ["help", "disk", "add"], [
      "--version",
    ], ["disk", "add", "--help"]]
  ) {
    const ran = await ask(vm, ...words);
    assertEquals([ran.status, ran.json.ok], [0, true]);
  }
  assertEquals(vm.peer.connections, 0);
});
