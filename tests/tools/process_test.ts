import { assertEquals } from "@std/assert";
import { until } from "../../tools/guest/deadline.ts";
import { runWithin } from "../../tools/test/process.ts";

async function runShell(script: string, limitMs: number) {
  const folder = await Deno.makeTempDir();
  try {
    const log = `${folder}/log`;
    return await runWithin(["sh", "-c", script], { cwd: "/", log, limitMs });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const PATIENCE_MS = 60_000;

Deno.test("runWithin() gives both outputs and how it ended", async () => {
  assertEquals(
    await runShell("echo out; echo err >&2; exit 3", PATIENCE_MS),
    { success: false, late: false, output: "out\nerr\n" },
  );
});

Deno.test("runWithin() waits for nobody who holds the outputs", async () => {
  const { success, output } = await runShell(
    "sleep 60 & echo $!",
    PATIENCE_MS,
  );
  Deno.kill(Number(output), "SIGKILL");
  assertEquals(success, true);
});

async function isRunning(pid: number): Promise<boolean> {
  try {
    // Behind the name in parentheses; Z: nobody has asked how it ended.
    const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
    return !stat.slice(stat.lastIndexOf(")")).startsWith(") Z");
  } catch {
    return false;
  }
}

Deno.test("runWithin() kills what hangs, and its children", async () => {
  const ended = await runShell("sleep 60 & echo $!; wait", 500);
  assertEquals([ended.success, ended.late], [false, true]);
  const child = Number(ended.output);
  assertEquals(child > 0, true, ended.output);
  await until(async () => await isRunning(child) ? undefined : true, {
    timeoutMs: PATIENCE_MS,
    what: "end of the child",
  });
});
