/** Processors come and go, move with their guest, and are put in order. */
import { assertEquals, assertMatch } from "@std/assert";
import { eachRelease } from "../lab/each_release.ts";
import { moved, sent, targetCommand, temporaryFolder } from "../lab/migrate.ts";
import { rpcOnce } from "../lab/rpc_once.ts";
import { tool } from "../lab/tool.ts";
import { testTools, Vm } from "../lab/vm.ts";
import { KillBench } from "./kill_bench.ts";
import {
  FULL,
  type KillPoint,
  pointsOf,
  recordMessages,
} from "./kill_points.ts";
import { killAt } from "./kill_sweep.ts";

const ROOM = { extraArgs: ["--smp", "maxcpus=4"] };

/** As the tool tells of them. */
async function listed(vm: Vm) {
  const { json } = await tool(vm, "list", vm.name);
  const devices: { id: string; status: string }[] = json.devices;
  return [json.vcpus, ...devices.map(({ id, status }) => `${id} ${status}`)];
}

/** The ids of the words that a start has. */
async function recordedIds(vm: Vm): Promise<string[]> {
  const [command] = JSON.parse(await Deno.readTextFile(vm.runtimePath));
  return command.flatMap((word: string) =>
    /-cpu,id=([^,]+)/.exec(word)?.[1] ?? []
  );
}

/** What the guest must see: on QEMU 7.2 under TCG going online takes long. */
async function sees(vm: Vm, count: number, release: string): Promise<void> {
  const processors = "ls -d /sys/devices/system/cpu/cpu[0-9]* | wc -l";
  await vm.waitGuest(`test $(${processors}) = ${count}`);
  if (release.startsWith("7.")) return;
  await vm.waitGuest(
    "for c in /sys/devices/system/cpu/cpu*/online; do echo 1 > $c; done; " +
      `test $(grep -c ^processor /proc/cpuinfo) = ${count}`,
  );
}

/** What the QEMU of a test is given by somebody else. */
async function plugByHand(vm: Vm, id: string): Promise<void> {
  const [highest] = await vm.qmp.execute<
    { type: string; props: Record<string, number> }[]
  >("query-hotpluggable-cpus");
  const driver = highest?.type ?? "";
  await vm.qmp.execute("device_add", { driver, id, ...highest?.props });
}

eachRelease("processors are set, seen, moved and removed", async (vm, t) => {
  const before = await Deno.readTextFile(vm.runtimePath);

  await t.step("what somebody else plugged is recorded by adopt", async () => {
    await plugByHand(vm, "by-hand");
    assertEquals(await listed(vm), [2, "by-hand not-recorded"]);
    const adopt = await tool(vm, "adopt", vm.name);
    assertEquals([adopt.status, adopt.json.adopted.length], [0, 1]);
    assertEquals(await listed(vm), [2, "by-hand ok"]);
  });

  await t.step("a dry run changes nothing", async () => {
    const dry = await tool(vm, "vcpu", "set", vm.name, "3", "--dry-run");
    assertEquals([dry.status, dry.json.changed, dry.json.reached], [
      ...[0, false, 3],
    ]);
    // Nothing is present yet.
    assertEquals(dry.json.warnings, []);
    assertEquals(await listed(vm), [2, "by-hand ok"]);
  });

  await t.step("set adds what is missing in the lowest place", async () => {
    const set = await tool(vm, "vcpu", "set", vm.name, "3");
    assertEquals([set.status, set.json.changed, set.json.reached], [
      ...[0, true, 3],
    ]);
    assertMatch(set.stderr, /vcpu-1 is present; the guest brings it online/);
    const [words, ...rest] = JSON.parse(
      await Deno.readTextFile(vm.runtimePath),
    );
    const [old, ...others] = JSON.parse(before);
    assertEquals([words.slice(0, old.length), rest], [old, others]);
    assertEquals(await recordedIds(vm), ["by-hand", "vcpu-1"]);
    assertEquals(await listed(vm), [3, "by-hand ok", "vcpu-1 ok"]);
    const { json } = await tool(vm, "list", vm.name);
    await sees(vm, 3, json.qemu.version);
    const again = await tool(vm, "vcpu", "set", vm.name, "3");
    assertEquals([again.status, again.json.changed], [0, false]);
  });

  await t.step("a target from the file has the same", async () => {
    await using other = await temporaryFolder();
    await using target = await moved(vm, other.path);
    assertEquals(await listed(target), [3, "by-hand ok", "vcpu-1 ok"]);
    const remove = await tool(target, "vcpu", "remove", vm.name);
    assertEquals([remove.status, remove.json.device?.id], [0, "by-hand"]);
    const set = await tool(target, "vcpu", "set", vm.name, "1");
    assertEquals([set.status, set.json.reached], [0, 1], set.stderr);
    assertEquals([await recordedIds(target), await listed(target)], [[], [1]]);
    const less = await tool(target, "vcpu", "remove", vm.name);
    assertEquals([less.status, less.json.error.code], [3, "unsupported"]);
    const more = await tool(target, "vcpu", "add", vm.name, "5");
    assertEquals([more.status, more.json.error.code], [3, "unsupported"]);
    const gone = await tool(target, "vcpu", "remove", vm.name, "vcpu-1");
    assertEquals([gone.status, gone.json.changed], [0, false]);
  });
  // The first counts sockets. The tool is killed on machines of type pc.
}, { ...ROOM, machines: ["pc-i440fx-5.2", "q35"] });

