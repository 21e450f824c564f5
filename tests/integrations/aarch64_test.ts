/** Every command by the executable for aarch64, emulated, and by ours. */
import { assertEquals } from "@std/assert";
import { arm64Deno, buildArm64 } from "../lab/aarch64.ts";
import { EXECUTABLE } from "../lab/tool.ts";
import { testTools, Vm } from "../lab/vm.ts";
import { answersOf, CALLED_MACHINE, twoBridges } from "./calls.ts";

Deno.test("the aarch64 executable answers every command as ours does", async () => {
  const deno = await arm64Deno();
  const tools = await testTools();
  const [release] = tools.qemus;
  if (deno === undefined || release === undefined) {
    throw new Error("Cannot try it: no Deno for aarch64, or no QEMU");
  }
  const folder = await Deno.makeTempDir({ prefix: "kvm-hotplug-aarch64-" });
  try {
    await using bridges = await twoBridges();
    const answers = async (command: readonly string[], name: string) => {
      const runDir = `${folder}/${name}`;
      const options = { release, tools, runDir, ...CALLED_MACHINE };
      await using vm = await Vm.restored(options);
      const place = { bridges: bridges.names, tap: `kh-calls-${name}` };
      return await answersOf(command, vm, place);
    };
    const ours = await answers([EXECUTABLE], "x86");
    const emulated = await answers(await buildArm64(deno, folder), "arm");
    for (const [i, answer] of emulated.entries()) assertEquals(answer, ours[i]);
    console.log(`calls compared: ${ours.length}`);
    assertEquals(emulated.length, ours.length);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
