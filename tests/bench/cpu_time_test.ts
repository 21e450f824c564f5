import { assertEquals } from "@std/assert";
import { cpuMsOfChildren } from "./cpu_time.ts";

/** Milliseconds that a shell with this script had the CPU. */
async function cpuMsOf(script: string): Promise<number> {
  const before = cpuMsOfChildren();
  const command = new Deno.Command("/bin/sh", { args: ["-c", script] });
  const { success } = await command.output();
  assertEquals(success, true);
  return cpuMsOfChildren() - before;
}

Deno.test("cpuMsOfChildren() tells the CPU time, not the time on the clock", async () => {
  const count = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
  const begin = performance.now();
  const asleep = await cpuMsOf("sleep 0.3");
  assertEquals(performance.now() - begin >= 300, true);
  const busy = await cpuMsOf(`(${count})`);
  assertEquals(asleep > 0 && asleep < busy, true, `${asleep} and ${busy}`);
  assertEquals(busy > 20, true, `${busy} ms`);
});