for (const machine of ["pc", "pc-i440fx-5.2", "q35"]) {
  eachRelease(
    `processors of ${machine} come, wait to go, and move`,
    async (vm) => {
      await plugByHand(vm, "by-hand");
      assertEquals((await tool(vm, "adopt", vm.name)).status, 0);
      const add = await tool(vm, "vcpu", "add", vm.name);
      assertEquals(add.status, 0, add.stdout);
      const { socket, core } = add.json.device;
      // Old machine types count sockets.
      const isOld = machine === "pc-i440fx-5.2";
      assertEquals([socket, core], isOld ? [1, 0] : [0, 1]);
      // There is a hole between them.
      assertEquals(await listed(vm), [3, "by-hand ok", "vcpu-1 ok"]);
      await vm.qmp.execute("stop");
      const remove = await tool(vm, "vcpu", "remove", vm.name, "vcpu-1");
      assertEquals([remove.status, remove.json.error.code], [
        ...[6, "unplug-pending"],
      ]);
      assertEquals(await listed(vm), [
        ...[3, "by-hand ok", "vcpu-1 pending-removal"],
      ]);
      const set = await tool(vm, "vcpu", "set", vm.name, "3");
      assertEquals([set.status, set.json.error.code], [3, "refused"]);
      await using other = await temporaryFolder();
      const uri = `unix:${other.path}/migration`;
      const argv = await targetCommand(vm, other.path, uri);
      await using target = await Vm.target({
        ...{ name: vm.name, runDir: other.path, argv },
      });
      await Deno.copyFile(vm.runtimePath, target.runtimePath);
      const early = await tool(target, "vcpu", "add", vm.name);
      assertEquals([early.status, early.json.error.code], [3, "migrating"]);
      await sent(vm, uri);
      const late = await tool(vm, "vcpu", "add", vm.name);
      assertEquals([late.status, late.json.error.code], [3, "migrating"]);
      await target.qmp.execute("cont");
      assertEquals(await listed(target), [3, "by-hand ok", "vcpu-1 ok"]);
    },
    { guest: "none", extraArgs: [...ROOM.extraArgs, "-machine", machine] },
  );
}

eachRelease(
  "without ACPI no processor is added, and check says so",
  async (vm) => {
    const add = await tool(vm, "vcpu", "add", vm.name);
    assertEquals([add.status, add.json.error.code], [3, "unsupported"]);
    assertMatch(
      add.json.error.message,
      /needs ACPI, but QEMU runs with acpi=off/,
    );
    // Its places are told all the same.
    assertEquals(await listed(vm), [1]);
    const { json } = await tool(vm, "check", vm.name);
    const of = (name: string) =>
      json.requirements.find((one: { name: string }) => one.name === name);
    assertEquals([of("vcpu-acpi").ok, of("vcpu-acpi").for], [false, ["vcpu"]]);
    assertEquals([of("maxcpus").ok, of("maxcpus").detail], [
      ...[true, "1 of 4 places are taken"],
    ]);
  },
  { guest: "none", extraArgs: [...ROOM.extraArgs, "-machine", "acpi=off"] },
);

