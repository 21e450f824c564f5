/** The executable for aarch64: it starts, and changes a real guest. */
import { assertEquals, assertMatch } from "@std/assert";
import { VERSION } from "../../lib/version.ts";
import { run } from "../../tools/guest/run.ts";
import { arm64Deno, buildArm64 } from "../lab/aarch64.ts";
import { makeImage } from "../lab/each_release.ts";
import { interfaces, snapshot } from "../lab/snapshot.ts";
import { tool, toolBy, type ToolResult } from "../lab/tool.ts";
import { testTools, Vm } from "../lab/vm.ts";

const deno = await arm64Deno();
const tools = await testTools();

const DISK = "d0000001-1111-4111-8111-000000000001";
const MAC = "aa:00:00:00:00:01";
const NIC = "a0000001-1111-4111-8111-000000000001";
const MARKER = "written-by-host";
const READ = "dd if=/dev/vda bs=15 count=1 2>/dev/null";

/** The name of a temporary file has random letters. */
function withoutRandom({ stdout, stderr, status }: ToolResult) {
  return [stdout.replaceAll(/\w{8}\.new\b/g, "NAME.new"), stderr, status];
}

Deno.test({
  name: "the aarch64 executable, emulated, says and does what ours does",
  ignore: deno === undefined,
}, async (t) => {
  const [release] = tools.qemus;
  if (deno === undefined || release === undefined) return;
  const runDir = await Deno.makeTempDir({ prefix: "kvm-hotplug-aarch64-" });
  try {
    const command = await buildArm64(deno, runDir);
    const [program = "", ...args] = command;
    const emulated = toolBy(command);
    await using vm = await Vm.restored({ release, tools, runDir });
    const image = `${runDir}/d1.img`;
    await makeImage(image, MARKER);
    const before = await snapshot(vm);
    const add = ["disk", "add", vm.name, image, "--uuid", DISK];

    await t.step("--version", async () => {
      const said = await run(program, [...args, "--version"]);
      assertEquals(said, `kvm-hotplug ${VERSION}\n`);
    });

    await t.step("it starts where no code cache can be made", async () => {
      // qemu-user knows no fsopen(2).
      const child = new Deno.Command(program, {
        args: [...args, "rpc"],
        stdin: "piped",
        stdout: "piped",
      }).spawn();
      const stdin = child.stdin.getWriter();
      const call = { jsonrpc: "2.0", id: 1, method: "list", params: {} };
      await stdin.write(new TextEncoder().encode(`${JSON.stringify(call)}\n`));
      const reader = child.stdout.getReader();
      const { value } = await reader.read();
      assertMatch(new TextDecoder().decode(value), /"result"/);
      const fds = [...Deno.readDirSync(`/proc/${child.pid}/fd`)];
      assertEquals(fds.filter(({ name }) => name === "901"), []);
      await stdin.close();
      await reader.cancel();
      assertEquals((await child.status).code, 0);
    });

    await t.step(
      "it says what it lacks, and a limit on files does not kill it",
      async () => {
        const under = async (limit: string, ...words: string[]) => {
          const line = `ulimit ${limit}; exec "$@"`;
          const { code, stdout, stderr } = await new Deno.Command("bash", {
            args: ["-c", line, "bash", ...command, ...words],
            env: { KVM_HOTPLUG_RUN_DIR: runDir },
          }).output();
          const [out, err] = [stdout, stderr]
            .map((bytes) => new TextDecoder().decode(bytes));
          return { code, out, err };
        };
        const few = await under("-v 60000000", "list");
        assertEquals([few.code, few.out], [3, ""]);
        assertMatch(few.err, /^kvm-hotplug: Cannot start: .*ulimit -v\)\n$/);
        const short = await under("-f 1", ...add, "--json");
        assertEquals([short.code, short.err], [5, ""], short.out);
        assertMatch(short.out, /"state-write-failed".*EFBIG/);
        assertEquals(await snapshot(vm), before);
      },
    );

    await t.step("list and a dry run say what ours says", async () => {
      for (const words of [["list"], [...add, "--dry-run"]]) {
        const there = await emulated(vm, ...words);
        const here = await tool(vm, ...words);
        assertEquals(there.status, 0, there.stdout);
        assertEquals(withoutRandom(there), withoutRandom(here));
      }
      assertEquals(await snapshot(vm), before);
    });

    await t.step("a disk and a NIC go in, are used, and go out", async () => {
      const disk = await emulated(vm, ...add);
      assertEquals([disk.stderr, disk.status], ["", 0], disk.stdout);
      assertEquals(disk.json.device.via, "fdset");
      await vm.waitGuest("test -b /dev/vda");
      assertEquals((await vm.guest(READ)).output, MARKER);
      const nic = await emulated(
        ...[vm, "nic", "add", vm.name, "--mac", MAC, "--uuid", NIC] as const,
      );
      assertEquals([nic.stderr, nic.status], ["", 0], nic.stdout);
      assertEquals(interfaces().includes(nic.json.device.tap), true);
      await vm.waitGuest(`grep -qi ${MAC} /sys/class/net/*/address`);
      const list = await tool(vm, "list", vm.name);
      assertMatch(list.stdout, /"status":"ok".*"status":"ok"/);
      for (const [noun = "", one = ""] of [["nic", NIC], ["disk", DISK]]) {
        const { status, stdout } = await emulated(
          ...[vm, noun, "remove", vm.name, one] as const,
        );
        assertEquals(status, 0, stdout);
      }
      assertEquals(await snapshot(vm), before);
    });
  } finally {
    await Deno.remove(runDir, { recursive: true });
  }
});
