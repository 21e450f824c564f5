/**
 * Debian 11 whole: its C library, its iproute2 and its QEMU 5.2, with a real
 * guest, on the kernel of this machine.
 */
import { assertEquals, assertMatch } from "@std/assert";
import { dirname } from "@std/path";
import { cacheFolder } from "../../tools/guest/cache.ts";
import { ensureDebian11 } from "../../tools/guest/debian11.ts";
import { run } from "../../tools/guest/run.ts";
import type { QemuRelease } from "../../tools/setup.ts";
import { makeImage } from "../lab/each_release.ts";
import { OtherRoot } from "../lab/other_root.ts";
import { snapshot } from "../lab/snapshot.ts";
import { EXECUTABLE, toolBy } from "../lab/tool.ts";
import { testTools, Vm } from "../lab/vm.ts";
import { answersOf, CALLED_MACHINE, outcomeOf, twoBridges } from "./calls.ts";

const tools = await testTools();

/** The root's QEMU, by a script that a machine can be started with. */
async function qemuOf(root: OtherRoot, folder: string): Promise<QemuRelease> {
  const binary = `${folder}/qemu-system-x86_64`;
  const words = root.command("/usr/bin/qemu-system-x86_64");
  const script = `#!/bin/sh\nexec ${words.join(" ")} "$@"\n`;
  await Deno.writeTextFile(binary, script, { mode: 0o755 });
  const said = await run(binary, ["--version"]);
  const [, version = "", name = ""] = /version ((\d+\.\d+)[\d.]*)/.exec(said) ??
    [];
  return { name, version, binary, dataArgs: [] };
}

async function inDebian11(
  body: (vm: Vm, command: readonly string[]) => Promise<void>,
) {
  const folder = await Deno.makeTempDir({ prefix: "kvm-hotplug-debian11-" });
  try {
    const shared = [folder, dirname(EXECUTABLE), await cacheFolder()];
    const from = await ensureDebian11("qemu", console.error);
    await using root = await OtherRoot.enter(from, shared);
    const release = await qemuOf(root, folder);
    assertEquals(release.name, "5.2");
    const runDir = `${folder}/run`;
    const options = { release, tools, runDir, ...CALLED_MACHINE };
    await using vm = await Vm.start(options);
    await body(vm, root.command(EXECUTABLE));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const READ = "dd if=/dev/vda bs=15 count=1 2>/dev/null";
const WRITE =
  "printf written-by-guest | dd of=/dev/vda bs=512 seek=8 conv=fsync";

Deno.test("in Debian 11 with its QEMU 5.2, host and guest share a disk", async () => {
  await inDebian11(async (vm, command) => {
    const there = toolBy(command);
    const image = `${vm.runDir}/d1.img`;
    await makeImage(image, "written-by-host");
    const before = await snapshot(vm);
    const check = await there(vm, "check", vm.name);
    assertEquals([check.status, check.json.supported], [0, true], check.stdout);
    const add = await there(vm, "disk", "add", vm.name, image);
    assertEquals([add.stderr, add.status], ["", 0], add.stdout);
    assertEquals(add.json.device.via, "fdset");
    await vm.waitGuest("test -b /dev/vda");
    assertEquals((await vm.guest(READ)).output, "written-by-host");
    assertEquals((await vm.guest(WRITE)).status, 0);
    const bytes = await Deno.readFile(image);
    const text = new TextDecoder().decode(bytes.subarray(4096, 4112));
    assertMatch(text, /^written-by-guest$/);
    const { id } = add.json.device;
    const remove = await there(vm, "disk", "remove", vm.name, id);
    assertEquals([remove.stderr, remove.status], ["", 0], remove.stdout);
    assertEquals(await snapshot(vm), before);
  });
});

Deno.test("in Debian 11 with its QEMU 5.2, every command ends as elsewhere", async () => {
  await using bridges = await twoBridges();
  const place = { bridges: bridges.names, tap: "kh-calls-d11" };
  await inDebian11(async (vm, command) => {
    const there = await answersOf(command, vm, place);
    const [release] = tools.qemus;
    if (release === undefined) throw new Error("no QEMU");
    const options = { release, tools, runDir: `${vm.runDir}/here` };
    await using other = await Vm.restored({ ...options, ...CALLED_MACHINE });
    const here = await answersOf([EXECUTABLE], other, {
      ...place,
      tap: "kh-calls-d12",
    });
    assertEquals(there.map(outcomeOf), here.map(outcomeOf));
  });
});