eachRelease("check has the words for a VM without room", async (vm) => {
  const { json } = await tool(vm, "check", vm.name);
  assertEquals(json.supported, true);
  assertMatch(json.kvm_extra, /^(?:.* )?--smp maxcpus=8(?: |$)/);
  const method = { instance: vm.name, count: 2 };
  const answer = await rpcOnce(vm, "vcpu.set", method);
  assertEquals(answer.error.code, -32003);
  assertEquals(answer.error.data.error.code, "unsupported");
}, { guest: "none" });

/** What comes at its own time is no point. */
const AT_ANY_TIME = /query-hotpluggable-cpus|DEVICE_DELETED/;

/** Kills a `vcpu set` at a point; `repair` or the same command mends it. */
async function killed(
  bench: KillBench,
  count: number,
  { point, mender }: { point: KillPoint; mender: "repair" | "again" },
): Promise<void> {
  const { vm } = bench;
  const words = ["vcpu", "set", vm.name, String(count), "--quiet"];
  const about = {
    title: "processor",
    verb: "add",
    id: "",
    remove: [],
  } as const;
  const title = `${count}: ${point.when} ${point.message}, ${mender}`;
  assertEquals(
    await killAt(bench, { ...about, add: words }, point),
    true,
    title,
  );
  if (mender === "repair") await bench.expectTool("repair", vm.name);
  const again = await tool(vm, ...words);
  assertEquals(again.status, 0, title + again.stdout);
  const { json } = await tool(vm, "list", vm.name);
  const bad = json.devices.filter((one: { status: string }) =>
    one.status !== "ok"
  );
  assertEquals([json.vcpus, bad, json.differences], [count, [], []], title);
  assertEquals((await recordedIds(vm)).length, count - 1, title);
  const repair = await tool(vm, "repair", vm.name);
  assertEquals([repair.status, repair.json.repaired], [0, []], title);
}

/** Adds a processor while somebody else, such as noded, writes the file. */
async function besideWriter(
  bench: KillBench,
  count: number,
): Promise<void> {
  const { vm, proxy } = bench;
  const read = async () => JSON.parse(await Deno.readTextFile(vm.runtimePath));
  const [before, nics, hvparams, ...rest] = await read();
  const theirs = [before, nics, { ...hvparams, kernel_args: "ro quiet" }];
  proxy.hook = async ({ direction, message }) => {
    if (direction === "to-qemu" && message.execute === "device_add") {
      const text = JSON.stringify([...theirs, ...rest]);
      await Deno.writeTextFile(vm.runtimePath, text);
    }
    return "pass" as const;
  };
  await bench.expectTool(
    ...["vcpu", "set", vm.name, String(count), "--quiet"],
  );
  proxy.hook = () => "pass";
  const [words, ...now] = await read();
  assertEquals(now, [...theirs.slice(1), ...rest]);
  assertEquals([words.slice(0, before.length), words.length], [
    ...[before, before.length + 2],
  ]);
}

const tools = await testTools();

// Each kill has a processor of its own: QEMU without KVM may end when one comes
// back.
for (const [number, release] of tools.qemus.entries()) {
  Deno.test(`QEMU ${release.name}: processors, the tool killed`, async (t) => {
    const extraArgs = ["--smp", `maxcpus=${FULL ? 250 : 48}`];
    // A guest needs memory for each processor that it may get.
    const memoryMiB = FULL ? 512 : undefined;
    const machine = {
      release,
      tools,
      extraArgs,
      ...memoryMiB && { memoryMiB },
    };
    await using bench = await KillBench.open(machine);
    let count = 1;
    for (const by of [1, -1]) {
      await t.step(by > 0 ? "as they come" : "as they go", async () => {
        count += by;
        const words = ["vcpu", "set", bench.vm.name, String(count), "--quiet"];
        const messages = await recordMessages(
          bench,
          () => bench.expectTool(...words),
        );
        const points = pointsOf(messages)
          .filter(({ message }) => !AT_ANY_TIME.test(message));
        assertEquals(points.length > 4, true, messages.join());
        // The releases share them, and both menders take part in each share.
        const some = points.filter((_, k) =>
          FULL || Math.floor(k / 2) % tools.qemus.length === number
        );
        for (const [k, point] of some.entries()) {
          count += by;
          const mender = k % 2 === 0 ? "repair" : "again";
          await killed(bench, count, { point, mender });
        }
        console.log(`kill points tried ${some.length} of ${points.length}`);
      });
      if (by < 0) continue;
      await t.step("as somebody else writes the file", async () => {
        await besideWriter(bench, ++count);
      });
    }
  });
}
